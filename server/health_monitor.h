// HealthMonitor: decides from the age of each component's last heartbeat whether it is healthy,
// late, stale or dead, and which transitions to record. It judges nobody while it cannot: for one
// TTL after a start, after its own loop stalled, and after the wall clock jumped, components may
// recover but not decline, so that a slow disk or a suspended laptop never declares a fleet dead.
//
// Pure: no threads, no store; the caller feeds it leases and the clock. Threads: health_of() and
// evaluate() by one thread, or under the caller's lock.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "db/engine.h"

namespace mlguard::server {

inline constexpr std::int64_t kHealthTickMs = 1'000;
// The loop is late by so much: it stalled, and heartbeats may wait unread in sockets.
inline constexpr std::int64_t kStallMs = 5'000;
inline constexpr std::int64_t kWallJumpMs = 2'000;

struct HealthThresholds {
  std::int64_t late_ms = 15'000;
  std::int64_t stale_ms = 60'000;
  std::int64_t dead_ms = 600'000;
};
// invalid_argument unless 0 < late < stale < dead.
base::Status check(const HealthThresholds& thresholds);

struct HealthTransition {
  std::string component;
  base::Health from = base::Health::healthy;
  base::Health to = base::Health::healthy;
  std::int64_t age_ms = 0;
};

class HealthMonitor {
 public:
  HealthMonitor(const HealthThresholds& thresholds, const base::Clock& clock);

  // Call once every kHealthTickMs. Transitions to record now; one that could not be recorded comes
  // again at the next call, because the lease still holds the old state.
  std::vector<HealthTransition> evaluate(const std::vector<db::Lease>& leases);
  // Nobody is declared late or worse for one TTL from now on.
  void suspend_expiry();
  // What a lease is worth now.
  base::Health health_of(const db::Lease& lease) const;
  std::int64_t age_ms(const db::Lease& lease) const;
  bool expiry_suspended() const;

 private:
  base::Health by_age(std::int64_t age_ms) const;
  void suspend_after_stall();

  const HealthThresholds thresholds_;
  const base::Clock& clock_;
  std::int64_t suspended_until_ms_ = 0;  // Monotonic.
  std::int64_t last_tick_ms_ = 0;        // Monotonic.
  std::int64_t wall_offset_ms_ = 0;      // Wall minus monotonic at the last tick.
};

}  // namespace mlguard::server
