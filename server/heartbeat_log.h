// HeartbeatLog: every heartbeat at debug, and one line a component every 30 seconds at info with
// what came since the last one. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/model.h"

namespace mlguard::server {

inline constexpr std::int64_t kHeartbeatLogMs = 30'000;

class HeartbeatLog {
 public:
  explicit HeartbeatLog(const base::Clock& clock) : clock_(clock) {}

  void beat(const base::Heartbeat& heartbeat);
  // Call now and then: writes the lines that are due and forgets who fell silent.
  void tick();

 private:
  struct Since {
    std::int64_t from_ms = 0;  // Monotonic.
    std::uint64_t beats = 0;
    std::string status;
  };
  const base::Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, Since> components_;  // Guarded by mutex_.
};

}  // namespace mlguard::server
