// Random identifiers and the names that users choose. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::base {

inline constexpr std::size_t kComponentNameCharsMax = 63;
// The pseudo-component whose configuration every component reads.
inline constexpr std::string_view kGlobalComponent = "global";

// `bytes` random bytes from the kernel, as lower-case hex (2 × bytes characters).
std::string random_hex(std::size_t bytes);

// The id of one request, the same on each of its tries: 48 bits of time in milliseconds, then 80
// random bits, as 32 characters of hex. The time stands first so that an index of ids grows at its
// end (docs/decisions/0002-group-commit-cost.md).
std::string request_id(std::int64_t wall_ms);

// Names of components: 1 to 63 of [a-z0-9-], beginning with a letter and not ending with '-'
// (a DNS label, RFC 1123, so that it can stand in a URL, a file name and a host name).
// Error: invalid_argument / "invalid_name", saying which rule is broken.
Status check_component_name(std::string_view name);

// Lower-case hex of the bytes, and back. from_hex refuses odd lengths and other characters.
std::string to_hex(std::string_view bytes);
Result<std::string> from_hex(std::string_view hex);

}  // namespace mlguard::base
