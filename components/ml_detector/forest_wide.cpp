#include "ml_detector/forest_wide.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "ml_detector/forest.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mlguard::ml_detector {

#if defined(__x86_64__)

// Only what is called after has_wide_trees() may be compiled for it: no flag for the whole file.
#define MLGUARD_WIDE __attribute__((target("avx512f,avx512bw")))
#define MLGUARD_WIDE_INLINE MLGUARD_WIDE __attribute__((always_inline)) inline

namespace {

constexpr std::size_t kNodes = std::size_t{1} << kWideDepth;  // the first of them unused
constexpr std::size_t kLanes = 16;
constexpr std::size_t kQuarters = kWideRows / kLanes;

// Doubled rows as Forest has them (forest.h), but one feature of all rows after the other.
struct Columns {
  alignas(64) std::uint32_t values[2 * kForestFeaturesMax][kWideRows];
};
struct Sums {
  alignas(64) float values[kForestOutputsMax][kWideRows];
};

MLGUARD_WIDE_INLINE __m512i all_lanes(std::uint32_t value) {
  return _mm512_set1_epi32(static_cast<int>(value));
}

MLGUARD_WIDE void fill_columns(const float* rows, std::size_t count, std::size_t features,
                               Columns& columns) {
  const auto stride = static_cast<int>(features);
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i offsets = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(stride));
  const __m512i sign = all_lanes(0x8000'0000U);
  const __m512i infinity = all_lanes(kOrderedInfinity);
  const __m512i minus_infinity = all_lanes(kOrderedMinusInfinity);
  for (std::size_t quarter = 0; quarter < kQuarters; ++quarter) {
    const std::size_t done = std::min(quarter * kLanes, count);
    const std::size_t now = std::min(kLanes, count - done);
    const auto mask = static_cast<__mmask16>((1U << now) - 1);
    const float* first = rows + done * features;
    for (std::size_t i = 0; i < features; ++i) {
      const __m512 zero = _mm512_setzero_ps();
      const __m512 found = _mm512_mask_i32gather_ps(zero, mask, offsets, first + i, 4);
      const __m512i bits = _mm512_castps_si512(_mm512_add_ps(found, zero));
      const __m512i all_if_negative = _mm512_srai_epi32(bits, 31);
      const __m512i value = _mm512_xor_si512(bits, _mm512_or_si512(all_if_negative, sign));
      const __mmask16 missing = _mm512_cmp_ps_mask(found, found, _CMP_UNORD_Q);
      _mm512_store_si512(&columns.values[i][quarter * kLanes],
                         _mm512_mask_blend_epi32(missing, value, infinity));
      _mm512_store_si512(&columns.values[features + i][quarter * kLanes],
                         _mm512_mask_blend_epi32(missing, value, minus_infinity));
    }
  }
}

// A bit for each row: whether its value is below the threshold.
MLGUARD_WIDE_INLINE __mmask64 below(const std::uint32_t* column, std::uint32_t threshold) {
  const __m512i limit = all_lanes(threshold);
  const __mmask16 a = _mm512_cmplt_epu32_mask(_mm512_load_si512(column), limit);
  const __mmask16 b = _mm512_cmplt_epu32_mask(_mm512_load_si512(column + kLanes), limit);
  const __mmask16 c = _mm512_cmplt_epu32_mask(_mm512_load_si512(column + 2 * kLanes), limit);
  const __mmask16 d = _mm512_cmplt_epu32_mask(_mm512_load_si512(column + 3 * kLanes), limit);
  return _mm512_kunpackd(_mm512_kunpackw(d, c), _mm512_kunpackw(b, a));
}

// Of each row, in a byte, the leaf in which it ends below the node, counted from the node's first.
// Written out for all 63 nodes, so that what is chosen between stays in registers.
template <std::size_t kNode>
MLGUARD_WIDE_INLINE __m512i leaf_below(const Columns& columns, const std::uint32_t* thresholds,
                                       const std::uint8_t* slots) {
  const __mmask64 right = below(columns.values[slots[kNode]], thresholds[kNode]);
  if constexpr (2 * kNode >= kNodes) {
    return _mm512_maskz_mov_epi8(right, _mm512_set1_epi8(1));
  } else {
    // How many leaves lie on the left: a bit, as they are counted.
    constexpr std::size_t kLeft = kNodes / 2 / std::bit_floor(kNode);
    const __m512i left = leaf_below<2 * kNode>(columns, thresholds, slots);
    const __m512i in_right = leaf_below<2 * kNode + 1>(columns, thresholds, slots);
    return _mm512_mask_blend_epi8(
        right, left, _mm512_or_si512(in_right, _mm512_set1_epi8(static_cast<char>(kLeft))));
  }
}

MLGUARD_WIDE_INLINE void add_leaves(__m512i chosen, const float* leaves, float* sums) {
  const __m512 leaves_0 = _mm512_loadu_ps(leaves);
  const __m512 leaves_1 = _mm512_loadu_ps(leaves + kLanes);
  const __m512 leaves_2 = _mm512_loadu_ps(leaves + 2 * kLanes);
  const __m512 leaves_3 = _mm512_loadu_ps(leaves + 3 * kLanes);
  alignas(64) std::uint8_t numbers[kWideRows];
  _mm512_store_si512(numbers, chosen);
  for (std::size_t quarter = 0; quarter < kQuarters; ++quarter) {
    const __m128i bytes =
        _mm_load_si128(reinterpret_cast<const __m128i*>(numbers + quarter * kLanes));
    const __m512i leaf = _mm512_cvtepu8_epi32(bytes);
    const __m512 lower = _mm512_permutex2var_ps(leaves_0, leaf, leaves_1);
    const __m512 upper = _mm512_permutex2var_ps(leaves_2, leaf, leaves_3);
    const __mmask16 is_upper = _mm512_test_epi32_mask(leaf, _mm512_set1_epi32(2 * kLanes));
    float* const sum = sums + quarter * kLanes;
    const __m512 added = _mm512_mask_blend_ps(is_upper, lower, upper);
    _mm512_store_ps(sum, _mm512_add_ps(_mm512_load_ps(sum), added));
  }
}

MLGUARD_WIDE void add_trees(const WideTrees& forest, const Columns& columns, Sums& sums) {
  const __m512 base = _mm512_set1_ps(forest.base_margin);
  for (std::size_t output = 0; output < forest.outputs; ++output) {
    for (std::size_t quarter = 0; quarter < kQuarters; ++quarter) {
      _mm512_store_ps(&sums.values[output][quarter * kLanes], base);
    }
  }
  for (std::size_t tree = 0; tree < forest.trees; ++tree) {
    const std::size_t begin = tree * kNodes;
    const __m512i chosen = leaf_below<1>(columns, forest.thresholds + begin, forest.slots + begin);
    add_leaves(chosen, forest.leaves + begin, sums.values[forest.output_of_tree[tree]]);
  }
}

}  // namespace

bool has_wide_trees() {
  static const bool has =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
  return has;
}

void walk_wide(const WideTrees& forest, const float* rows, std::size_t count, float* margins) {
  assert(count <= kWideRows);
  Columns columns;
  Sums sums;
  fill_columns(rows, count, forest.features, columns);
  add_trees(forest, columns, sums);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t output = 0; output < forest.outputs; ++output) {
      margins[i * forest.outputs + output] = sums.values[output][i];
    }
  }
}

#undef MLGUARD_WIDE
#undef MLGUARD_WIDE_INLINE

#else

bool has_wide_trees() { return false; }

void walk_wide(const WideTrees&, const float*, std::size_t, float*) {
  assert(false && "this processor has no wide trees");
}

#endif

}  // namespace mlguard::ml_detector
