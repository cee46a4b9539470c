#include "wire/replay_window.h"

#include <algorithm>

namespace mlguard::wire {

bool ReplayWindow::accept(std::uint64_t counter) {
  if (counter >= next_) {
    // Blocks between the old head and the new one hold counters of long ago: clear them.
    const std::uint64_t head = next_ == 0 ? 0 : (next_ - 1) / kBlockBits;
    const std::uint64_t steps = std::min<std::uint64_t>(counter / kBlockBits - head, kBlocks);
    for (std::uint64_t i = 1; i <= steps; ++i) seen_[(head + i) % kBlocks] = 0;
    next_ = counter + 1;
  } else if (next_ - counter > kReplayWindowCounters) {
    return false;
  }
  std::uint64_t& block = seen_[counter / kBlockBits % kBlocks];
  const std::uint64_t bit = std::uint64_t{1} << (counter % kBlockBits);
  if ((block & bit) != 0) return false;
  block |= bit;
  return true;
}

}  // namespace mlguard::wire
