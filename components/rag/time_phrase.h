// The times in a question: "since yesterday", "last night", "in the last 2 hours", "on Monday",
// "between 10:00 and 12:30", "2026-11-25 14:00", "on November 23", "since version 4", in the
// asker's zone. A time of day that is still to come today is taken for yesterday's: people ask
// about what was.
//
// Pure functions over words (rag/words.h); safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "rag/words.h"

namespace mlguard::rag {

struct TimePhrase {
  std::optional<std::int64_t> from_ms;   // from it on …
  std::optional<std::int64_t> until_ms;  // … and before this.
  // The one moment that is meant, where the words name one: "at 14:00", "2 hours ago".
  std::optional<std::int64_t> at_ms;
  std::uint64_t since_version = 0;  // "since version 4": the times are not known here.
  std::string said;                 // "since 2026-11-25 00:00 UTC+1", for the answer.
  // The words that it is made of.
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::optional<TimePhrase> find_time_phrase(const Words& words, std::int64_t now_ms,
                                           int utc_offset_min);
// "from … to …", "since …", "before …", as set.
std::string said_of(const TimePhrase& time, int utc_offset_min);

// "2", "two", "a", "2h", "90min": a length of time of one or two words. `used` says how many.
std::optional<std::int64_t> duration_at(const Words& words, std::size_t place, std::size_t& used);

}  // namespace mlguard::rag
