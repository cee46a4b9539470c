#include "retry_plan.h"

#include <algorithm>

namespace mlguard::etcd_client {

namespace {

constexpr int kAttemptShare = 3;            // An attempt gets a third of the deadline …
constexpr milliseconds kAttemptMin{1'000};  // … and at least this.
constexpr std::size_t kDoublingsMax = 20;   // Beyond it backoff_max holds anyway.

}  // namespace

RetryPlan::RetryPlan(const RetryOptions& options, milliseconds deadline, const base::Clock& clock,
                     std::uint64_t seed)
    : options_(options),
      clock_(clock),
      deadline_(deadline),
      ends_at_ms_(clock.monotonic_ms() + (deadline + options.hold).count()),
      random_state_(seed) {}

std::optional<milliseconds> RetryPlan::begin_round(milliseconds pause_max) {
  const std::size_t round = rounds_++;
  if (round == 0) return milliseconds(0);
  const milliseconds pause = pause_before(round, pause_max);
  if (pause >= remaining()) return std::nullopt;
  return pause;
}

bool RetryPlan::begin_attempt() { return attempts_++ == 0 || remaining().count() > 0; }

milliseconds RetryPlan::remaining() const {
  return milliseconds(std::max<std::int64_t>(0, ends_at_ms_ - clock_.monotonic_ms()));
}

milliseconds RetryPlan::attempt_timeout(std::size_t endpoints) const {
  const milliseconds left = remaining();
  if (endpoints < 2) return left;
  return std::min(left, options_.hold + std::max(deadline_ / kAttemptShare, kAttemptMin));
}

milliseconds RetryPlan::pause_before(std::size_t round, milliseconds pause_max) {
  const std::size_t doublings = std::min(round - 1, kDoublingsMax);
  const milliseconds full = std::min(
      {pause_max, options_.backoff_max, options_.backoff_first * (std::int64_t{1} << doublings)});
  const auto half = static_cast<std::uint64_t>(full.count() / 2);
  return full - milliseconds(static_cast<std::int64_t>(random() % (half + 1)));
}

// SplitMix64: tiny, and good enough to spread clients.
std::uint64_t RetryPlan::random() {
  random_state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = random_state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace mlguard::etcd_client
