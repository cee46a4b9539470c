// RetryPlan: which endpoint a call tries next, after which pause, and when it gives up. Pure: it
// asks a Clock for the time and a seed for its jitter, and never sleeps or connects by itself.
//
// A call first goes once round all endpoints without a pause, beginning with the one that answered
// last; each further round waits first: backoff_first × 2^round, at most backoff_max, of which a
// random half is taken away so that many clients do not come back in step.
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
  std::size_t endpoints = 1;
  milliseconds backoff_first{50};
  milliseconds backoff_max{2'000};
  // A long poll: the server may hold the answer back so long, on top of all else.
  milliseconds hold{0};
};

class RetryPlan {
 public:
  // `first` is the endpoint to begin with; nothing begins later than `deadline` (and hold) from
  // now.
  RetryPlan(const RetryOptions& options, std::size_t first, milliseconds deadline,
            const base::Clock& clock, std::uint64_t seed);

  struct Attempt {
    std::size_t endpoint = 0;
    milliseconds pause{0};  // Wait so long before it.
  };
  // The next attempt; nothing when its pause would end after the deadline.
  std::optional<Attempt> next();

  // Time left until the deadline, never negative.
  milliseconds remaining() const;
  // How long one attempt may take: with several endpoints a share of the deadline, so that one
  // that hangs leaves time for the others.
  milliseconds attempt_timeout() const;
  std::size_t attempts() const { return attempts_; }

 private:
  milliseconds pause_before(std::size_t round);
  std::uint64_t random();

  const RetryOptions options_;
  const base::Clock& clock_;
  const std::size_t first_;
  const milliseconds deadline_;
  const std::int64_t ends_at_ms_;
  std::uint64_t random_state_;
  std::size_t attempts_ = 0;
};

}  // namespace mlguard::etcd_client
