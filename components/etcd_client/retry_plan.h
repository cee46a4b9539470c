// RetryPlan: when a call tries again, and when it gives up. Pure: it asks a Clock for the time and
// a seed for its jitter, and never sleeps or connects by itself.
//
// A call goes round all endpoints, once without a pause; each further round waits first:
// backoff_first × 2^round, at most backoff_max, of which a random half is taken away so that many
// clients do not come back in step. Which endpoints a round visits is the EndpointSet's.
//
// Threads: one RetryPlan belongs to one call.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace mlguard::etcd_client {

using std::chrono::milliseconds;

struct RetryOptions {
  milliseconds backoff_first{50};
  milliseconds backoff_max{2'000};
  // A long poll: the server may hold the answer back so long, on top of all else.
  milliseconds hold{0};
};

class RetryPlan {
 public:
  // Nothing begins later than `deadline` (and hold) from now.
  RetryPlan(const RetryOptions& options, milliseconds deadline, const base::Clock& clock,
            std::uint64_t seed);

  // Begins a round: the pause before it, nothing when that would end after the deadline. The pause
  // is at most `pause_max`: what a server has said that it needs (Retry-After).
  std::optional<milliseconds> begin_round(milliseconds pause_max = milliseconds::max());
  // Begins an attempt within the round; false when there is no time left. The very first one is
  // made in any case.
  bool begin_attempt();

  // Time left until the deadline, never negative.
  milliseconds remaining() const;
  // How long one attempt may take: with several endpoints a share of the deadline, so that one
  // that hangs leaves time for the others.
  milliseconds attempt_timeout(std::size_t endpoints) const;

 private:
  milliseconds pause_before(std::size_t round, milliseconds pause_max);
  std::uint64_t random();

  const RetryOptions options_;
  const base::Clock& clock_;
  const milliseconds deadline_;
  const std::int64_t ends_at_ms_;
  std::uint64_t random_state_;
  std::size_t rounds_ = 0;
  std::size_t attempts_ = 0;
};

}  // namespace mlguard::etcd_client
