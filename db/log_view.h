// LogView: the log of a store for a thread beside the one that writes: its own read-only connection
// to the same file. Each call sees what was durable when it began.
//
// Not thread-safe: one thread uses a view. The file must exist (SqliteStore::open made it); the
// view may outlive the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "db/connection.h"
#include "db/log_entry.h"

namespace mlguard::db {

class LogView {
 public:
  // Errors of this and of all that follows: io, corrupt, as sqlite_error.h makes them.
  static base::Result<std::unique_ptr<LogView>> open(const std::string& path);
  ~LogView();
  LogView(const LogView&) = delete;
  LogView& operator=(const LogView&) = delete;

  // As SqliteStore::position_at.
  base::Result<std::optional<LogPosition>> position_at(std::uint64_t revision);
  // As SqliteStore::entries.
  base::Result<std::vector<LogEntry>> entries(std::uint64_t after, std::uint64_t through,
                                              std::size_t count_max, std::size_t bytes_max);
  // As SqliteStore::set_aside.
  base::Result<SetAsideEntries> set_aside(std::size_t count_max, std::size_t bytes_max);

 private:
  explicit LogView(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace mlguard::db
