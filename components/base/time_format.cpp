#include "base/time_format.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>
#include <utility>

namespace mlguard::base {

namespace {

constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> kUnits = {{{"", kSecondMs},
                                                                              {"ms", 1},
                                                                              {"s", kSecondMs},
                                                                              {"m", kMinuteMs},
                                                                              {"h", kHourMs},
                                                                              {"d", kDayMs}}};

Error invalid_duration(std::string_view text) {
  return {ErrorCode::invalid_argument, "invalid_duration",
          "'" + std::string(text) + "' is not a duration; write for example 30s, 10m, 24h or 7d"};
}

}  // namespace

std::string iso_time(std::int64_t wall_ms) {
  if (wall_ms == 0) return {};
  const std::time_t seconds = static_cast<std::time_t>(wall_ms / kSecondMs);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> millis{};
  std::snprintf(millis.data(), millis.size(), ".%03dZ", static_cast<int>(wall_ms % kSecondMs));
  return std::string(text.data(), length) + millis.data();
}

std::string human_duration(std::int64_t duration_ms) {
  if (duration_ms < 0) duration_ms = 0;
  if (duration_ms < kSecondMs) return std::to_string(duration_ms) + " ms";
  if (duration_ms < 2 * kMinuteMs) return std::to_string(duration_ms / kSecondMs) + " s";
  if (duration_ms < 2 * kHourMs) return std::to_string(duration_ms / kMinuteMs) + " min";
  if (duration_ms < 2 * kDayMs) return std::to_string(duration_ms / kHourMs) + " h";
  return std::to_string(duration_ms / kDayMs) + " d";
}

Result<std::int64_t> parse_duration_ms(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || number < 0) return invalid_duration(text);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [name, unit_ms] : kUnits) {
    if (unit != name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit_ms) return invalid_duration(text);
    return number * unit_ms;
  }
  return invalid_duration(text);
}

}  // namespace mlguard::base
