// Addresses and prefixes as rules hold them: one spelling for each. Stateless; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::db {

// "10.0.0.7/24" → "10.0.0.0/24", "2001:DB8::1" → "2001:db8::1/128": host bits zeroed, a bare
// address is the whole address. Error: invalid_argument / "invalid_cidr"; IPv4-mapped IPv6 is
// refused, because a packet never carries it and the rule would block nobody.
base::Result<std::string> canonical_cidr(std::string_view text);

// One address without a prefix length. Error: invalid_argument / "invalid_address".
base::Result<std::string> canonical_address(std::string_view text);

}  // namespace mlguard::db
