// The settings of the store behind an Engine. The front doors of db/ are engine.h (what the rest of
// the program sees) and sqlite_store.h (the store itself, which replicator/ drives).
#pragma once

#include <cstdint>
#include <string>

namespace mlguard::db {

inline constexpr std::int64_t kLeaseFlushMs = 5'000;
inline constexpr std::int64_t kRequestIdMemoryMs = 3'600'000;

struct Retention {
  std::int64_t tombstone_ms = 24 * 3'600'000LL;
  std::int64_t audit_ms = 365 * 24 * 3'600'000LL;
  std::int64_t change_log_ms = 7 * 24 * 3'600'000LL;  // never below kRequestIdMemoryMs
  std::uint64_t change_log_bytes_max = 512ULL * 1024 * 1024;
  std::uint64_t detections_max = 1'000'000;
  std::uint64_t config_versions_max = 1'000;  // per component
  std::uint64_t rules_max = 1'000'000;        // live ones; more are refused
};

struct StoreOptions {
  std::string folder;  // DATA_DIR; control.db and the lock file live here. Created 0700.
  Retention retention;
};

}  // namespace mlguard::db
