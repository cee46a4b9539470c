// Addresses and prefixes as rules hold them: one spelling for each. Stateless; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::db {

struct Cidr {
  enum class Family { ipv4, ipv6 };
  Family family = Family::ipv4;
  std::array<std::uint8_t, 16> bytes{};  // An IPv4 address takes the first four. Host bits are 0.
  unsigned prefix = 0;
};

// "10.0.0.7/24" → 10.0.0.0/24: host bits zeroed, a bare address is the whole address. Error:
// invalid_argument / "invalid_cidr"; IPv4-mapped IPv6 is refused, because a packet never carries
// it and the rule would block nobody.
base::Result<Cidr> parse_cidr(std::string_view text);
std::string to_text(const Cidr& cidr);  // "2001:db8::1/128"
bool contains(const Cidr& outer, const Cidr& inner);

// One address without a prefix length. Error: invalid_argument / "invalid_address".
base::Result<std::string> canonical_address(std::string_view text);

}  // namespace mlguard::db
