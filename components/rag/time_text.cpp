#include "rag/time_text.h"

#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/time_format.h"

namespace mlguard::rag {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr int kHourMin = 60;
constexpr std::size_t kDateChars = 10;
constexpr std::size_t kClockBegin = 11;
constexpr std::size_t kClockChars = 5;
constexpr std::size_t kSecondsBegin = 16;
constexpr std::size_t kSecondsChars = 8;

}  // namespace

std::string zone_text(int utc_offset_min) {
  if (utc_offset_min == 0) return "UTC";
  const int away = std::abs(utc_offset_min);
  std::string text = "UTC" + std::string(utc_offset_min > 0 ? "+" : "-");
  text += std::to_string(away / kHourMin);
  if (away % kHourMin == 0) return text;
  std::array<char, 16> minutes{};
  std::snprintf(minutes.data(), minutes.size(), ":%02d", away % kHourMin);
  return text + minutes.data();
}

std::string local_time(std::int64_t wall_ms, int utc_offset_min) {
  if (wall_ms == 0) return {};
  const std::string iso = base::iso_time(wall_ms + utc_offset_min * kMinuteMs);
  if (iso.size() < kClockBegin + kClockChars) return {};
  const bool full_minute = iso.substr(kSecondsBegin, 3) == ":00";
  return iso.substr(0, kDateChars) + " " +
         iso.substr(kClockBegin, full_minute ? kClockChars : kSecondsChars) + " " +
         zone_text(utc_offset_min);
}

std::string age_text(std::int64_t wall_ms, std::int64_t now_ms) {
  constexpr std::int64_t kSecondMs = 1'000;
  const std::int64_t away = now_ms - wall_ms;
  if (std::abs(away) < kSecondMs) return "just now";
  return away > 0 ? base::human_duration(away) + " ago" : "in " + base::human_duration(-away);
}

std::string time_with_age(std::int64_t wall_ms, std::int64_t now_ms, int utc_offset_min) {
  return local_time(wall_ms, utc_offset_min) + " (" + age_text(wall_ms, now_ms) + ")";
}

}  // namespace mlguard::rag
