// Canceller: ends a call from another thread, at once: it wakes a call that pauses between two
// attempts and breaks off the connection that one waits on.
//
// Threads: any. A Canceller outlives the calls that use it; once cancelled it stays so.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "wire/http_connection.h"

namespace mlguard::etcd_client {

using std::chrono::milliseconds;

class Canceller {
 public:
  void cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (connection_ != nullptr) connection_->stop();
    changed_.notify_all();
  }

  bool cancelled() const { return cancelled_; }

  // False when it was cancelled before the pause was over.
  bool sleep_for(milliseconds pause) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, pause, [this] { return cancelled_.load(); });
  }

  // While it lives, cancel() stops that connection. One at a time for each Canceller.
  class Guard {
   public:
    Guard(Canceller& canceller, wire::HttpConnection& connection) : canceller_(canceller) {
      const std::lock_guard lock(canceller_.mutex_);
      canceller_.connection_ = &connection;
      if (canceller_.cancelled_) connection.stop();
    }
    ~Guard() {
      const std::lock_guard lock(canceller_.mutex_);
      canceller_.connection_ = nullptr;
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Canceller& canceller_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> cancelled_ = false;
  wire::HttpConnection* connection_ = nullptr;  // Guarded by mutex_.
};

}  // namespace mlguard::etcd_client
