#include "base/time_format.h"

#include <array>
#include <charconv>
#include <chrono>
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

Error invalid_time(std::string_view text) {
  constexpr std::size_t kShownCharsMax = 40;
  return {ErrorCode::invalid_argument, "invalid_time",
          "'" + std::string(text.substr(0, kShownCharsMax)) +
              "' is not a time; write UTC as 2026-11-23T23:05:28Z"};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string iso_time(std::int64_t wall_ms) {
  if (wall_ms == 0) return {};
  const std::time_t seconds = static_cast<std::time_t>(wall_ms / kSecondMs);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  // Digit by digit: full sets of rules are lists of times, and strftime looks at locales.
  std::string text = std::to_string(parts.tm_year + 1900);
  const auto two_digits = [&text](char before, int number) {
    text += {before, static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
  };
  two_digits('-', parts.tm_mon + 1);
  two_digits('-', parts.tm_mday);
  two_digits('T', parts.tm_hour);
  two_digits(':', parts.tm_min);
  two_digits(':', parts.tm_sec);
  const int millis = static_cast<int>(wall_ms % kSecondMs);
  two_digits('.', millis / 10);
  text += {static_cast<char>('0' + millis % 10), 'Z'};
  return text;
}

Result<std::int64_t> parse_iso_time_ms(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.empty()) return std::int64_t{0};
  if (text.size() <= kShape.size() || text.back() != 'Z') return invalid_time(text);
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == 'd' ? !is_digit(text[i]) : text[i] != kShape[i]) return invalid_time(text);
  }
  const auto part = [&text](std::size_t at, std::size_t count) {
    int number = 0;
    for (const char c : text.substr(at, count)) number = number * 10 + (c - '0');
    return number;
  };
  std::string_view decimals = text.substr(kShape.size(), text.size() - kShape.size() - 1);
  std::int64_t millis = 0;
  if (!decimals.empty()) {
    if (decimals.size() < 2 || decimals.size() > 4 || decimals.front() != '.') {
      return invalid_time(text);
    }
    decimals.remove_prefix(1);
    for (std::size_t i = 0; i < 3; ++i) {
      const char digit = i < decimals.size() ? decimals[i] : '0';
      if (!is_digit(digit)) return invalid_time(text);
      millis = millis * 10 + (digit - '0');
    }
  }
  using namespace std::chrono;
  const year_month_day day{year(part(0, 4)), month(static_cast<unsigned>(part(5, 2))),
                           std::chrono::day(static_cast<unsigned>(part(8, 2)))};
  // Before 1970 nothing of ours happened, and negative times would not survive iso_time.
  if (!day.ok() || part(0, 4) < 1970 || part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 59) {
    return invalid_time(text);
  }
  const std::int64_t days = sys_days(day).time_since_epoch().count();
  return days * kDayMs + part(11, 2) * kHourMs + part(14, 2) * kMinuteMs + part(17, 2) * kSecondMs +
         millis;
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
