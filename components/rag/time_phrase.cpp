#include "rag/time_phrase.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "rag/calendar_day.h"
#include "rag/time_text.h"

namespace mlguard::rag {
namespace {

constexpr std::int64_t kSecondMs = 1'000;
constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr std::int64_t kWeekMs = 7 * kDayMs;
constexpr std::int64_t kDurationMsMax = 3'650 * kDayMs;
constexpr std::int64_t kJustNowMs = 15 * kMinuteMs;
// What people call night, evening, …: in hours of the local day.
constexpr int kMorningHour = 5;
constexpr int kNoonHour = 12;
constexpr int kEveningHour = 18;
constexpr int kNightEndHour = 8;

// A stretch of local time; a moment has begin == end.
struct Stretch {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::size_t used = 0;  // words
  bool moment = false;
};

std::optional<std::int64_t> number(std::string_view text) {
  constexpr std::int64_t kNumberMax = 1'000'000;
  return number_at_most(text, kNumberMax);
}

std::optional<std::int64_t> count_word(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, int>, 17> kCounts = {{{"a", 1},
                                                                         {"an", 1},
                                                                         {"one", 1},
                                                                         {"two", 2},
                                                                         {"couple", 2},
                                                                         {"three", 3},
                                                                         {"few", 3},
                                                                         {"four", 4},
                                                                         {"five", 5},
                                                                         {"six", 6},
                                                                         {"seven", 7},
                                                                         {"eight", 8},
                                                                         {"nine", 9},
                                                                         {"ten", 10},
                                                                         {"twelve", 12},
                                                                         {"half", 0},
                                                                         {"fifteen", 15}}};
  for (const auto& [name, value] : kCounts) {
    if (word == name) return value;
  }
  return number(word);
}

std::int64_t unit_ms(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 15> kUnits = {
      {{"s", kSecondMs},
       {"second", kSecondMs},
       {"seconds", kSecondMs},
       {"m", kMinuteMs},
       {"minute", kMinuteMs},
       {"minutes", kMinuteMs},
       {"h", kHourMs},
       {"hour", kHourMs},
       {"hours", kHourMs},
       {"d", kDayMs},
       {"day", kDayMs},
       {"days", kDayMs},
       {"week", kWeekMs},
       {"weeks", kWeekMs},
       {"month", 30 * kDayMs}}};
  for (const auto& [name, value] : kUnits) {
    if (unit == name) return value;
  }
  if (unit == "min" || unit == "mins") return kMinuteMs;
  if (unit == "hrs" || unit == "hr") return kHourMs;
  if (unit == "sec" || unit == "secs") return kSecondMs;
  if (unit == "months") return 30 * kDayMs;
  return 0;
}

// "14:00", "14:00:30", "2pm", "2:30am", "noon", "midnight": milliseconds since local midnight.
std::optional<std::int64_t> clock_ms(std::string_view text) {
  if (text == "noon") return kNoonHour * kHourMs;
  if (text == "midnight") return 0;
  const bool am = text.ends_with("am");
  const bool pm = text.ends_with("pm");
  if (am || pm) text.remove_suffix(2);
  std::array<std::int64_t, 3> parts{};
  std::size_t count = 0;
  while (count < parts.size() && !text.empty()) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const auto part = number(text.substr(0, colon));
    if (!part || colon > 2) return std::nullopt;
    parts[count++] = *part;
    text.remove_prefix(std::min(colon + 1, text.size()));
  }
  if (!text.empty() || count == 0 || (count == 1 && !am && !pm)) return std::nullopt;
  constexpr std::int64_t kSixty = 60;
  constexpr std::int64_t kHours = 24;
  if ((am || pm) && (parts[0] < 1 || parts[0] > kNoonHour)) return std::nullopt;
  if (am || pm) parts[0] = parts[0] % kNoonHour + (pm ? kNoonHour : 0);
  if (parts[0] >= kHours || parts[1] >= kSixty || parts[2] >= kSixty) return std::nullopt;
  return parts[0] * kHourMs + parts[1] * kMinuteMs + parts[2] * kSecondMs;
}

int weekday_of(std::string_view word) {
  constexpr std::array<std::string_view, 7> kDays = {"monday", "tuesday",  "wednesday", "thursday",
                                                     "friday", "saturday", "sunday"};
  constexpr std::size_t kShortCharsMin = 3;
  for (std::size_t i = 0; i < kDays.size(); ++i) {
    if (word == kDays[i] || (word.size() >= kShortCharsMin && word.size() <= 5 && word != "sunda" &&
                             word != "monda" && kDays[i].starts_with(word))) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

class Reader {
 public:
  // `now` is local time: everything in here is.
  Reader(const Words& words, std::int64_t now, int offset_min)
      : words_(words), now_(now), offset_ms_(offset_min * kMinuteMs), today_(now - now % kDayMs) {}

  std::optional<Stretch> at(std::size_t place) const {
    for (const auto read :
         {&Reader::absolute, &Reader::calendar, &Reader::named_day, &Reader::named_stretch,
          &Reader::length_ago, &Reader::last_length, &Reader::clock}) {
      if (auto found = (this->*read)(place)) return found;
    }
    return std::nullopt;
  }

 private:
  std::string_view word(std::size_t place) const { return words_.at(place); }
  int today_weekday() const {
    constexpr std::int64_t kThursday = 3;  // 1970-01-01
    return static_cast<int>((today_ / kDayMs + kThursday) % 7);
  }

  // A part of a day behind its name: "yesterday evening", "yesterday at 14:00".
  Stretch within_day(std::int64_t day, std::size_t place, std::size_t used) const {
    std::size_t next = place + used;
    const std::string_view part = word(next);
    const auto hours = [&](int from, int to) {
      return Stretch{day + from * kHourMs, day + to * kHourMs, used + 1};
    };
    if (part == "morning") return hours(kMorningHour, kNoonHour);
    if (part == "afternoon") return hours(kNoonHour, kEveningHour);
    if (part == "evening") return hours(kEveningHour, 24);
    if (part == "night") return hours(kEveningHour, 24 + kNightEndHour);
    const std::size_t skip = part == "at" || part == "around" ? 1 : 0;
    if (const auto time = clock_ms(word(next + skip))) {
      return {day + *time, day + *time, used + skip + 1, true};
    }
    return {day, day + kDayMs, used};
  }

  std::optional<Stretch> absolute(std::size_t place) const {
    constexpr std::size_t kDateChars = 10;
    const std::string_view text = word(place);
    const auto day = iso_day_ms(text.substr(0, kDateChars));
    if (!day) return std::nullopt;
    if (text.size() == kDateChars) return within_day(*day, place, 1);
    if (text[kDateChars] != 't') return std::nullopt;
    std::string_view rest = text.substr(kDateChars + 1);
    const bool utc = rest.ends_with("z");
    if (utc) rest.remove_suffix(1);
    rest = rest.substr(0, rest.find('.'));
    const auto time = clock_ms(rest);
    if (!time) return std::nullopt;
    const std::int64_t moment = *day + *time + (utc ? offset_ms_ : 0);
    return Stretch{moment, moment, 1, true};
  }

  std::optional<Stretch> calendar(std::size_t place) const {
    const auto day = calendar_day_at(words_, place, today_);
    if (!day) return std::nullopt;
    return within_day(day->begin_ms, place, day->used);
  }

  std::optional<Stretch> named_day(std::size_t place) const {
    const std::string_view first = word(place);
    if (first == "today") return within_day(today_, place, 1);
    if (first == "yesterday") return within_day(today_ - kDayMs, place, 1);
    const bool last = first == "last";
    const int weekday = weekday_of(word(place + (last ? 1 : 0)));
    if (weekday < 0) return std::nullopt;
    // Short forms are words of their own ("sun", "sat"): they need "on", "since" or "last" before.
    const std::string_view before = place == 0 ? "" : word(place - 1);
    const bool is_short = word(place + (last ? 1 : 0)).size() <= 5;
    if (is_short && !last && before != "on" && before != "since") return std::nullopt;
    std::int64_t back = (today_weekday() - weekday + 7) % 7;
    if (back == 0 && last) back = 7;
    return within_day(today_ - back * kDayMs, place, last ? 2 : 1);
  }

  std::optional<Stretch> named_stretch(std::size_t place) const {
    const std::string_view first = word(place);
    const std::string_view second = word(place + 1);
    const std::int64_t monday = today_ - today_weekday() * kDayMs;
    if (first == "overnight" || (first == "last" && second == "night")) {
      return Stretch{today_ - kDayMs + kEveningHour * kHourMs, today_ + kNightEndHour * kHourMs,
                     first == "last" ? 2U : 1U};
    }
    if (first == "tonight") return Stretch{today_ + kEveningHour * kHourMs, now_ + 1, 1};
    if (first == "recently" || first == "lately") return Stretch{now_ - kDayMs, now_ + 1, 1};
    if (first == "just" && second == "now") return Stretch{now_ - kJustNowMs, now_ + 1, 2};
    if (first == "last" && second == "week") return Stretch{monday - kWeekMs, monday, 2};
    if (first == "last" && second == "weekend") return Stretch{monday - 2 * kDayMs, monday, 2};
    if (first != "this") return std::nullopt;
    if (second == "week") return Stretch{monday, now_ + 1, 2};
    if (second == "hour") return Stretch{now_ - now_ % kHourMs, now_ + 1, 2};
    if (second == "morning" || second == "afternoon" || second == "evening") {
      return within_day(today_, place + 1, 0).used == 0 ? std::nullopt
                                                        : std::optional(this_part(place));
    }
    if (second == "month") {
      const auto date = std::chrono::year_month_day(std::chrono::sys_days(
          std::chrono::days(static_cast<std::chrono::days::rep>(today_ / kDayMs))));
      return Stretch{today_ - (static_cast<std::int64_t>(unsigned{date.day()}) - 1) * kDayMs,
                     now_ + 1, 2};
    }
    return std::nullopt;
  }
  Stretch this_part(std::size_t place) const {
    Stretch part = within_day(today_, place + 1, 0);
    part.used = 2;
    return part;
  }

  // "2 hours ago", "an hour ago", "2h ago".
  std::optional<Stretch> length_ago(std::size_t place) const {
    std::size_t used = 0;
    const auto length = duration_at(words_, place, used);
    if (!length || word(place + used) != "ago") return std::nullopt;
    const std::int64_t moment = now_ - *length;
    return Stretch{moment, moment, used + 1, true};
  }

  // "last 2 hours", "past hour", "previous 30 minutes".
  std::optional<Stretch> last_length(std::size_t place) const {
    const std::string_view first = word(place);
    if (first != "last" && first != "past" && first != "previous") return std::nullopt;
    const std::int64_t one = unit_ms(word(place + 1));
    if (one > 0) return Stretch{now_ - one, now_ + 1, 2};
    std::size_t used = 0;
    const auto length = duration_at(words_, place + 1, used);
    if (!length) return std::nullopt;
    return Stretch{now_ - *length, now_ + 1, used + 1};
  }

  std::optional<Stretch> clock(std::size_t place) const {
    auto time = clock_ms(word(place));
    std::size_t used = 1;
    if (!time && (word(place + 1) == "am" || word(place + 1) == "pm")) {
      time = clock_ms(std::string(word(place)) + std::string(word(place + 1)));
      used = 2;
    }
    if (!time) return std::nullopt;
    std::int64_t moment = today_ + *time;
    if (word(place + used) == "yesterday" || moment > now_) {
      used += word(place + used) == "yesterday" ? 1U : 0U;
      moment -= kDayMs;
    } else if (word(place + used) == "today") {
      ++used;
    }
    return Stretch{moment, moment, used, true};
  }

  const Words& words_;
  std::int64_t now_;
  std::int64_t offset_ms_;
  std::int64_t today_;
};

bool is_since(std::string_view word) { return word == "since" || word == "after"; }
bool is_before(std::string_view word) {
  return word == "before" || word == "until" || word == "till";
}
bool is_link(std::string_view word) {
  return word == "on" || word == "at" || word == "in" || word == "the" || word == "during" ||
         word == "over" || word == "within" || word == "from" || word == "around" || word == "of";
}

// "since version 4", "since v4".
std::optional<TimePhrase> since_version(const Words& words) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (!is_since(words.at(i))) continue;
    std::string_view text = words.at(i + 1);
    std::size_t used = 2;
    if (text == "version") {
      text = words.at(i + 2);
      used = 3;
    }
    if (text.starts_with("v")) {
      text.remove_prefix(1);
    } else if (used == 2) {
      continue;
    }
    const auto version = number(text);
    if (!version || *version == 0) continue;
    TimePhrase found;
    found.since_version = static_cast<std::uint64_t>(*version);
    found.said = "since version " + std::to_string(*version);
    found.begin = i;
    found.end = i + used;
    return found;
  }
  return std::nullopt;
}

// The second time of "between A and B" and "from A to B", at `place`.
std::optional<Stretch> second_time(const Words& words, const Reader& reader, std::size_t first,
                                   std::size_t place) {
  const std::string_view before =
      first == 0 ? std::string_view() : std::string_view(words.at(first - 1));
  const std::string_view link = words.at(place);
  const bool between = before == "between" && (link == "and" || link == "to" || link == "-");
  const bool from = link == "to" || link == "until" || link == "till" || link == "-";
  if (!between && !from) return std::nullopt;
  auto second = reader.at(place + 1);
  if (second) second->used += 1;
  return second;
}

// "from 10 to 12": hours without minutes, in this form only.
std::optional<TimePhrase> between_hours(const Words& words, std::int64_t today) {
  constexpr std::int64_t kHours = 24;
  for (std::size_t i = 0; i + 3 < words.size(); ++i) {
    const bool opens = words.at(i) == "between" || words.at(i) == "from";
    const bool links = words.at(i + 2) == "and" || words.at(i + 2) == "to";
    if (!opens || !links) continue;
    const auto from = number(words.at(i + 1));
    const auto to = number(words.at(i + 3));
    if (!from || !to || *from >= *to || *to > kHours) continue;
    const std::string_view after = words.at(i + 4);
    if (after != "today" && after != "oclock" && after != "o'clock") continue;
    TimePhrase found;
    found.from_ms = today + *from * kHourMs;
    found.until_ms = today + *to * kHourMs;
    found.begin = i;
    found.end = i + 5;
    return found;
  }
  return std::nullopt;
}

TimePhrase phrase_of(const Words& words, const Stretch& first, const std::optional<Stretch>& second,
                     std::size_t place, std::int64_t now) {
  TimePhrase found;
  found.begin = place;
  found.end = place + first.used + (second ? second->used : 0);
  std::size_t link = place;
  while (link > 0 && is_link(words.at(link - 1))) --link;
  const std::string_view before =
      link == 0 ? std::string_view() : std::string_view(words.at(link - 1));
  if (second) {
    found.from_ms = first.begin;
    found.until_ms = second->end;
    // "between 22:00 and 02:00": the second is of the day after.
    if (*found.until_ms <= *found.from_ms) *found.until_ms += kDayMs;
    if (*found.until_ms > now + kDayMs) {
      *found.from_ms -= kDayMs;
      *found.until_ms -= kDayMs;
    }
    if (before == "between") link -= 1;
  } else if (is_since(before)) {
    found.from_ms = before == "after" && !first.moment ? first.end : first.begin;
    link -= 1;
  } else if (is_before(before)) {
    found.until_ms = first.begin;
    link -= 1;
  } else if (first.moment) {
    found.at_ms = first.begin;
    found.from_ms = first.begin;
    found.until_ms = first.begin + kMinuteMs;
  } else {
    found.from_ms = first.begin;
    found.until_ms = first.end;
  }
  found.begin = link;
  return found;
}

}  // namespace

std::optional<std::int64_t> duration_at(const Words& words, std::size_t place, std::size_t& used) {
  std::string_view text = words.at(place);
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  std::optional<std::int64_t> count;
  std::int64_t unit = 0;
  if (digits > 0 && digits < text.size()) {
    count = number(text.substr(0, digits));
    unit = unit_ms(text.substr(digits));
    used = 1;
  } else {
    count = count_word(text);
    used = 1;
    if (!count) return std::nullopt;
    if (text == "half" && (words.at(place + 1) == "an" || words.at(place + 1) == "a")) ++used;
    if (text == "a" && words.at(place + 1) == "couple") count = 2, ++used;
    if (text == "a" && words.at(place + 1) == "few") count = 3, ++used;
    if (words.at(place + used) == "of") ++used;
    unit = unit_ms(words.at(place + used));
    ++used;
  }
  if (!count || unit == 0) return std::nullopt;
  const std::int64_t length = *count == 0 ? unit / 2 : *count * unit;
  if (*count > kDurationMsMax / unit) return std::nullopt;
  return length;
}

std::string said_of(const TimePhrase& time, int utc_offset_min) {
  if (time.since_version != 0) return "since version " + std::to_string(time.since_version);
  if (time.at_ms) return "at " + local_time(*time.at_ms, utc_offset_min);
  if (time.from_ms && time.until_ms) {
    return "from " + local_time(*time.from_ms, utc_offset_min) + " to " +
           local_time(*time.until_ms, utc_offset_min);
  }
  if (time.from_ms) return "since " + local_time(*time.from_ms, utc_offset_min);
  if (time.until_ms) return "before " + local_time(*time.until_ms, utc_offset_min);
  return {};
}

std::optional<TimePhrase> find_time_phrase(const Words& words, std::int64_t now_ms,
                                           int utc_offset_min) {
  constexpr int kOffsetMinMax = 14 * 60;
  const int offset = std::clamp(utc_offset_min, -kOffsetMinMax, kOffsetMinMax);
  const std::int64_t shift = offset * kMinuteMs;
  const std::int64_t now = now_ms + shift;
  if (now < kDayMs) return std::nullopt;  // A clock that nobody set: no day can be counted from it.
  if (auto found = since_version(words)) return found;
  const Reader reader(words, now, offset);
  std::optional<TimePhrase> found = between_hours(words, now - now % kDayMs);
  for (std::size_t i = 0; !found && i < words.size(); ++i) {
    const auto first = reader.at(i);
    if (!first) continue;
    found = phrase_of(words, *first, second_time(words, reader, i, i + first->used), i, now);
  }
  if (!found) return std::nullopt;
  for (std::optional<std::int64_t>* time : {&found->from_ms, &found->until_ms, &found->at_ms}) {
    if (*time) **time -= shift;
  }
  // What reaches up to now has no end worth telling.
  if (found->until_ms && *found->until_ms > now_ms && found->from_ms) found->until_ms.reset();
  found->said = said_of(*found, offset);
  return found;
}

}  // namespace mlguard::rag
