// SlidingSketch: an estimate of how many different values were seen in the last kWindowSeconds
// seconds, in a fixed number of bytes.
//
// HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, AofA 2007) with one set of registers for each
// second of the window: the greatest of a register over these seconds is what one set over the
// window would hold, so that the window slides exactly (Chabchoub and Hébrail, "Sliding
// HyperLogLog", ICDM Workshops 2010, keep less where time is finer than seconds). The merged
// registers and their histogram are kept up to date, so that add() touches two bytes; estimate()
// works out only what has changed, from the histogram, with the estimator of Ertl ("New cardinality
// estimation algorithms for HyperLogLog sketches", arXiv:1702.01284, 2017, algorithm 6): no bias to
// correct and no change of method between few values and many.
//
// With kSketchRegisters registers the standard error is 1.04 / sqrt(2048) = 2.3 % at any number of
// values up to 10^12, and falls to 1 / sqrt(4096) = 1.6 % of few. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mlguard::flow {

inline constexpr std::uint32_t kWindowSeconds = 10;
inline constexpr unsigned kSketchRegisterBits = 11;
inline constexpr std::size_t kSketchRegisters = std::size_t{1} << kSketchRegisterBits;
inline constexpr double kSketchStandardError = 0.023;

// True for the current second and the kWindowSeconds - 1 before it.
inline bool in_window(std::uint32_t second, std::uint32_t now_second) {
  return now_second - second < kWindowSeconds;
}

class SlidingSketch {
 public:
  explicit SlidingSketch(std::uint32_t now_second);

  // `value`: well mixed bits (a hash). `now_second` never goes back, here and in estimate();
  // `second`: when the value was seen. REQUIRES: in_window(second, now_second).
  void add(std::uint64_t value, std::uint32_t second, std::uint32_t now_second);
  double estimate(std::uint32_t now_second);

 private:
  // Bits of the value that are searched for the first 1; a register holds where, at most one more.
  static constexpr unsigned kRankBits = 40;
  using Registers = std::array<std::uint8_t, kSketchRegisters>;

  void slide_to(std::uint32_t now_second);
  double estimate_of_histogram() const;

  // By second % kWindowSeconds; of no meaning where seconds_ is not in the window.
  std::array<Registers, kWindowSeconds> by_second_;
  std::array<std::uint32_t, kWindowSeconds> seconds_;
  Registers merged_;  // over the window that ends with now_second_
  std::array<std::uint16_t, kRankBits + 2> histogram_;  // of merged_
  std::uint32_t now_second_;
  double estimate_ = 0;
  bool changed_ = false;  // since estimate_ was worked out
};

}  // namespace mlguard::flow
