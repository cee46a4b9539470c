#include "server/rate_limiter.h"

#include <gtest/gtest.h>

#include <string>

namespace mlguard::server {
namespace {

const PeerAddress kRemote = {"192.0.2.1", false};
const PeerAddress kLoopback = {"127.0.0.1", true};

TEST(RateLimiterTest, ABurstPassesAndThenTheRateHolds) {
  RateLimiter limiter({.per_second = 10, .burst = 5}, {.per_second = 1'000, .burst = 1'000});
  int allowed = 0;
  for (int i = 0; i < 20; ++i) allowed += limiter.allow(kRemote, 1'000);
  EXPECT_EQ(allowed, 5);
  allowed = 0;
  for (int i = 0; i < 20; ++i) allowed += limiter.allow(kRemote, 1'300);
  EXPECT_EQ(allowed, 3);
}

TEST(RateLimiterTest, AddressesDoNotSpendEachOthersPermits) {
  RateLimiter limiter({.per_second = 1, .burst = 1}, {.per_second = 1, .burst = 1});
  EXPECT_TRUE(limiter.allow(kRemote, 0));
  EXPECT_FALSE(limiter.allow(kRemote, 0));
  EXPECT_TRUE(limiter.allow({"192.0.2.2", false}, 0));
}

TEST(RateLimiterTest, LoopbackHasALimitOfItsOwn) {
  RateLimiter limiter({.per_second = 1, .burst = 1}, {.per_second = 100, .burst = 50});
  int allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += limiter.allow(kLoopback, 0);
  EXPECT_EQ(allowed, 50);
}

TEST(RateLimiterTest, AnIpv6HostIsCountedByItsNetwork) {
  EXPECT_EQ(rate_key("2001:db8:1:2::1"), rate_key("2001:db8:1:2:ffff::9"));
  EXPECT_NE(rate_key("2001:db8:1:2::1"), rate_key("2001:db8:1:3::1"));
  EXPECT_EQ(rate_key("192.0.2.1"), "192.0.2.1");
}

TEST(RateLimiterTest, RememberedAddressesAreBounded) {
  RateLimiter limiter({.per_second = 1, .burst = 2}, {.per_second = 1, .burst = 1}, 100);
  for (int i = 0; i < 1'000; ++i) {
    limiter.allow({"198.51." + std::to_string(i / 250) + "." + std::to_string(i % 250), false},
                  i * 10);
  }
  EXPECT_LE(limiter.remembered(), 100U);
}

}  // namespace
}  // namespace mlguard::server
