// Waiters: who waits until this node's history reaches a revision: durable here, or committed. One
// deadline each; when the history is replaced by another, everybody is told to look again.
//
// Not thread-safe: belongs to the core's thread. Callbacks must not block.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "base/result.h"
#include "replicator/types.h"

namespace mlguard::replicator {

inline constexpr std::size_t kWaitersMax = 100'000;

class Waiters {
 public:
  using Done = std::function<void(base::Status)>;

  // Errors in `done`: unavailable / "no_quorum" at the deadline, "history_replaced",
  // "too_many_waiting".
  void wait(Revision revision, std::int64_t deadline_ms, Done done);
  void reached(Revision revision);
  void expire(std::int64_t now_ms);
  void fail_all(const base::Error& error);

 private:
  struct Waiting {
    std::int64_t deadline_ms = 0;
    Done done;
  };
  std::multimap<Revision, Waiting> waiting_;
};

// What those who wait are told when the state they saw is not part of the history any more.
base::Error history_replaced();
base::Error no_quorum();

}  // namespace mlguard::replicator
