#include "server/health_monitor.h"

#include <algorithm>
#include <cstdlib>

namespace mlguard::server {

using base::Health;

base::Status check(const HealthThresholds& thresholds) {
  if (0 < thresholds.late_ms && thresholds.late_ms < thresholds.stale_ms &&
      thresholds.stale_ms < thresholds.dead_ms) {
    return {};
  }
  return base::Error{
      base::ErrorCode::invalid_argument, "invalid_thresholds",
      "three heartbeat intervals (" + std::to_string(thresholds.late_ms) +
          " ms) must be less than --stale-after (" + std::to_string(thresholds.stale_ms) +
          " ms), and that less than --dead-after (" + std::to_string(thresholds.dead_ms) + " ms)"};
}

HealthMonitor::HealthMonitor(const HealthThresholds& thresholds, const base::Clock& clock)
    : thresholds_(thresholds),
      clock_(clock),
      suspended_until_ms_(clock.monotonic_ms() + thresholds.stale_ms),
      last_tick_ms_(clock.monotonic_ms()),
      wall_offset_ms_(clock.wall_ms() - clock.monotonic_ms()) {}

bool HealthMonitor::expiry_suspended() const { return clock_.monotonic_ms() < suspended_until_ms_; }

void HealthMonitor::suspend_expiry() {
  suspended_until_ms_ = clock_.monotonic_ms() + thresholds_.stale_ms;
}

void HealthMonitor::suspend_after_stall() {
  const std::int64_t now = clock_.monotonic_ms();
  const std::int64_t offset = clock_.wall_ms() - now;
  const bool stalled = now - last_tick_ms_ > kStallMs;
  const bool jumped = std::abs(offset - wall_offset_ms_) > kWallJumpMs;
  if (stalled || jumped) suspend_expiry();
  last_tick_ms_ = now;
  wall_offset_ms_ = offset;
}

std::int64_t HealthMonitor::age_ms(const db::Lease& lease) const {
  const std::int64_t seen = std::max(lease.last.received_at_ms, lease.component.registered_at_ms);
  return std::max<std::int64_t>(0, clock_.wall_ms() - seen);
}

Health HealthMonitor::by_age(std::int64_t age_ms) const {
  if (age_ms > thresholds_.dead_ms) return Health::dead;
  if (age_ms > thresholds_.stale_ms) return Health::stale;
  if (age_ms > thresholds_.late_ms) return Health::late;
  return Health::healthy;
}

Health HealthMonitor::health_of(const db::Lease& lease) const {
  const Health now = by_age(age_ms(lease));
  return expiry_suspended() ? std::min(now, lease.component.health) : now;
}

std::vector<HealthTransition> HealthMonitor::evaluate(const std::vector<db::Lease>& leases) {
  suspend_after_stall();
  std::vector<HealthTransition> transitions;
  for (const db::Lease& lease : leases) {
    const Health now = health_of(lease);
    if (now == lease.component.health) continue;
    transitions.push_back({lease.component.name, lease.component.health, now, age_ms(lease)});
  }
  return transitions;
}

}  // namespace mlguard::server
