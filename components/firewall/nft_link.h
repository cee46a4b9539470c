// NftLink: the elements of nftables sets, over the kernel's own protocol (nfnetlink), because
// libnftables takes 6 s and 600 MB to list 300,000 of them (docs/decisions/0005-nft-elements.md).
// What a table is made of is libnftables' business (nft_enforcer.h).
//
// Sets here hold addresses (4 or 16 bytes) with a timeout each and a counter. One thread at a time.
// Errors: permission_denied, not_found (no such table or set), io.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mlguard::firewall {

// The bytes of an address, 4 or 16: hundreds of thousands of them travel at once.
class NftKey {
 public:
  NftKey() = default;
  // REQUIRES: at most kBytesMax; what is longer is cut.
  NftKey(std::string_view bytes)
      : size_(static_cast<std::uint8_t>(std::min(bytes.size(), kBytesMax))) {
    bytes.copy(bytes_.data(), size_);
  }
  std::string_view bytes() const { return {bytes_.data(), size_}; }
  bool operator==(const NftKey&) const = default;

 private:
  static constexpr std::size_t kBytesMax = 16;
  std::array<char, kBytesMax> bytes_{};
  std::uint8_t size_ = 0;
};

struct NftElement {
  NftKey key;
  std::uint64_t timeout_ms = 0;  // 0: never.
  std::uint64_t packets = 0;     // Of listings only, as the next.
  std::uint64_t bytes = 0;
};

struct NftElements {
  std::string set;
  std::vector<NftElement> elements;
};

class NftLink {
 public:
  static base::Result<NftLink> open();

  // One transaction. Elements to add `again` are there perhaps: they get the new timeout and lose
  // their count. Those to add should not be there (else they may keep their timeout), those to
  // remove need not.
  base::Status change(const std::string& table, const std::vector<NftElements>& add,
                      const std::vector<NftElements>& again,
                      const std::vector<NftElements>& remove);
  // The remaining timeouts.
  base::Result<std::vector<NftElement>> list(const std::string& table, const std::string& set);
  // Empty when there is no such table.
  base::Result<std::vector<std::string>> sets(const std::string& table);
  // Of all rules, which tells whether they are still those that they were. Empty without a table.
  base::Result<std::vector<std::uint64_t>> rule_handles(const std::string& table);
  // Counts the transactions of this network namespace, whoever makes them.
  base::Result<std::uint32_t> generation();

 private:
  explicit NftLink(base::UniqueFd socket) : socket_(std::move(socket)) {}
  base::Status send(const std::string& bytes);
  // Calls `each` for the messages of the answer to what was sent as `first` to `last`.
  template <class Each>
  base::Status receive(std::uint32_t first, std::uint32_t last, const Each& each);
  template <class Each>
  base::Status ask(std::uint16_t type, std::uint16_t flags, const std::string& attributes,
                   const Each& each);

  base::UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace mlguard::firewall
