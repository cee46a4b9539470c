// Latencies of a load, and what is said about them. Samples are kept exactly up to a limit, so that
// percentiles are of real measurements. Not for sharing between threads: one per thread, then
// merge().
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mlguard::cli {

// 8 bytes each: 160 MB at the very most. Further samples only count.
inline constexpr std::size_t kLatencySamplesMax = 20'000'000;

struct LatencySummary {
  std::uint64_t count = 0;
  double p50_us = 0;
  double p95_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double max_us = 0;
  double mean_us = 0;
};

class Latencies {
 public:
  void add_ns(std::int64_t nanoseconds);
  void merge(const Latencies& other);
  // Sorts, hence not const.
  LatencySummary summarize();

 private:
  std::vector<std::int64_t> samples_ns_;
  std::uint64_t count_ = 0;
  std::int64_t max_ns_ = 0;
  double sum_ns_ = 0;
};

// The smallest sample that at least `share` of all samples do not exceed (nearest rank).
// REQUIRES: sorted, not empty, 0 < share <= 1.
std::int64_t nearest_rank(const std::vector<std::int64_t>& sorted, double share);

}  // namespace mlguard::cli
