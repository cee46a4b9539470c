// AddressTable: the single addresses of the blocklist (bpf/block_table.h), written while the kernel
// programs search it. What is in it is found by every packet, also while others come and go; what
// was taken out is written over only when no program can be using it any more.
//
// All that counts is in the pinned maps: a process may be killed at any moment, and the next one
// goes on with what is there. (At worst an address that was never put in, or has been taken out,
// keeps its place until the pins are removed: one for each time.) One writer at a time.
//
// Limits: MLG_BLOCKED_ADDRESSES_MAX. Errors: as kernel_error.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "bpf/data_plane.h"
#include "xdp/mapped_map.h"

namespace mlguard::xdp {

using Address = std::array<std::uint8_t, MLG_ADDRESS_BYTES>;

struct BlockedAddress {
  Address address{};
  mlg_block block = {};
};

class AddressTable {
 public:
  // Makes and pins the maps where nobody has yet.
  static base::Result<AddressTable> open(const std::string& pin_folder);

  // Adds it with these counters, or changes the expiry of the one that is there. False: it is full.
  base::Result<bool> put(const Address& address, const mlg_block& block);
  // False: it is not there.
  bool remove(const Address& address);
  std::vector<BlockedAddress> list() const;

  // How many prefixes the programs believe that there are.
  void set_prefixes(std::uint64_t count);

 private:
  // Where an address stands.
  struct Place {
    std::uint32_t line = 0;
    std::uint32_t entry = 0;
    std::uint32_t number = 0;  // of the address
  };

  AddressTable() = default;
  void choose_secret();
  void find_left();
  base::Result<std::optional<std::uint32_t>> take_number();
  base::Status settle();
  void release(std::uint32_t number);
  std::uint64_t hash_of(const Address& address) const;
  std::optional<Place> find(const Address& address, std::uint64_t hash) const;
  std::optional<Place> free_place(std::uint64_t hash) const;
  std::uint64_t filter_bits(std::uint32_t home) const;

  void write_address(std::uint32_t number, const Address& address);
  Address read_address(std::uint32_t number) const;

  mlg_blocklist_state& state() const;
  __u64& filter_of(std::uint32_t home) const;
  std::uint32_t& entry_at(std::uint32_t line, std::uint32_t entry) const;
  mlg_blocked_address& address_at(std::uint32_t number) const;
  mlg_blocked_head& head_at(std::uint32_t number) const;

  base::UniqueFd state_fd_;
  MappedMap state_;
  MappedMap filter_;
  MappedMap index_;
  MappedMap addresses_;
  MappedMap heads_;
  base::UniqueFd grace_;             // an update of it waits for the programs
  std::vector<std::uint32_t> free_;  // numbers; others may have taken them
  std::vector<std::uint32_t> left_;  // become free when the programs have been waited for
};

}  // namespace mlguard::xdp
