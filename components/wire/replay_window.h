// The sliding window of RFC 6479 (IPsec anti-replay without bit shifting): each counter passes
// once, in any order, as long as it is not too far behind the highest. Internal to wire/ and
// pipeline/.
//
// Threads: none of its own; ServerChannel guards it with a mutex.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mlguard::wire {

// Counters that may arrive out of order. RFC 6479 keeps one block more than the window.
inline constexpr std::uint64_t kReplayWindowCounters = 2048;

class ReplayWindow {
 public:
  // True, and remembered, when the counter was never seen and is not too old.
  // REQUIRES: the frame is authentic; else anybody could push the window on.
  [[nodiscard]] bool accept(std::uint64_t counter);

 private:
  static constexpr std::uint64_t kBlockBits = 64;
  // A power of two above the window's own blocks, so that one block can always be cleared ahead.
  static constexpr std::size_t kBlocks = 64;
  static_assert((kBlocks - 1) * kBlockBits >= kReplayWindowCounters);

  std::uint64_t next_ = 0;  // One past the highest counter accepted so far.
  std::array<std::uint64_t, kBlocks> seen_{};
};

}  // namespace mlguard::wire
