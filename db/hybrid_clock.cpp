#include "db/hybrid_clock.h"

#include <algorithm>

namespace mlguard::db {

std::uint64_t HybridClock::next() {
  // A clock before 1970 would turn into a stamp of the far future; it counts as 1970.
  const std::int64_t wall_ms = std::max<std::int64_t>(clock_.wall_ms(), 0);
  const std::uint64_t now = static_cast<std::uint64_t>(wall_ms) << kHlcCounterBits;
  last_ = std::max(now, last_ + 1);
  return last_;
}

void HybridClock::observe(std::uint64_t hlc) { last_ = std::max(last_, hlc); }

}  // namespace mlguard::db
