// Promotions: learners that become voters as soon as they have caught up. Kept in the leader's
// memory only: after a change of leader, adding the member again goes on with it.
//
// Threads: any.
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "replicator/replicator.h"

namespace mlguard::server {

class Promotions {
 public:
  explicit Promotions(replicator::Replicator& replica) : replica_(replica) {}

  void want(const std::string& member);
  // Tries what is due; call it once a second.
  void tick();

 private:
  void forget(const std::string& member);

  replicator::Replicator& replica_;
  std::mutex mutex_;
  std::set<std::string> wanted_;  // Guarded by mutex_.
};

}  // namespace mlguard::server
