// WriteQueue: writes on their way to the writer thread, bounded in number and bytes.
//
// Threads: push() and close() from any; take() by the writer thread alone.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "db/engine.h"

namespace mlguard::db {

inline constexpr std::size_t kWriteQueueBytesMax = 256 * 1024 * 1024;
inline constexpr std::size_t kWriteGroupBytesMax = 16 * 1024 * 1024;

struct PendingWrite {
  Write write;
  std::function<void(base::Result<WriteResult>)> done;
  std::size_t bytes = 0;
};

enum class PushOutcome { queued, full, closed };

class WriteQueue {
 public:
  // Takes the write only when it is queued; else it stays with the caller.
  PushOutcome push(PendingWrite& pending);
  // The next group, in order, after waiting up to `wait_ms` for one. Empty after that.
  std::vector<PendingWrite> take(std::int64_t wait_ms);
  // Refuses later pushes. What is queued can still be taken.
  void close();
  // Closed, and nothing left to take.
  bool drained() const;
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<PendingWrite> waiting_;  // GUARDED_BY(mutex_)
  std::size_t bytes_ = 0;             // GUARDED_BY(mutex_)
  bool closed_ = false;               // GUARDED_BY(mutex_)
};

// About how much memory and log the command takes.
std::size_t weight_of(const Command& command);

}  // namespace mlguard::db
