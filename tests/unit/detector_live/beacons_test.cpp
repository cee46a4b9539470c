#include "ml_detector/beacons.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/detector_live/records.h"

namespace mlguard::ml_detector {
namespace {

using flow::Ends;
using flow::FlowRecord;

constexpr std::uint64_t kSecondMs = 1'000;

// Contacts of one pair, each `ms` after the one before it.
class BeaconsTest : public ::testing::Test {
 protected:
  std::optional<Rhythm> contact_after(std::uint64_t ms, std::uint32_t answer_bytes = 200) {
    now_ms_ += ms;
    FlowRecord record = conversation(ends_, now_ms_ * flow::kMs, answer_bytes);
    return beacons_.look(record, limits_);
  }
  std::optional<Rhythm> contacts(int count, std::uint64_t ms, std::uint64_t apart_ms = 0) {
    std::uniform_int_distribution<std::uint64_t> away(0, 2 * apart_ms);
    std::optional<Rhythm> last;
    for (int i = 0; i < count; ++i) last = contact_after(ms + away(random_) - apart_ms);
    return last;
  }

  Ends ends_{1, 2, 50'000, 443};
  BeaconLimits limits_;
  Beacons beacons_{1};
  std::uint64_t now_ms_ = 0;
  std::mt19937_64 random_{1};
};

TEST_F(BeaconsTest, RegularContactsAreABeaconFromTheLimitOn) {
  EXPECT_FALSE(contacts(19, 60 * kSecondMs));
  const auto rhythm = contact_after(60 * kSecondMs);
  ASSERT_TRUE(rhythm);
  EXPECT_EQ(rhythm->contacts, 20U);
  EXPECT_DOUBLE_EQ(rhythm->period_s, 60);
  EXPECT_DOUBLE_EQ(rhythm->jitter, 0);
  EXPECT_EQ(contacts(40, 60 * kSecondMs)->contacts, 60U);
}

TEST_F(BeaconsTest, ASleepWithJitterIsOneStill) {
  const auto rhythm = contacts(40, 60 * kSecondMs, 18 * kSecondMs);
  ASSERT_TRUE(rhythm);
  EXPECT_NEAR(rhythm->period_s, 60, 10);
  EXPECT_GT(rhythm->jitter, 0.05);
}

TEST_F(BeaconsTest, AContactThatWasMissedOrLongerChangesNothing) {
  contacts(15, 60 * kSecondMs);
  contact_after(120 * kSecondMs);
  contact_after(60 * kSecondMs, 9'000);
  EXPECT_TRUE(contacts(10, 60 * kSecondMs));
}

// People come at times that have no memory.
TEST_F(BeaconsTest, PeopleAreNot) {
  std::exponential_distribution<double> wait(1.0 / 60);
  for (int i = 0; i < 2'000; ++i) {
    const auto after_ms = static_cast<std::uint64_t>(wait(random_) * 1'000) + 1;
    EXPECT_FALSE(contact_after(after_ms)) << i;
  }
}

TEST_F(BeaconsTest, ContactsOfDifferentSizesAreNot) {
  for (std::uint32_t i = 0; i < 60; ++i) EXPECT_FALSE(contact_after(60'000, 200 + i * 137 % 2'000));
}

TEST_F(BeaconsTest, LargeContactsAreNot) {
  for (int i = 0; i < 60; ++i) EXPECT_FALSE(contact_after(60'000, 20'000));
}

TEST_F(BeaconsTest, FasterAndSlowerThanThePeriodsAreNot) {
  EXPECT_FALSE(contacts(60, 4 * kSecondMs));
  ends_.to_port = 80;
  limits_.period_max_s = 30;
  EXPECT_FALSE(contacts(60, 31 * kSecondMs));
  ends_.to_port = 81;
  EXPECT_TRUE(contacts(60, 29 * kSecondMs));
}

TEST_F(BeaconsTest, WhatBecomesIrregularBeginsAnew) {
  ASSERT_TRUE(contacts(40, 60 * kSecondMs));
  std::exponential_distribution<double> wait(1.0 / 60);
  for (int i = 0; i < 64; ++i) contact_after(static_cast<std::uint64_t>(wait(random_) * 1'000) + 1);
  const auto again = contacts(32, 60 * kSecondMs);
  ASSERT_TRUE(again);
  EXPECT_LT(again->contacts, 40U);
}

TEST_F(BeaconsTest, ALongSilenceBeginsAnew) {
  contacts(19, 60 * kSecondMs);
  contact_after(3 * 3'600 * kSecondMs);
  EXPECT_FALSE(contacts(18, 60 * kSecondMs));
  EXPECT_TRUE(contacts(1, 60 * kSecondMs));
}

TEST_F(BeaconsTest, OnlyConversationsOverTcpCountAndEachOnce) {
  for (std::uint64_t i = 0; i < 60; ++i) {
    const std::uint64_t at_ns = i * 60 * flow::kNsPerSecond;
    EXPECT_FALSE(beacons_.look(syn_record(ends_, at_ns), limits_));
    EXPECT_FALSE(beacons_.look(conversation(ends_, at_ns, 0), limits_));
    FlowRecord record = conversation(ends_, at_ns);
    record.reason = flow::CloseReason::early;
    EXPECT_FALSE(beacons_.look(record, limits_));
    record.reason = flow::CloseReason::active;
    record.part = 1;
    EXPECT_FALSE(beacons_.look(record, limits_));
    record = conversation(ends_, at_ns);
    record.key.protocol = MLG_PROTOCOL_UDP;
    EXPECT_FALSE(beacons_.look(record, limits_));
  }
  EXPECT_EQ(beacons_.pairs(), 0U);
}

// Flows are told as they end.
TEST_F(BeaconsTest, TheOrderInWhichContactsAreToldDoesNotMatter) {
  std::optional<Rhythm> rhythm;
  for (std::uint64_t i = 0; i < 30; i += 2) {
    for (const std::uint64_t at : {i + 1, i}) {
      rhythm = beacons_.look(conversation(ends_, at * 60 * flow::kNsPerSecond), limits_);
    }
  }
  ASSERT_TRUE(rhythm);
  EXPECT_DOUBLE_EQ(rhythm->period_s, 60);
}

TEST_F(BeaconsTest, PairsOfABusyClientAreNotFollowed) {
  FlowRecord record = conversation(ends_);
  record.windows.pair.gap_mean_s = 0.2;
  beacons_.look(record, limits_);
  EXPECT_EQ(beacons_.pairs(), 0U);
}

TEST_F(BeaconsTest, PairsAreBoundedAndTheQuietestMakesRoom) {
  Beacons few(1, 10);
  for (std::uint32_t host = 2; host <= 200; ++host) {
    few.look(conversation({1, host, 50'000, 443}, host * flow::kNsPerSecond), limits_);
  }
  EXPECT_EQ(few.pairs(), 10U);
}

}  // namespace
}  // namespace mlguard::ml_detector
