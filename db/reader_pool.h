// ReaderPool: read-only connections to the database, opened when needed and kept for the next
// reader, so that their statements stay prepared.
//
// Threads: acquire and give_back may be called from any thread; a connection is used by one at a
// time. The pool outlives every connection it hands out.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "db/connection.h"

namespace mlguard::db {

inline constexpr std::size_t kReadersMax = 64;     // in use at a time
inline constexpr std::size_t kReadersIdleMax = 8;  // kept open

// A read-only connection with few pages of its own. Throws SQLite::Exception.
std::unique_ptr<Connection> open_reader(const std::string& path);

class ReaderPool {
 public:
  explicit ReaderPool(std::string path) : path_(std::move(path)) {}

  // A connection outside any transaction. resource_exhausted / "too_many_readers"; io; corrupt.
  base::Result<std::unique_ptr<Connection>> acquire();
  void give_back(std::unique_ptr<Connection> connection);
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  // GUARDED_BY(mutex_)
  std::size_t in_use_ = 0;                         // GUARDED_BY(mutex_)
};

}  // namespace mlguard::db
