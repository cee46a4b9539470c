// Network: an IPv4 or IPv6 prefix as the blocklists of the kernel know it, and the arithmetic on
// prefixes. Plain values and pure functions; safe from any thread.
//
// An address is 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), and the length of an IPv4
// prefix counts from there: 10.0.0.0/8 has 104 bits. Host bits are zero. Two prefixes are either
// disjoint or one contains the other; in the order of operator<=> what a prefix contains follows
// it.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::firewall {

inline constexpr unsigned kAddressBytes = 16;
inline constexpr unsigned kAddressBits = kAddressBytes * 8;
inline constexpr unsigned kMappedBits = 96;  // in front of an IPv4 address

struct Network {
  std::array<std::uint8_t, kAddressBytes> address{};
  std::uint8_t bits = kAddressBits;

  auto operator<=>(const Network&) const = default;
};

// Another one in each process: who chooses addresses cannot know which ones collide.
struct NetworkHash {
  std::size_t operator()(const Network& network) const;
};

// "192.0.2.7", "192.0.2.0/24", "2001:db8::/48"; host bits are zeroed. Errors: invalid_argument /
// "invalid_cidr" for what is none, "mapped_address" for IPv4 written inside IPv6, and for an IPv6
// prefix so wide that it holds all of IPv4: no packet carries such a source.
base::Result<Network> parse_network(std::string_view text);
// The shortest text that parses to it: without the length for a single address.
std::string to_text(const Network& network);

bool is_ipv4(const Network& network);
// The length as people write it: IPv4's own of an IPv4 network.
unsigned written_bits(const Network& network);
bool contains(const Network& outer, const Network& inner);
// Its first `bits` bits. REQUIRES: bits <= network.bits.
Network shortened(const Network& network, unsigned bits);

// `whole` without `holes`, as few prefixes as possible, in order. Every hole must lie in `whole`.
// Error: too_large / "too_many_pieces" when it takes more than `pieces_max`.
base::Result<std::vector<Network>> without(const Network& whole, std::span<const Network> holes,
                                           std::size_t pieces_max);

}  // namespace mlguard::firewall
