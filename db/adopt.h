// Database files that no store has open (backups, snapshots, what was restored): what they hold,
// and making one the database of a node of its own. Stateless; safe from any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "db/digest.h"

namespace mlguard::db {

struct DatabaseFacts {
  std::uint64_t revision = 0;
  std::uint64_t term = 0;    // Of the entry at `revision`.
  Digest digest{};           // The chain at `revision`.
  Digest state_digest{};     // As kept; verify_database checks it against the rows.
  std::int64_t time_ms = 0;  // When that entry was written; 0 before the first.
  std::uint64_t rows = 0;
  std::string node_id;
};

// Errors: io; corrupt / "database_corrupt" when it is no database of ours.
base::Result<DatabaseFacts> inspect_database(const std::string& path);

// A copy must not go by the name of the node it was taken from, vote as it did, know its peers by
// their ids, or merge what that node had set aside. It gets a random node id, which is returned,
// and all its history counts as committed. History, rows and term stay. REQUIRES: the schema is the
// latest (SqliteStore has opened it).
base::Result<std::string> adopt_database(const std::string& path);

}  // namespace mlguard::db
