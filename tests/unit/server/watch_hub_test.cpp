#include "server/watch_hub.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace mlguard::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WatchHubTest : public ::testing::Test {
 protected:
  std::future<WakeReason> wait(const std::string& resource, std::uint64_t seen,
                               std::int64_t timeout_ms = 10'000, const void* owner = nullptr) {
    auto woken = std::make_shared<std::promise<WakeReason>>();
    std::future<WakeReason> result = woken->get_future();
    EXPECT_TRUE(hub_.wait({.resource = resource,
                           .seen = seen,
                           .timeout_ms = timeout_ms,
                           .owner = owner,
                           .callback = [woken](WakeReason reason) { woken->set_value(reason); }}));
    return result;
  }
  void change(std::uint64_t revision, const std::string& resource) {
    base::Change change;
    change.revision = revision;
    change.resource = resource;
    hub_.publish({change});
  }
  static bool sleeping(std::future<WakeReason>& waiter) {
    return waiter.wait_for(milliseconds(100)) == std::future_status::timeout;
  }
  static WakeReason reason_of(std::future<WakeReason>& waiter) {
    EXPECT_EQ(waiter.wait_for(seconds(5)), std::future_status::ready);
    return waiter.get();
  }

  base::SystemClock clock_;
  WatchHub hub_{clock_, 10};
};

TEST_F(WatchHubTest, AChangeWakesThoseWhoWaitForItsResourceOnly) {
  auto exact = wait("config/sniffer", 10);
  auto prefix = wait("config/", 10);
  auto everything = wait("", 10);
  auto other = wait("config/firewall", 10);
  auto rules = wait("rules", 10);
  change(11, "config/sniffer");
  EXPECT_EQ(reason_of(exact), WakeReason::changed);
  EXPECT_EQ(reason_of(prefix), WakeReason::changed);
  EXPECT_EQ(reason_of(everything), WakeReason::changed);
  EXPECT_TRUE(sleeping(other));
  EXPECT_TRUE(sleeping(rules));
  EXPECT_EQ(hub_.waiting(), 2U);
}

TEST_F(WatchHubTest, AChangeThatCameBetweenLookingAndWaitingIsNotLost) {
  change(11, "rules");
  auto waiter = wait("rules", 10);
  EXPECT_EQ(reason_of(waiter), WakeReason::changed);
  auto up_to_date = wait("rules", 11);
  EXPECT_TRUE(sleeping(up_to_date));
  auto elsewhere = wait("detections", 10);
  EXPECT_TRUE(sleeping(elsewhere));
}

TEST_F(WatchHubTest, WhoSawLessThanTheHubRemembersLooksAgain) {
  change(11, "rules");
  auto waiter = wait("detections", 9);
  EXPECT_EQ(reason_of(waiter), WakeReason::changed);
}

TEST_F(WatchHubTest, TimeUpWakesWithThatReason) {
  auto later = wait("rules", 10, 10'000);
  auto sooner = wait("rules", 10, 100);
  EXPECT_EQ(reason_of(sooner), WakeReason::timed_out);
  EXPECT_TRUE(sleeping(later));
}

TEST_F(WatchHubTest, TheEndOfASessionWakesItsWaiters) {
  const int owner = 0;
  auto own = wait("rules", 10, 10'000, &owner);
  auto other = wait("rules", 10);
  hub_.end_of(&owner);
  EXPECT_EQ(reason_of(own), WakeReason::ended);
  EXPECT_TRUE(sleeping(other));
}

TEST_F(WatchHubTest, StoppingWakesEverybody) {
  auto waiter = wait("rules", 10);
  hub_.stop();
  EXPECT_EQ(reason_of(waiter), WakeReason::stopping);
  auto late = wait("rules", 10);
  EXPECT_EQ(late.wait_for(seconds(1)), std::future_status::ready);
}

TEST_F(WatchHubTest, ThousandsWaitAndAreAllWoken) {
  std::vector<std::future<WakeReason>> waiters;
  for (int i = 0; i < 4'000; ++i) waiters.push_back(wait("rules", 10, 60'000));
  EXPECT_EQ(hub_.waiting(), 4'000U);
  change(11, "rules");
  for (auto& waiter : waiters) EXPECT_EQ(reason_of(waiter), WakeReason::changed);
  EXPECT_EQ(hub_.waiting(), 0U);
}

TEST(ResourceMatchesTest, NamesMatchExactlyAndPrefixesEndWithASlash) {
  EXPECT_TRUE(resource_matches("", "rules"));
  EXPECT_TRUE(resource_matches("rules", "rules"));
  EXPECT_FALSE(resource_matches("rule", "rules"));
  EXPECT_TRUE(resource_matches("config/", "config/sniffer"));
  EXPECT_FALSE(resource_matches("config/sniffer", "config/sniffer-dmz"));
  EXPECT_FALSE(resource_matches("config/", "components/x"));
}

}  // namespace
}  // namespace mlguard::server
