#include "server/heartbeat_log.h"

#include <tuple>
#include <vector>

#include "base/logging.h"

namespace mlguard::server {

void HeartbeatLog::beat(const base::Heartbeat& heartbeat) {
  if (base::log_enabled(base::LogLevel::debug)) {
    base::log_debug(
        "heartbeat",
        {{"component", heartbeat.component}, {"seq", heartbeat.seq}, {"status", heartbeat.status}});
  }
  const std::lock_guard lock(mutex_);
  Since& since = components_[heartbeat.component];
  if (since.from_ms == 0) since.from_ms = clock_.monotonic_ms();
  ++since.beats;
  if (since.status != heartbeat.status) since.status = heartbeat.status;
}

void HeartbeatLog::tick() {
  std::vector<std::tuple<std::string, std::uint64_t, std::string>> lines;
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t now = clock_.monotonic_ms();
    for (auto at = components_.begin(); at != components_.end();) {
      Since& since = at->second;
      if (now - since.from_ms < kHeartbeatLogMs) {
        ++at;
        continue;
      }
      if (since.beats == 0) {
        at = components_.erase(at);
        continue;
      }
      lines.emplace_back(at->first, since.beats, since.status);
      since.beats = 0;
      since.from_ms = now;
      ++at;
    }
  }
  for (const auto& [component, beats, status] : lines) {
    base::log_info("heartbeats", {{"component", component}, {"count", beats}, {"status", status}});
  }
}

}  // namespace mlguard::server
