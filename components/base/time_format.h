// Times for people: ISO 8601 in UTC, and durations as people type them. Stateless.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::base {

// "2026-11-23T23:05:28.123Z"; empty for 0, which means "never" throughout.
std::string iso_time(std::int64_t wall_ms);

// The inverse, for the same shape with up to three decimals or none: "2026-11-23T23:05:28Z", not
// before 1970. The empty text is 0. Error: invalid_argument / "invalid_time".
Result<std::int64_t> parse_iso_time_ms(std::string_view text);

// "7 s", "3 min", "5 h", "12 d": the largest unit that is at least one.
std::string human_duration(std::int64_t duration_ms);

// "500ms", "30s", "10m", "24h", "7d" or a bare number of seconds, as milliseconds.
// Error: invalid_argument / "invalid_duration".
Result<std::int64_t> parse_duration_ms(std::string_view text);

}  // namespace mlguard::base
