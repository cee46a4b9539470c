#include "replicator/waiters.h"

#include <utility>
#include <vector>

namespace mlguard::replicator {

base::Error history_replaced() {
  return {base::ErrorCode::unavailable, "history_replaced",
          "this instance just took over the leader's state: try again"};
}

base::Error no_quorum() {
  return {base::ErrorCode::unavailable, "no_quorum",
          "no majority of the instances answered in time: start the others (ml-guard members), or "
          "read this instance's own state with --consistency local"};
}

void Waiters::wait(Revision revision, std::int64_t deadline_ms, Done done) {
  if (waiting_.size() >= kWaitersMax) {
    return done(base::Error{base::ErrorCode::resource_exhausted, "too_many_waiting",
                            "too many requests wait for the majority: try again in a moment"});
  }
  waiting_.emplace(revision, Waiting{deadline_ms, std::move(done)});
}

void Waiters::reached(Revision revision) {
  while (!waiting_.empty() && waiting_.begin()->first <= revision) {
    const Done done = std::move(waiting_.begin()->second.done);
    waiting_.erase(waiting_.begin());
    done({});
  }
}

void Waiters::expire(std::int64_t now_ms) {
  std::vector<Done> late;
  std::erase_if(waiting_, [&](auto& each) {
    if (each.second.deadline_ms > now_ms) return false;
    late.push_back(std::move(each.second.done));
    return true;
  });
  for (const Done& done : late) done(no_quorum());
}

void Waiters::fail_all(const base::Error& error) {
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& [revision, each] : waiting) each.done(error);
}

}  // namespace mlguard::replicator
