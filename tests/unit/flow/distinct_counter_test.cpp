#include "flow/distinct_counter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "flow/lru_table.h"

namespace mlguard::flow {
namespace {

constexpr std::uint32_t kSecond = 1'600'000'000;

std::uint64_t hashed(std::uint64_t value, std::uint64_t seed) {
  return hash_bytes(&value, sizeof value, seed);
}

TEST(DistinctCounterTest, IsExactWhileThereAreFew) {
  SketchBudget budget{4};
  DistinctCounter counter;
  for (std::uint64_t i = 0; i < 3 * kExactValuesMax; ++i) {
    counter.add(i % kExactValuesMax, kSecond, budget);
  }
  EXPECT_EQ(counter.count(kSecond), static_cast<double>(kExactValuesMax));
  EXPECT_EQ(budget.in_use, 0u);
}

TEST(DistinctCounterTest, ForgetsEachValueTenSecondsAfterItsLastSight) {
  SketchBudget budget{4};
  DistinctCounter counter;
  counter.add(1, kSecond, budget);
  counter.add(2, kSecond + 5, budget);
  EXPECT_EQ(counter.count(kSecond + 9), 2);
  EXPECT_EQ(counter.count(kSecond + 10), 1);
  EXPECT_EQ(counter.count(kSecond + 15), 0);
}

TEST(DistinctCounterTest, QuietForAWindowItIsExactAgain) {
  SketchBudget budget{4};
  DistinctCounter counter;
  for (std::uint64_t i = 0; i < 1'000; ++i) counter.add(hashed(i, 0), kSecond, budget);
  EXPECT_EQ(budget.in_use, 1u);
  EXPECT_NEAR(counter.count(kSecond + 9), 1'000, 1'000 * 4 * kSketchStandardError);
  EXPECT_EQ(counter.count(kSecond + 10), 0);
  counter.add(1, kSecond + 10, budget);
  EXPECT_EQ(counter.count(kSecond + 10), 1);
  EXPECT_EQ(budget.in_use, 0u);
}

// Each value comes three times, somewhere in the window.
double relative_error(std::uint32_t many, std::uint64_t seed) {
  SketchBudget budget{1};
  DistinctCounter counter;
  for (std::uint32_t i = 0; i < 3 * many; ++i) {
    const auto second = static_cast<std::uint32_t>(kWindowSeconds * std::uint64_t{i} / (3 * many));
    counter.add(hashed(i % many, seed), kSecond + second, budget);
  }
  return counter.count(kSecond + kWindowSeconds - 1) / many - 1;
}

TEST(DistinctCounterTest, TheStatedErrorHoldsFromAHundredToAMillionValues) {
  constexpr int kSeeds = 32;
  for (const std::uint32_t many : {65u, 100u, 300u, 1'000u, 2'000u, 4'000u, 6'000u, 10'000u,
                                   30'307u, 100'000u, 300'000u, 1'000'000u}) {
    double sum = 0;
    double squares = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const double error = relative_error(many, seed);
      EXPECT_LT(std::abs(error), 4 * kSketchStandardError) << many << ", seed " << seed;
      sum += error;
      squares += error * error;
    }
    // What 32 draws may stray by: three standard errors of their mean, and of their deviation.
    EXPECT_LT(std::abs(sum / kSeeds), 3 * kSketchStandardError / std::sqrt(kSeeds)) << many;
    EXPECT_LT(std::sqrt(squares / kSeeds), 1.375 * kSketchStandardError) << many;
    if (many <= 100) {
      EXPECT_LT(std::sqrt(squares / kSeeds), 0.02) << many;
    }
  }
}

TEST(SlidingSketchTest, SlidesExactlyToWhatAFreshOneWouldHold) {
  std::mt19937_64 random(3);
  SlidingSketch sliding(kSecond);
  std::vector<std::pair<std::uint64_t, std::uint32_t>> seen;
  for (std::uint32_t second = kSecond; second < kSecond + 40; ++second) {
    const bool quiet = second % 13 == 0;
    for (std::uint64_t i = 0; i < (quiet ? 0 : 500); ++i) {
      seen.emplace_back(random(), second);
      sliding.add(seen.back().first, second, second);
    }
    SlidingSketch fresh(second);
    for (const auto& [value, at] : seen) {
      if (in_window(at, second)) fresh.add(value, at, second);
    }
    EXPECT_EQ(sliding.estimate(second), fresh.estimate(second)) << second - kSecond;
  }
  EXPECT_EQ(sliding.estimate(kSecond + 100), 0);
}

TEST(DistinctCounterTest, WithoutABudgetItIsALowerBoundAndSaysSo) {
  SketchBudget budget{0};
  DistinctCounter counter;
  for (std::uint64_t i = 0; i < 100; ++i) counter.add(i, kSecond, budget);
  EXPECT_EQ(counter.count(kSecond), static_cast<double>(kExactValuesMax));
  EXPECT_EQ(budget.values_refused, 100 - kExactValuesMax);
}

}  // namespace
}  // namespace mlguard::flow
