// Checks a database against itself: the digest chain, the totals, SQLite's structure. The reader
// belongs to the caller's thread; writes go on beside it.
#pragma once

#include <string>

#include "db/engine.h"
#include "db/sqlite_reader.h"

namespace mlguard::db {

// The log's digest chain and the kept totals, but not SQLite's structure. Throws SQLite::Exception.
VerifyReport verify_state(Connection& db);

base::Result<VerifyReport> verify_database(SqliteReader& reader, const std::string& path);

}  // namespace mlguard::db
