// How the change log and what is set aside are read, for the store's core and for LogView.
// Throws SQLite::Exception; internal to db/. The connection belongs to the caller's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "db/connection.h"
#include "db/log_entry.h"

namespace mlguard::db {

// As SqliteStore::position_at; `base` is the log's.
std::optional<LogPosition> query_position(Connection& connection, const LogPosition& base,
                                          std::uint64_t revision);

// As SqliteStore::entries, without looking at the log's base.
std::vector<LogEntry> query_entries(Connection& connection, std::uint64_t after,
                                    std::uint64_t through, std::size_t count_max,
                                    std::size_t bytes_max);

// What SqliteStore::entries says of a log that begins after `base_revision`.
base::Error compacted_error(std::uint64_t base_revision);

// As SqliteStore::set_aside. Error: corrupt / "bad_entry".
base::Result<SetAsideEntries> query_set_aside(Connection& connection, std::size_t count_max,
                                              std::size_t bytes_max);

}  // namespace mlguard::db
