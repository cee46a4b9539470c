// WatchList: who wants to hear of committed changes. Callbacks run on the thread that publishes,
// one after the other, in the order of the changes.
//
// Threads: add() and the end of a watch from any thread, also from inside a callback. A watch that
// has ended is not running any more when its destructor returns (unless it ends itself).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "db/engine.h"

namespace mlguard::db {

class WatchList {
 public:
  // The list must outlive the watch.
  std::unique_ptr<Watch> add(WatchCallback callback);
  void publish(const std::vector<base::Change>& changes);

 private:
  class Handle;
  void remove(std::uint64_t id);

  // Held while callbacks run, so that removing waits for them; recursive for a callback that ends
  // its own watch.
  std::recursive_mutex mutex_;
  // Shared, because a callback that ends its own watch must live until it returns.
  std::map<std::uint64_t, std::shared_ptr<WatchCallback>> callbacks_;  // GUARDED_BY(mutex_)
  std::uint64_t next_id_ = 1;                                          // GUARDED_BY(mutex_)
};

}  // namespace mlguard::db
