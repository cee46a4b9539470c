#include "rag/calendar_day.h"

#include <array>
#include <charconv>
#include <chrono>

namespace mlguard::rag {

namespace {

constexpr std::int64_t kMsADay = 86'400'000;
constexpr int kYearMin = 1970;
constexpr int kYearMax = 2200;
constexpr std::int64_t kDayOfMonthMax = 31;

std::optional<std::int64_t> begin_of(int year, unsigned month, unsigned day) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok() || year < kYearMin || year > kYearMax) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * kMsADay;
}

int year_of(std::int64_t day_ms) {
  const std::chrono::days days(static_cast<std::chrono::days::rep>(day_ms / kMsADay));
  return static_cast<int>(std::chrono::year_month_day(std::chrono::sys_days(days)).year());
}

// 1 to 12 for "nov" and "november"; 0 for other words.
unsigned month_of(std::string_view word) {
  constexpr std::array<std::string_view, 12> kMonths = {
      "january", "february", "march",     "april",   "may",      "june",
      "july",    "august",   "september", "october", "november", "december"};
  constexpr std::size_t kShortChars = 3;
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    const bool is_short = word.size() == kShortChars || word == "sept";
    if (word == kMonths[i] || (is_short && kMonths[i].starts_with(word))) return i + 1;
  }
  return 0;
}

// "may" is a verb as well: alone at the front of a day it needs a word for times before it.
bool is_verb(const Words& words, std::size_t place) {
  if (words.at(place) != "may") return false;
  const std::string before = place == 0 ? std::string() : words.at(place - 1);
  for (const std::string_view link :
       {"on", "since", "after", "before", "until", "till", "between", "from", "and", "to", "of"}) {
    if (before == link) return false;
  }
  return true;
}

// "23", "23rd"; 0 for other words.
unsigned day_of_month(std::string_view word) {
  for (const std::string_view ending : {"st", "nd", "rd", "th"}) {
    if (!word.ends_with(ending)) continue;
    word.remove_suffix(ending.size());
    break;
  }
  return static_cast<unsigned>(number_at_most(word, kDayOfMonthMax).value_or(0));
}

}  // namespace

std::optional<std::int64_t> number_at_most(std::string_view text, std::int64_t max) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || text.empty()) return std::nullopt;
  if (value < 0 || value > max) return std::nullopt;
  return value;
}

std::optional<std::int64_t> iso_day_ms(std::string_view text) {
  constexpr std::size_t kDateChars = 10;
  if (text.size() != kDateChars || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = number_at_most(text.substr(0, 4), kYearMax);
  const auto month = number_at_most(text.substr(5, 2), 12);
  const auto day = number_at_most(text.substr(8, 2), kDayOfMonthMax);
  if (!year || !month || !day) return std::nullopt;
  return begin_of(static_cast<int>(*year), static_cast<unsigned>(*month),
                  static_cast<unsigned>(*day));
}

std::optional<CalendarDay> calendar_day_at(const Words& words, std::size_t place,
                                           std::int64_t today_ms) {
  std::size_t next = place;
  unsigned month = month_of(words.at(next));
  unsigned day = 0;
  if (month != 0) {
    if (is_verb(words, place)) return std::nullopt;
    day = day_of_month(words.at(++next));
  } else {
    day = day_of_month(words.at(next));
    if (words.at(++next) == "of") ++next;
    month = month_of(words.at(next));
  }
  ++next;
  if (month == 0 || day == 0) return std::nullopt;
  if (const auto said = number_at_most(words.at(next), kYearMax); said && *said >= kYearMin) {
    const auto begin = begin_of(static_cast<int>(*said), month, day);
    return begin ? std::optional(CalendarDay{*begin, next + 1 - place}) : std::nullopt;
  }
  // Back to a leap year, for a 29th of February.
  constexpr int kYearsBackMax = 8;
  for (int back = 0; back <= kYearsBackMax; ++back) {
    const auto begin = begin_of(year_of(today_ms) - back, month, day);
    if (begin && *begin <= today_ms) return CalendarDay{*begin, next - place};
  }
  return std::nullopt;
}

}  // namespace mlguard::rag
