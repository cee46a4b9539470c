// The front door of db/: opens the SQLite file behind an Engine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "db/engine.h"

namespace mlguard::db {

inline constexpr std::int64_t kLeaseFlushMs = 5'000;
inline constexpr std::int64_t kRequestIdMemoryMs = 3'600'000;
inline constexpr std::size_t kWriteGroupCommandsMax = 512;
inline constexpr std::size_t kWriteQueueCommandsMax = 20'000;

struct Retention {
  std::int64_t tombstone_ms = 24 * 3'600'000LL;
  std::int64_t audit_ms = 365 * 24 * 3'600'000LL;
  std::int64_t change_log_ms = 7 * 24 * 3'600'000LL;  // never below kRequestIdMemoryMs
  std::uint64_t change_log_bytes_max = 512ULL * 1024 * 1024;
  std::uint64_t detections_max = 1'000'000;
  std::uint64_t config_versions_max = 1'000;  // per component
  std::uint64_t rules_max = 1'000'000;
};

struct StoreOptions {
  std::string folder;  // DATA_DIR; control.db and the lock file live here. Created 0700.
  Retention retention;
};

// Opens or creates DATA_DIR/control.db, migrates its schema, checks it and recovers the leases.
// Errors, all saying what to do: conflict / "data_dir_in_use" (another instance holds the lock),
// corrupt / "database_corrupt" (named, never repaired silently), unsupported / "schema_too_new",
// io / "read_only", resource_exhausted / "disk_full".
// `clock` must outlive the engine.
base::Result<std::unique_ptr<Engine>> open_store(const StoreOptions& options, base::Clock& clock);

}  // namespace mlguard::db
