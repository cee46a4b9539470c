// Counts and hashes every replicated row: the truth that the incremental totals must agree with.
// Throws SQLite::Exception; internal to db/. The connection belongs to the caller's thread.
#pragma once

#include <cstdint>

#include "db/connection.h"
#include "db/digest.h"

namespace mlguard::db {

struct StateTotals {
  Digest state_digest{};
  std::uint64_t rules_digest = 0;
  std::uint64_t rules_live = 0;
  std::uint64_t detections = 0;
  std::uint64_t row_count = 0;
};

StateTotals scan_state(Connection& connection);

}  // namespace mlguard::db
