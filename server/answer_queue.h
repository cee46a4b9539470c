// AnswerQueue: brings answers from any thread to the event loop that owns the connection. However
// many answers a group commit yields, the loop is woken by one eventfd write.
//
// Threads: push() from any; take() and close() by the owning loop only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "server/http_types.h"

namespace mlguard::server {

class AnswerQueue {
 public:
  using Make = std::function<HttpAnswer()>;
  struct Item {
    std::uint64_t ticket = 0;
    Make make;
  };
  // Sends at once; called only on the owning thread.
  using Direct = std::function<void(std::uint64_t, const Make&)>;

  AnswerQueue();

  // The calling thread owns the queue from now on.
  void own(Direct direct);
  void push(std::uint64_t ticket, Make make);
  std::vector<Item> take();
  // Later pushes are dropped: the connections are gone.
  void close();
  int wake_fd() const { return wake_fd_.get(); }

 private:
  base::UniqueFd wake_fd_;
  std::atomic<std::thread::id> owner_;
  Direct direct_;  // Touched by the owning thread only.

  std::mutex mutex_;
  std::vector<Item> items_;  // Guarded by mutex_.
  bool closed_ = false;      // Guarded by mutex_.
};

}  // namespace mlguard::server
