// Blocklist: the kernel's list of sources whose packets are dropped at XDP, wherever a program of
// data_plane.h is attached. It lives in pinned maps, outlives every process, and each entry stops
// by itself at its time, to the nanosecond, whether anybody is alive to remove it or not (it is
// then still in the map: whoever keeps the list removes it).
//
// An address is 16 bytes, IPv4 as ::ffff:a.b.c.d. Addresses without a prefix length are found in
// one step; prefixes are searched after them. Several prefixes over one address: the longest drops
// and counts.
//
// Limits: MLG_BLOCKED_ADDRESSES_MAX and MLG_BLOCKED_PREFIXES_MAX. Errors: too_large (they are
// reached: nothing of that call's rest is blocked), the kernel's as in data_plane.h. One writer at
// a time; the programs read meanwhile.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/data_plane.h"

namespace mlguard::xdp {

inline constexpr std::uint32_t kAddressBits = MLG_ADDRESS_BYTES * 8;

struct BlockedNetwork {
  std::array<std::uint8_t, MLG_ADDRESS_BYTES> address{};
  std::uint32_t prefix_bits = kAddressBits;  // kAddressBits: one address. IPv4's own and 96.
  bool operator==(const BlockedNetwork&) const = default;
};

struct Block {
  BlockedNetwork network;
  std::uint64_t expires_boot_ns = 0;  // CLOCK_BOOTTIME; 0: never
};

// What is in the kernel, and what it dropped.
struct BlockInForce {
  Block block;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

class Blocklist {
 public:
  // Makes and pins the maps where nobody has yet, and takes over what an older version pinned.
  static base::Result<std::unique_ptr<Blocklist>> open(const std::string& pin_folder);
  virtual ~Blocklist() = default;

  // Adds them. One that is there gets the new expiry and keeps its counters (of a prefix, drops of
  // the microsecond in between may go uncounted, never undropped).
  virtual base::Status block(const std::vector<Block>& blocks) = 0;
  // What is not there is no error.
  virtual base::Status unblock(const std::vector<BlockedNetwork>& networks) = 0;
  virtual base::Result<std::vector<BlockInForce>> list() = 0;
};

// Whether the pins of an older version are there still: open() takes them over.
bool has_older_blocklist(const std::string& pin_folder);

// Of now, for expires_boot_ns.
std::uint64_t boot_ns();

}  // namespace mlguard::xdp
