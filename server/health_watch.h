// HealthWatch: runs the HealthMonitor once a second over the store's leases, records and logs the
// transitions, and answers what each component is worth now. The same thread does the other things
// that are due once in a while (see `chores`).
//
// Threads: any; owns one.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "db/engine.h"
#include "server/health_monitor.h"

namespace mlguard::server {

struct ComponentHealth {
  db::Lease lease;
  base::Health health = base::Health::healthy;
  std::int64_t age_ms = 0;
};

class HealthWatch {
 public:
  HealthWatch(db::Engine& engine, const base::Clock& clock, const HealthThresholds& thresholds,
              std::function<void()> chores);
  ~HealthWatch();
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  // By name.
  std::vector<ComponentHealth> components() const;
  bool expiry_suspended() const;
  void stop();

 private:
  void run();
  void tick();

  db::Engine& engine_;
  const std::function<void()> chores_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;                      // Guarded by mutex_.
  std::uint64_t leading_term_ = 0;             // Guarded by mutex_.
  HealthMonitor monitor_;                      // Guarded by mutex_.
  std::unordered_set<std::string> recording_;  // Guarded by mutex_: writes under way.
  std::thread thread_;
};

}  // namespace mlguard::server
