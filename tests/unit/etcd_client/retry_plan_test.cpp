#include "etcd_client/retry_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace mlguard::etcd_client {
namespace {

constexpr std::uint64_t kSeed = 7;

TEST(RetryPlanTest, TheFirstRoundVisitsEveryEndpointWithoutAPause) {
  base::ManualClock clock;
  RetryPlan plan({.endpoints = 3}, 1, milliseconds(10'000), clock, kSeed);
  for (const std::size_t expected : {1U, 2U, 0U}) {
    const auto attempt = plan.next();
    ASSERT_TRUE(attempt.has_value());
    EXPECT_EQ(attempt->endpoint, expected);
    EXPECT_EQ(attempt->pause.count(), 0);
  }
}

TEST(RetryPlanTest, LaterRoundsPauseOnceEachAndTwiceAsLongUpToTheMaximum) {
  base::ManualClock clock;
  RetryPlan plan(
      {.endpoints = 2, .backoff_first = milliseconds(100), .backoff_max = milliseconds(400)}, 0,
      milliseconds(1'000'000), clock, kSeed);
  (void)plan.next();
  (void)plan.next();
  for (const std::int64_t full : {100, 200, 400, 400, 400}) {
    const auto first = plan.next();
    ASSERT_TRUE(first.has_value());
    EXPECT_GE(first->pause.count(), full / 2);
    EXPECT_LE(first->pause.count(), full);
    const auto second = plan.next();
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->pause.count(), 0) << "only a new round waits";
  }
}

TEST(RetryPlanTest, DifferentSeedsGiveDifferentPauses) {
  base::ManualClock clock;
  std::set<std::int64_t> pauses;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RetryPlan plan({.endpoints = 1, .backoff_first = milliseconds(1'000)}, 0, milliseconds(100'000),
                   clock, seed);
    (void)plan.next();
    pauses.insert(plan.next()->pause.count());
  }
  EXPECT_GT(pauses.size(), 10U);
}

TEST(RetryPlanTest, TheSameSeedGivesTheSamePauses) {
  base::ManualClock clock;
  const RetryOptions options{.endpoints = 1};
  RetryPlan a(options, 0, milliseconds(100'000), clock, kSeed);
  RetryPlan b(options, 0, milliseconds(100'000), clock, kSeed);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(a.next()->pause, b.next()->pause);
}

TEST(RetryPlanTest, NothingBeginsAfterTheDeadline) {
  base::ManualClock clock;
  RetryPlan plan({.endpoints = 1, .backoff_first = milliseconds(100)}, 0, milliseconds(1'000),
                 clock, kSeed);
  ASSERT_TRUE(plan.next().has_value());
  clock.advance_ms(1'000);
  EXPECT_FALSE(plan.next().has_value());
  EXPECT_EQ(plan.remaining().count(), 0);
}

TEST(RetryPlanTest, APauseThatWouldEndAfterTheDeadlineIsNotBegun) {
  base::ManualClock clock;
  RetryPlan plan({.endpoints = 1, .backoff_first = milliseconds(500)}, 0, milliseconds(1'000),
                 clock, kSeed);
  ASSERT_TRUE(plan.next().has_value());
  clock.advance_ms(900);
  EXPECT_FALSE(plan.next().has_value());
}

TEST(RetryPlanTest, TheFirstAttemptIsMadeEvenWithoutTime) {
  base::ManualClock clock;
  RetryPlan plan({.endpoints = 1}, 0, milliseconds(0), clock, kSeed);
  EXPECT_TRUE(plan.next().has_value());
  EXPECT_FALSE(plan.next().has_value());
}

TEST(RetryPlanTest, AnAttemptMayTakeAllTheTimeOfALoneEndpointAndAShareOtherwise) {
  base::ManualClock clock;
  RetryPlan alone({.endpoints = 1}, 0, milliseconds(9'000), clock, kSeed);
  EXPECT_EQ(alone.attempt_timeout().count(), 9'000);
  RetryPlan several({.endpoints = 3}, 0, milliseconds(9'000), clock, kSeed);
  EXPECT_EQ(several.attempt_timeout().count(), 3'000);
  RetryPlan hurried({.endpoints = 3}, 0, milliseconds(600), clock, kSeed);
  EXPECT_EQ(hurried.attempt_timeout().count(), 600);
}

TEST(RetryPlanTest, ALongPollGetsItsHoldOnTopOfEveryLimit) {
  base::ManualClock clock;
  RetryPlan plan({.endpoints = 3, .hold = milliseconds(25'000)}, 0, milliseconds(9'000), clock,
                 kSeed);
  EXPECT_EQ(plan.remaining().count(), 34'000);
  EXPECT_EQ(plan.attempt_timeout().count(), 28'000);
}

TEST(RetryPlanTest, TheWallClockMayJumpWithoutAnyEffect) {
  base::ManualClock clock;
  RetryPlan plan({.endpoints = 1}, 0, milliseconds(5'000), clock, kSeed);
  clock.jump_wall_ms(-3'600'000);
  EXPECT_EQ(plan.remaining().count(), 5'000);
}

}  // namespace
}  // namespace mlguard::etcd_client
