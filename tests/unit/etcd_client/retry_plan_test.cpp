#include "etcd_client/retry_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace mlguard::etcd_client {
namespace {

constexpr std::uint64_t kSeed = 7;

TEST(RetryPlanTest, TheFirstRoundBeginsWithoutAPause) {
  base::ManualClock clock;
  RetryPlan plan({}, milliseconds(10'000), clock, kSeed);
  EXPECT_EQ(plan.begin_round(), milliseconds(0));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(plan.begin_attempt());
}

TEST(RetryPlanTest, LaterRoundsPauseTwiceAsLongEachUpToTheMaximum) {
  base::ManualClock clock;
  RetryPlan plan({.backoff_first = milliseconds(100), .backoff_max = milliseconds(400)},
                 milliseconds(1'000'000), clock, kSeed);
  (void)plan.begin_round();
  for (const std::int64_t full : {100, 200, 400, 400, 400}) {
    const auto pause = plan.begin_round();
    ASSERT_TRUE(pause.has_value());
    EXPECT_GE(pause->count(), full / 2);
    EXPECT_LE(pause->count(), full);
  }
}

TEST(RetryPlanTest, WhatAServerAskedForBoundsThePause) {
  base::ManualClock clock;
  RetryPlan plan({.backoff_first = milliseconds(1'600)}, milliseconds(1'000'000), clock, kSeed);
  (void)plan.begin_round();
  const auto pause = plan.begin_round(milliseconds(1'000));
  ASSERT_TRUE(pause.has_value());
  EXPECT_GE(pause->count(), 500);
  EXPECT_LE(pause->count(), 1'000);
}

TEST(RetryPlanTest, DifferentSeedsGiveDifferentPauses) {
  base::ManualClock clock;
  std::set<std::int64_t> pauses;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RetryPlan plan({.backoff_first = milliseconds(1'000)}, milliseconds(100'000), clock, seed);
    (void)plan.begin_round();
    pauses.insert(plan.begin_round()->count());
  }
  EXPECT_GT(pauses.size(), 10U);
}

TEST(RetryPlanTest, TheSameSeedGivesTheSamePauses) {
  base::ManualClock clock;
  RetryPlan a({}, milliseconds(100'000), clock, kSeed);
  RetryPlan b({}, milliseconds(100'000), clock, kSeed);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(a.begin_round(), b.begin_round());
}

TEST(RetryPlanTest, NothingBeginsAfterTheDeadline) {
  base::ManualClock clock;
  RetryPlan plan({.backoff_first = milliseconds(100)}, milliseconds(1'000), clock, kSeed);
  ASSERT_TRUE(plan.begin_round().has_value());
  ASSERT_TRUE(plan.begin_attempt());
  clock.advance_ms(1'000);
  EXPECT_FALSE(plan.begin_attempt());
  EXPECT_FALSE(plan.begin_round().has_value());
  EXPECT_EQ(plan.remaining().count(), 0);
}

TEST(RetryPlanTest, APauseThatWouldEndAfterTheDeadlineIsNotBegun) {
  base::ManualClock clock;
  RetryPlan plan({.backoff_first = milliseconds(500)}, milliseconds(1'000), clock, kSeed);
  ASSERT_TRUE(plan.begin_round().has_value());
  clock.advance_ms(900);
  EXPECT_FALSE(plan.begin_round().has_value());
}

TEST(RetryPlanTest, TheFirstAttemptIsMadeEvenWithoutTime) {
  base::ManualClock clock;
  RetryPlan plan({}, milliseconds(0), clock, kSeed);
  EXPECT_TRUE(plan.begin_round().has_value());
  EXPECT_TRUE(plan.begin_attempt());
  EXPECT_FALSE(plan.begin_attempt());
}

TEST(RetryPlanTest, AnAttemptMayTakeAllTheTimeOfALoneEndpointAndAShareOtherwise) {
  base::ManualClock clock;
  const RetryPlan plan({}, milliseconds(9'000), clock, kSeed);
  EXPECT_EQ(plan.attempt_timeout(1).count(), 9'000);
  EXPECT_EQ(plan.attempt_timeout(3).count(), 3'000);
  const RetryPlan hurried({}, milliseconds(600), clock, kSeed);
  EXPECT_EQ(hurried.attempt_timeout(3).count(), 600);
}

TEST(RetryPlanTest, ALongPollGetsItsHoldOnTopOfEveryLimit) {
  base::ManualClock clock;
  const RetryPlan plan({.hold = milliseconds(25'000)}, milliseconds(9'000), clock, kSeed);
  EXPECT_EQ(plan.remaining().count(), 34'000);
  EXPECT_EQ(plan.attempt_timeout(3).count(), 28'000);
}

TEST(RetryPlanTest, TheWallClockMayJumpWithoutAnyEffect) {
  base::ManualClock clock;
  const RetryPlan plan({}, milliseconds(5'000), clock, kSeed);
  clock.jump_wall_ms(-3'600'000);
  EXPECT_EQ(plan.remaining().count(), 5'000);
}

}  // namespace
}  // namespace mlguard::etcd_client
