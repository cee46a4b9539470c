// Clock: the seam through which everything asks for the time, so that tests and the simulator
// decide what time it is. Implementations are safe to call from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace mlguard::base {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since 1970-01-01 UTC. May jump either way.
  virtual std::int64_t wall_ms() const = 0;
  // Milliseconds since an arbitrary point. Never goes back; stands still while the machine sleeps.
  virtual std::int64_t monotonic_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  std::int64_t wall_ms() const override;
  std::int64_t monotonic_ms() const override;
};

// A clock that only moves when told to.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t wall_ms = 1'700'000'000'000) : wall_ms_(wall_ms) {}
  std::int64_t wall_ms() const override { return wall_ms_; }
  std::int64_t monotonic_ms() const override { return monotonic_ms_; }

  // Time passes: both clocks move on.
  void advance_ms(std::int64_t by_ms) {
    wall_ms_ += by_ms;
    monotonic_ms_ += by_ms;
  }
  // Somebody sets the wall clock: the monotonic clock does not notice.
  void jump_wall_ms(std::int64_t by_ms) { wall_ms_ += by_ms; }

 private:
  std::atomic<std::int64_t> wall_ms_;
  std::atomic<std::int64_t> monotonic_ms_ = 1;
};

}  // namespace mlguard::base
