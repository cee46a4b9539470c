// DurableLog: the log as the core reads it: the recent end from memory, the rest from the database.
//
// Threads: the LogReader part by the core's thread; append() and replaced() by the store's.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "db/log_view.h"
#include "replicator/storage.h"

namespace mlguard::replicator {

inline constexpr std::size_t kRecentEntriesMax = 20'000;
inline constexpr std::size_t kRecentBytesMax = 32 * 1024 * 1024;

class DurableLog final : public LogReader {
 public:
  // `view` reads the same database. `tail` is its last entry.
  DurableLog(std::unique_ptr<db::LogView> view, const Position& tail);

  // They are durable, and continue what was there.
  void append(std::vector<Entry> entries);
  // The whole log was replaced; its last entry is `tail` now.
  void replaced(const Position& tail);

  std::optional<Position> position_at(Revision revision) const override;
  std::vector<Entry> entries(Revision after, Revision through, std::size_t count_max,
                             std::size_t bytes_max) const override;
  SetAside set_aside(std::size_t count_max, std::size_t bytes_max) const override;

 private:
  const std::unique_ptr<db::LogView> view_;  // The core's thread's own.
  mutable std::mutex mutex_;
  Position before_;           // Guarded by mutex_: the position before the first recent entry.
  std::deque<Entry> recent_;  // Guarded by mutex_: without gaps.
  std::size_t bytes_ = 0;     // Guarded by mutex_: of their payloads.
};

}  // namespace mlguard::replicator
