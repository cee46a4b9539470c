// Days as people write them: "2026-11-25", "November 23", "23 Nov", "the 23rd of November 2025".
// A day without a year is the last one of its name: nobody asks about what is to come.
//
// Pure functions over words (rag/words.h); safe from any thread. Times are milliseconds of local
// time, since 1970-01-01 00:00 there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "rag/words.h"

namespace mlguard::rag {

struct CalendarDay {
  std::int64_t begin_ms = 0;
  std::size_t used = 0;  // words
};

// A day whose month is written as a word, at `place`. `today_ms` is the beginning of today.
std::optional<CalendarDay> calendar_day_at(const Words& words, std::size_t place,
                                           std::int64_t today_ms);

// "2026-11-25", of the years 1970 to 2200; nothing where there is no such day.
std::optional<std::int64_t> iso_day_ms(std::string_view text);

// Digits alone, up to `max`.
std::optional<std::int64_t> number_at_most(std::string_view text, std::int64_t max);

}  // namespace mlguard::rag
