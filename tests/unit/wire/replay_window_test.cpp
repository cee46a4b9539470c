#include "wire/replay_window.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace mlguard::wire {
namespace {

constexpr std::uint64_t kWindow = kReplayWindowCounters;

TEST(ReplayWindowTest, EachCounterPassesOnceInOrder) {
  ReplayWindow window;
  for (std::uint64_t i = 0; i < 3 * kWindow; ++i) {
    EXPECT_TRUE(window.accept(i));
    EXPECT_FALSE(window.accept(i));
  }
}

TEST(ReplayWindowTest, LateCountersPassInsideTheWindowAndNotBehindIt) {
  ReplayWindow window;
  ASSERT_TRUE(window.accept(10'000));
  EXPECT_TRUE(window.accept(10'000 - (kWindow - 1)));
  EXPECT_FALSE(window.accept(10'000 - kWindow));
  EXPECT_FALSE(window.accept(0));
  EXPECT_TRUE(window.accept(9'999));
  EXPECT_FALSE(window.accept(9'999));
}

TEST(ReplayWindowTest, AJumpFarAheadForgetsNothingThatCouldBeReplayed) {
  ReplayWindow window;
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(window.accept(i));
  ASSERT_TRUE(window.accept(1'000'000'000));
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_FALSE(window.accept(i));
  EXPECT_TRUE(window.accept(1'000'000'000 - 5));
}

// Against a set that remembers everything, over many random walks.
TEST(ReplayWindowTest, AgreesWithAPlainSetOverRandomOrders) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    ReplayWindow window;
    std::set<std::uint64_t> seen;
    std::uint64_t highest = 0;
    std::uint64_t base = 0;
    for (int i = 0; i < 5'000; ++i) {
      base += random() % 40 == 0 ? random() % 5'000 : random() % 3;
      const std::uint64_t counter = base - std::min<std::uint64_t>(base, random() % 3'000);
      const bool too_old = highest >= kWindow && counter <= highest - kWindow;
      const bool expected = !too_old && !seen.contains(counter);
      ASSERT_EQ(window.accept(counter), expected) << "seed " << seed << ", counter " << counter;
      if (expected) seen.insert(counter);
      if (expected) highest = std::max(highest, counter);
    }
  }
}

}  // namespace
}  // namespace mlguard::wire
