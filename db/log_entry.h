// LogEntry: one entry of the change log, as it is stored, shipped to followers and applied there.
// Passive data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/digest.h"

namespace mlguard::db {

struct LogEntry {
  std::uint64_t revision = 0;
  std::uint64_t term = 0;
  std::uint64_t hlc = 0;
  std::string author;
  std::string resource;
  std::string summary;
  std::string request_id;  // Empty: none.
  std::string result;      // What a repeated request is answered; see write_result.h.
  std::string rows;        // Row images; see row_image.h. Empty: a marker.
  // Written under a condition on what stood before: never merged (docs/replication.md).
  bool compare_and_set = false;
  Digest digest{};
};

// A point of the history: equal (revision, digest) means equal history up to there.
struct LogPosition {
  std::uint64_t revision = 0;
  std::uint64_t term = 0;  // Of the entry at `revision`; 0 before the first.
  Digest digest{};
  friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

// Entries that only this node held when it took over another history.
struct SetAsideEntries {
  std::uint64_t common = 0;  // Up to here the histories agreed.
  std::vector<LogEntry> entries;
};

}  // namespace mlguard::db
