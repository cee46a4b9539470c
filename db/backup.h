// Copies a database at one revision by SQLite's online backup. Writes go on beside it.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "db/sqlite_reader.h"

namespace mlguard::db {

// The new file appears whole or not at all, mode 0600. Says the revision it holds. conflict /
// "exists" when the path exists; io or resource_exhausted when it cannot be written.
base::Result<std::uint64_t> backup_database(SqliteReader& reader, const std::string& path);

}  // namespace mlguard::db
