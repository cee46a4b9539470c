// LogEntry: one entry of the change log, as it is stored, shipped to followers and applied there.
// Passive data.
#pragma once

#include <cstdint>
#include <string>

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
  std::string rows;        // Row images; see row_image.h.
  // Written under a condition on what stood before: never merged (docs/replication.md).
  bool compare_and_set = false;
  Digest digest{};
};

}  // namespace mlguard::db
