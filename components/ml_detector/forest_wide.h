// 64 rows at once through trees of depth 6, on processors that have AVX-512 (F and BW).
//
// The rows stand beside each other, one feature after the other: a node is compared for all of them
// by four instructions, whether a row comes by or not, and the leaf that each row ends in is
// selected from the bottom up. That is 63 comparisons of 64 rows instead of 6 for each row, and
// still three times as fast, because nothing waits for an address
// (docs/decisions/0007-wide-trees.md). Sums are those of Forest, bit for bit.
//
// Internal to Forest. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mlguard::ml_detector {

inline constexpr std::size_t kWideDepth = 6;
inline constexpr std::size_t kWideRows = 64;
// Fewer rows are judged faster one by one.
inline constexpr std::size_t kWideRowsMin = 32;

// Infinities as Forest compares them (forest.cpp, ordered()).
inline constexpr std::uint32_t kOrderedInfinity = 0xff80'0000U;
inline constexpr std::uint32_t kOrderedMinusInfinity = 0x007f'ffffU;

// Forest's own arrays.
struct WideTrees {
  std::size_t features = 0;
  std::size_t outputs = 0;
  std::size_t trees = 0;
  float base_margin = 0;
  const std::uint32_t* thresholds = nullptr;
  const std::uint8_t* slots = nullptr;
  const float* leaves = nullptr;
  const std::uint32_t* output_of_tree = nullptr;
};

// Whether this processor can.
bool has_wide_trees();

// REQUIRES: has_wide_trees(); trees of kWideDepth; at most kWideRows rows.
void walk_wide(const WideTrees& forest, const float* rows, std::size_t count, float* margins);

}  // namespace mlguard::ml_detector
