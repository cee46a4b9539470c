// WorkerPool: a few threads for reads that are too long for an event loop (lists, full rule sets,
// backups, verification). The queue is bounded; a full one refuses.
//
// Threads: any. Jobs still queued when the pool ends are run first.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mlguard::server {

inline constexpr std::size_t kWorkerThreads = 2;
inline constexpr std::size_t kWorkerJobsMax = 65'536;

class WorkerPool {
 public:
  explicit WorkerPool(std::size_t threads = kWorkerThreads, std::size_t jobs_max = kWorkerJobsMax);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // false: the queue is full, or the pool is stopping; the job was not taken.
  bool run(std::function<void()> job);
  std::size_t queue_length() const;
  void stop();

 private:
  void work();

  const std::size_t jobs_max_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;  // Guarded by mutex_.
  bool stopping_ = false;                   // Guarded by mutex_.
  std::vector<std::thread> threads_;
};

}  // namespace mlguard::server
