#include "db/reader_pool.h"

#include "db/sqlite_error.h"

namespace mlguard::db {

namespace {

constexpr int kBusyMs = 2'000;  // Only while another process recovers the WAL.

}  // namespace

std::unique_ptr<Connection> open_reader(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, OpenMode::read_only, kBusyMs);
  connection->execute(
      "PRAGMA query_only = ON; PRAGMA cache_size = -1000; PRAGMA temp_store = MEMORY;");
  return connection;
}

base::Result<std::unique_ptr<Connection>> ReaderPool::acquire() {
  {
    const std::lock_guard lock(mutex_);
    if (in_use_ >= kReadersMax) {
      return base::Error{base::ErrorCode::resource_exhausted, "too_many_readers",
                         "too many reads at a time; retry in a moment"};
    }
    ++in_use_;
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  try {
    return open_reader(path_);
  } catch (const std::exception&) {
    const std::lock_guard lock(mutex_);
    --in_use_;
    return current_exception_error("reading", path_);
  }
}

void ReaderPool::give_back(std::unique_ptr<Connection> connection) {
  connection->roll_back();
  const std::lock_guard lock(mutex_);
  --in_use_;
  if (idle_.size() < kReadersIdleMax) idle_.push_back(std::move(connection));
}

}  // namespace mlguard::db
