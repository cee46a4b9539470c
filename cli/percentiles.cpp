#include "cli/percentiles.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace mlguard::cli {
namespace {

constexpr double kNanosecondsPerMicrosecond = 1'000.0;

}  // namespace

void Latencies::add_ns(std::int64_t nanoseconds) {
  if (samples_ns_.size() < kLatencySamplesMax) samples_ns_.push_back(nanoseconds);
  ++count_;
  max_ns_ = std::max(max_ns_, nanoseconds);
  sum_ns_ += static_cast<double>(nanoseconds);
}

void Latencies::merge(const Latencies& other) {
  const std::size_t room = kLatencySamplesMax - samples_ns_.size();
  const std::size_t taken = std::min(room, other.samples_ns_.size());
  samples_ns_.insert(samples_ns_.end(), other.samples_ns_.begin(),
                     other.samples_ns_.begin() + static_cast<std::ptrdiff_t>(taken));
  count_ += other.count_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
  sum_ns_ += other.sum_ns_;
}

LatencySummary Latencies::summarize() {
  LatencySummary summary;
  summary.count = count_;
  if (samples_ns_.empty()) return summary;
  std::sort(samples_ns_.begin(), samples_ns_.end());
  const auto at = [&](double share) {
    return static_cast<double>(nearest_rank(samples_ns_, share)) / kNanosecondsPerMicrosecond;
  };
  summary.p50_us = at(0.50);
  summary.p95_us = at(0.95);
  summary.p99_us = at(0.99);
  summary.p999_us = at(0.999);
  summary.max_us = static_cast<double>(max_ns_) / kNanosecondsPerMicrosecond;
  summary.mean_us = sum_ns_ / static_cast<double>(count_) / kNanosecondsPerMicrosecond;
  return summary;
}

std::int64_t nearest_rank(const std::vector<std::int64_t>& sorted, double share) {
  assert(!sorted.empty());
  // A hair is taken off, or 0.95 × 100 would round up to the 96th.
  constexpr double kRoundingSlack = 1e-9;
  const double rank = std::ceil(share * static_cast<double>(sorted.size()) - kRoundingSlack);
  const auto index = static_cast<std::size_t>(std::max(1.0, rank)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

}  // namespace mlguard::cli
