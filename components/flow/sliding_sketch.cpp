#include "flow/sliding_sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace mlguard::flow {
namespace {

// The two series of Ertl's estimator. They end where a term no longer changes the sum.
double sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double sum = x;
  double factor = 1;
  for (double before = -1; sum != before; factor += factor) {
    before = sum;
    x *= x;
    sum += x * factor;
  }
  return sum;
}

double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double sum = 1 - x;
  double factor = 1;
  for (double before = -1; sum != before;) {
    before = sum;
    x = std::sqrt(x);
    factor /= 2;
    sum -= (1 - x) * (1 - x) * factor;
  }
  return sum / 3;
}

}  // namespace

SlidingSketch::SlidingSketch(std::uint32_t now_second) : now_second_(now_second) {
  seconds_.fill(now_second - kWindowSeconds);
  merged_.fill(0);
  histogram_.fill(0);
  histogram_[0] = kSketchRegisters;
}

void SlidingSketch::add(std::uint64_t value, std::uint32_t second, std::uint32_t now_second) {
  slide_to(now_second);
  const std::size_t slot = second % kWindowSeconds;
  if (seconds_[slot] != second) {
    seconds_[slot] = second;
    by_second_[slot].fill(0);
  }
  const std::size_t at = static_cast<std::size_t>(value) & (kSketchRegisters - 1);
  const std::uint64_t searched = value >> kSketchRegisterBits | std::uint64_t{1} << kRankBits;
  const auto rank = static_cast<std::uint8_t>(std::countr_zero(searched) + 1);
  by_second_[slot][at] = std::max(by_second_[slot][at], rank);
  if (rank <= merged_[at]) return;
  --histogram_[merged_[at]];
  ++histogram_[rank];
  merged_[at] = rank;
  changed_ = true;
}

double SlidingSketch::estimate(std::uint32_t now_second) {
  slide_to(now_second);
  if (changed_) estimate_ = estimate_of_histogram();
  changed_ = false;
  return estimate_;
}

void SlidingSketch::slide_to(std::uint32_t now_second) {
  if (now_second == now_second_) return;
  now_second_ = now_second;
  merged_.fill(0);
  for (std::size_t slot = 0; slot < kWindowSeconds; ++slot) {
    if (!in_window(seconds_[slot], now_second)) continue;
    const Registers& registers = by_second_[slot];
    for (std::size_t i = 0; i < kSketchRegisters; ++i) {
      merged_[i] = std::max(merged_[i], registers[i]);
    }
  }
  histogram_.fill(0);
  for (const std::uint8_t rank : merged_) ++histogram_[rank];
  changed_ = true;
}

double SlidingSketch::estimate_of_histogram() const {
  constexpr auto kRegisters = static_cast<double>(kSketchRegisters);
  const double alpha = 1 / (2 * std::log(2.0));
  double sum = kRegisters * tau(1 - histogram_[kRankBits + 1] / kRegisters);
  for (unsigned rank = kRankBits; rank > 0; --rank) sum = (sum + histogram_[rank]) / 2;
  sum += kRegisters * sigma(histogram_[0] / kRegisters);
  return alpha * kRegisters * kRegisters / sum;
}

}  // namespace mlguard::flow
