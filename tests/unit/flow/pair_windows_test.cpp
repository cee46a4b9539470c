#include "flow/pair_windows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "packets.h"

namespace mlguard::flow {
namespace {

constexpr std::uint32_t kSecond = 1'600'000'000;

PairKey pair(std::uint32_t source, std::uint16_t port = 22) {
  PairKey key;
  set_host(key.source.data(), source);
  set_host(key.destination.data(), 99);
  key.port = port;
  key.protocol = MLG_PROTOCOL_TCP;
  return key;
}

class PairWindowsTest : public ::testing::Test {
 protected:
  PairWindows::Handle begin(const PairKey& key, std::uint32_t second) {
    return pairs_.add_flow(key, second * kNsPerSecond, second);
  }
  PairWindows pairs_{4, 0};
};

TEST_F(PairWindowsTest, APairThatIsNotKnownHasDoneNothing) {
  const PairWindow window = pairs_.look(pair(1), kSecond);
  EXPECT_EQ(window.flows, 0);
  EXPECT_EQ(window.flows_lately, 0);
  EXPECT_TRUE(std::isnan(window.half_open_ratio));
  EXPECT_TRUE(std::isnan(window.gap_mean_s));
  EXPECT_TRUE(std::isnan(window.gap_variation));
}

TEST_F(PairWindowsTest, ASlowSeriesIsRememberedWhenTheWindowHasLongForgottenIt) {
  for (std::uint32_t i = 0; i < 20; ++i) begin(pair(1), kSecond + 30 * i);
  const PairWindow window = pairs_.look(pair(1), kSecond + 30 * 19 + 15);
  EXPECT_EQ(window.flows, 0);
  double weights = 0;
  for (int i = 0; i < 20; ++i) weights += std::exp(-(30.0 * i + 15) / kLatelySeconds);
  EXPECT_NEAR(window.flows_lately, weights, 1e-9);
  EXPECT_NEAR(window.gap_mean_s, 30, 1e-9);
  EXPECT_NEAR(window.gap_variation, 0, 1e-6);
  EXPECT_EQ(window.half_open_ratio, 1);
}

TEST_F(PairWindowsTest, FlowsOfTheLastTenSecondsAreCountedExactly) {
  for (std::uint32_t i = 0; i < 30; ++i) begin(pair(1), kSecond + i);
  EXPECT_EQ(pairs_.look(pair(1), kSecond + 29).flows, 10);
  EXPECT_EQ(pairs_.look(pair(1), kSecond + 33).flows, 6);
  EXPECT_EQ(pairs_.look(pair(1), kSecond + 1'000).flows, 0);
}

TEST_F(PairWindowsTest, OtherServicesAndHostsAreOtherPairs) {
  begin(pair(1), kSecond);
  begin(pair(1, 80), kSecond);
  begin(pair(2), kSecond);
  EXPECT_EQ(pairs_.look(pair(1), kSecond).flows, 1);
  EXPECT_EQ(pairs_.size(), 3u);
}

TEST_F(PairWindowsTest, TheShareOfWhatWasNotOpenedFollowsTheFlowsThatWere) {
  const auto first = begin(pair(1), kSecond);
  begin(pair(1), kSecond);
  begin(pair(1), kSecond);
  begin(pair(1), kSecond);
  pairs_.open_flow(first, kSecond, kSecond + 50);
  EXPECT_NEAR(pairs_.look(pair(1), kSecond + 100).half_open_ratio, 0.75, 1e-9);
}

TEST_F(PairWindowsTest, UnevenTimesVary) {
  std::uint32_t second = kSecond;
  for (const std::uint32_t gap : {0u, 1u, 9u, 1u, 9u}) begin(pair(1), second += gap);
  const PairWindow window = pairs_.look(pair(1), second);
  EXPECT_NEAR(window.gap_mean_s, 5, 0.1);
  EXPECT_NEAR(window.gap_variation, 0.8, 0.05);
}

TEST_F(PairWindowsTest, APairThatWasQuietForAnHourBeginsAnew) {
  begin(pair(1), kSecond);
  begin(pair(1), kSecond + 10);
  EXPECT_EQ(pairs_.look(pair(1), kSecond + 9 + kPairForgottenSeconds).gap_mean_s, 10);
  EXPECT_TRUE(std::isnan(pairs_.look(pair(1), kSecond + 10 + kPairForgottenSeconds).gap_mean_s));
  begin(pair(1), kSecond + 10 + kPairForgottenSeconds);
  const PairWindow window = pairs_.look(pair(1), kSecond + 10 + kPairForgottenSeconds);
  EXPECT_EQ(window.flows_lately, 1);
  EXPECT_TRUE(std::isnan(window.gap_mean_s));
}

TEST_F(PairWindowsTest, WhoWasQuietLongestMakesRoomAndItsHandlesAreIgnored) {
  const auto oldest = begin(pair(1), kSecond);
  for (std::uint32_t i = 2; i <= 5; ++i) begin(pair(i), kSecond + i);
  EXPECT_EQ(pairs_.size(), 4u);
  EXPECT_EQ(pairs_.evicted(), 1u);
  EXPECT_EQ(pairs_.look(pair(1), kSecond + 5).flows, 0);
  pairs_.open_flow(oldest, kSecond, kSecond + 5);
  EXPECT_EQ(pairs_.look(pair(5), kSecond + 5).half_open_ratio, 1);
}

}  // namespace
}  // namespace mlguard::flow
