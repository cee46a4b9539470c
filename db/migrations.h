// Brings a database's schema up to date with the numbered SQL files embedded from data/migrations.
// Each runs in its own transaction and is recorded in schema_version and PRAGMA user_version.
// Throws SQLite::Exception; internal to db/. The connection belongs to the caller's thread.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "db/connection.h"

namespace mlguard::db {

// "mlgd": tells our files from other SQLite databases (PRAGMA application_id).
inline constexpr std::int64_t kApplicationId = 0x6d6c6764;

struct MigrationReport {
  int applied = 0;
  bool was_empty = false;  // A new database.
};

// unsupported / "schema_too_new" when a newer release wrote the file; conflict /
// "foreign_database" when it is somebody else's.
base::Result<MigrationReport> migrate(Connection& connection, std::int64_t now_ms);

// The version this build brings databases to.
std::int64_t latest_schema_version();

}  // namespace mlguard::db
