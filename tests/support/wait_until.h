// Waiting for something that another process or thread will do. Tests wait for facts, never for
// time alone. Safe from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <thread>

namespace mlguard::support {

// Much longer than anything should take, also on a slow machine that is busy with other things: a
// test that fails may take long, one that waits too briefly fails for nothing.
inline constexpr std::int64_t kPatienceMs = 30'000;

// Asks `condition` every `step_ms` until it holds. False when it still does not after `timeout_ms`.
template <class Condition>
bool wait_until(Condition&& condition, std::int64_t timeout_ms = kPatienceMs,
                std::int64_t step_ms = 5) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(step_ms));
  }
  return true;
}

// Milliseconds since it was made, with fractions.
class Stopwatch {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace mlguard::support
