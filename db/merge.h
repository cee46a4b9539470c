// What a merge is asked for and what it did. Passive data. The rules: docs/store.md ("Merging").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "db/log_entry.h"

namespace mlguard::db {

// Rows further ahead of the wall clock here are kept as conflicts.
inline constexpr std::int64_t kMergeClockAheadMsMax = 60'000;

struct MergeRequest {
  // Up to here the histories agreed: what stood then was seen by the tail's writers.
  std::uint64_t common = 0;
  std::string from;               // The address of the instance that held them.
  std::vector<LogEntry> entries;  // Oldest first, with revision, term and digest.
};

struct MergeReport {
  std::uint64_t revision = 0;  // Of the last entry; of the state when nothing had to change.
  std::size_t entries_appended = 0;
  std::size_t conflicts = 0;  // Rows recorded as losers.
};

}  // namespace mlguard::db
