// HybridClock: time stamps that never go back and never repeat on one node, and that follow the
// wall clock as long as it behaves: 48 bits of milliseconds, 16 bits of counter.
//
// Not thread-safe: owned by the store's core, which one thread uses.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace mlguard::db {

inline constexpr int kHlcCounterBits = 16;

constexpr std::int64_t hlc_wall_ms(std::uint64_t hlc) {
  return static_cast<std::int64_t>(hlc >> kHlcCounterBits);
}

class HybridClock {
 public:
  // `last` is the highest stamp known from before (the store keeps it).
  HybridClock(const base::Clock& clock, std::uint64_t last) : clock_(clock), last_(last) {}

  // A stamp above all before it. When the wall clock stands still or went back, the counter goes
  // on, and after 65,536 steps it borrows the next millisecond.
  std::uint64_t next();
  // A stamp of another node was applied: ours go on above it.
  void observe(std::uint64_t hlc);
  std::uint64_t last() const { return last_; }

 private:
  const base::Clock& clock_;
  std::uint64_t last_;
};

}  // namespace mlguard::db
