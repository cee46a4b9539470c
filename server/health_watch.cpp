#include "server/health_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/logging.h"
#include "base/time_format.h"

namespace mlguard::server {

HealthWatch::HealthWatch(db::Engine& engine, const base::Clock& clock,
                         const HealthThresholds& thresholds, std::function<void()> chores)
    : engine_(engine), chores_(std::move(chores)), monitor_(thresholds, clock) {
  thread_ = std::thread([this] { run(); });
}

HealthWatch::~HealthWatch() { stop(); }

void HealthWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void HealthWatch::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    tick();
    chores_();
    lock.lock();
    wake_.wait_for(lock, std::chrono::milliseconds(kHealthTickMs), [this] { return stopping_; });
  }
}

// The leader alone judges. One that has just come to lead knows of heartbeats only what was
// flushed, and gives everybody time to be heard.
void HealthWatch::tick() {
  const std::uint64_t term = engine_.ticket().term;
  {
    const std::lock_guard lock(mutex_);
    if (term != leading_term_) monitor_.suspend_expiry();
    leading_term_ = term;
  }
  if (term == 0) return;
  const std::vector<db::Lease> leases = engine_.leases();
  std::vector<HealthTransition> due;
  {
    const std::lock_guard lock(mutex_);
    for (HealthTransition& transition : monitor_.evaluate(leases)) {
      if (recording_.insert(transition.component).second) due.push_back(std::move(transition));
    }
  }
  for (const HealthTransition& transition : due) {
    base::log_info("component health changed",
                   {{"component", transition.component},
                    {"from", base::to_string(transition.from)},
                    {"to", base::to_string(transition.to)},
                    {"last_heartbeat_ago", base::human_duration(transition.age_ms)}});
    db::Write write;
    write.command = db::RecordHealth{transition.component, transition.to};
    write.author = "server";
    engine_.transact(std::move(write), [this, name = transition.component](const auto& result) {
      const bool tell = !result.ok() && result.error().code != base::ErrorCode::not_found &&
                        result.error().code != base::ErrorCode::unavailable;
      if (tell) {
        base::log_warn("a health transition could not be recorded; it will be tried again",
                       {{"component", name}, {"error", result.error().message}});
      }
      const std::lock_guard lock(mutex_);
      recording_.erase(name);
    });
  }
}

std::vector<ComponentHealth> HealthWatch::components() const {
  std::vector<db::Lease> leases = engine_.leases();
  std::vector<ComponentHealth> components;
  components.reserve(leases.size());
  const std::uint64_t term = engine_.ticket().term;
  {
    const std::lock_guard lock(mutex_);
    // Elsewhere than on the leader heartbeats arrive late: what it recorded holds. So it does on a
    // leader that is so new that it has not begun to judge.
    const bool judges = term != 0 && term == leading_term_;
    for (db::Lease& lease : leases) {
      const base::Health health = judges ? monitor_.health_of(lease) : lease.component.health;
      const std::int64_t age = monitor_.age_ms(lease);
      components.push_back({std::move(lease), health, age});
    }
  }
  std::sort(components.begin(), components.end(), [](const auto& a, const auto& b) {
    return a.lease.component.name < b.lease.component.name;
  });
  return components;
}

bool HealthWatch::expiry_suspended() const {
  const std::lock_guard lock(mutex_);
  return monitor_.expiry_suspended();
}

}  // namespace mlguard::server
