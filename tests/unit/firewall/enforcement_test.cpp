#include "firewall/enforcement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/firewall/fake_kernel.h"
#include "unit/firewall/networks.h"

namespace mlguard::firewall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::int64_t kMinuteMs = 60'000;

class EnforcementTest : public ::testing::Test {
 protected:
  EnforcementTest() {
    auto kernel = std::make_unique<FakeKernel>();
    kernel_ = kernel.get();
    enforcement_ = std::make_unique<Enforcement>(std::move(kernel));
  }
  void want(const std::string& network, std::int64_t end = kNever) {
    wanted_[net(network)] = end;
    change_.block.push_back({net(network), end});
  }
  void drop(const std::string& network) {
    wanted_.erase(net(network));
    change_.unblock.push_back(net(network));
  }
  void follow() { enforcement_->follow(std::exchange(change_, {}), wanted_, kNow); }
  std::vector<std::string> held() const {
    std::vector<std::string> all;
    for (const auto& [network, one] : kernel_->held) all.push_back(to_text(network));
    return all;
  }

  static constexpr std::int64_t kNever = kNeverMs;
  FakeKernel* kernel_;
  std::unique_ptr<Enforcement> enforcement_;
  Targets wanted_;
  TargetChange change_;
};

TEST_F(EnforcementTest, FollowsChangesAndReadsThemBack) {
  want("192.0.2.1", kNow + kMinuteMs);
  follow();
  EXPECT_THAT(held(), ElementsAre("192.0.2.1"));
  EXPECT_TRUE(enforcement_->is_read_back());
  EXPECT_TRUE(enforcement_->holds({net("192.0.2.1"), kNow + kMinuteMs}));
  EXPECT_FALSE(enforcement_->holds({net("192.0.2.1"), kNever}));
  EXPECT_FALSE(enforcement_->holds({net("192.0.2.2"), kNow}));
  want("192.0.2.2");
  drop("192.0.2.1");
  follow();
  EXPECT_THAT(held(), ElementsAre("192.0.2.2"));
  EXPECT_FALSE(enforcement_->take_drift().any());
}

TEST_F(EnforcementTest, WhatAnEarlierProcessLeftIsTakenOverAndNoDrift) {
  kernel_->held[net("192.0.2.1")] = {{net("192.0.2.1"), kNever}, 7, 700};
  kernel_->held[net("192.0.2.9")] = {{net("192.0.2.9"), kNever}, 0, 0};
  want("192.0.2.1");
  want("192.0.2.2");
  follow();
  EXPECT_THAT(held(), UnorderedElementsAre("192.0.2.1", "192.0.2.2"));
  EXPECT_EQ(kernel_->held[net("192.0.2.1")].packets, 7U);
  EXPECT_FALSE(enforcement_->take_drift().any());
}

TEST_F(EnforcementTest, NothingIsListedWhileNothingChanges) {
  want("192.0.2.1");
  follow();
  const int lists = kernel_->lists;
  for (int i = 0; i < 10; ++i) follow();
  EXPECT_EQ(kernel_->lists, lists);
}

TEST_F(EnforcementTest, DriftIsRepairedAndTold) {
  want("192.0.2.1");
  want("192.0.2.2");
  follow();
  kernel_->held.erase(net("192.0.2.1"));
  kernel_->held[net("203.0.113.1")] = {{net("203.0.113.1"), kNever}, 0, 0};
  kernel_->frame_broken = true;
  kernel_->touched = true;
  follow();
  EXPECT_THAT(held(), UnorderedElementsAre("192.0.2.1", "192.0.2.2"));
  const Drift drift = enforcement_->take_drift();
  EXPECT_TRUE(drift.frame);
  EXPECT_EQ(drift.missing, 1U);
  EXPECT_EQ(drift.foreign, 1U);
  EXPECT_EQ(drift.text(),
            "the table or a rule of it was gone or changed, 1 entry was missing, 1 entry was not "
            "ours");
  EXPECT_FALSE(enforcement_->take_drift().any());
}

TEST_F(EnforcementTest, AListingWithAGapIsNoDrift) {
  for (int i = 1; i <= 3; ++i) want("192.0.2." + std::to_string(i));
  follow();
  const int changes = kernel_->changes;
  kernel_->touched = kernel_->gap_in_next_list = true;
  follow();
  EXPECT_FALSE(enforcement_->take_drift().any());
  EXPECT_EQ(kernel_->changes, changes) << "nothing was to be repaired";
  // What is really gone is so the second time, too.
  kernel_->held.erase(net("192.0.2.2"));
  kernel_->touched = true;
  follow();
  EXPECT_EQ(enforcement_->take_drift().missing, 1U);
  EXPECT_EQ(kernel_->held.size(), 3U);
}

TEST_F(EnforcementTest, WhatEndedByItselfIsNoDrift) {
  want("192.0.2.1", kNow + 5);
  want("192.0.2.2");
  follow();
  kernel_->held.erase(net("192.0.2.1"));
  kernel_->held[net("192.0.2.3")] = {{net("192.0.2.3"), kNow - 5}, 0, 0};
  kernel_->touched = true;
  follow();
  EXPECT_FALSE(enforcement_->take_drift().any());
  EXPECT_THAT(held(), ElementsAre("192.0.2.2"));
}

TEST_F(EnforcementTest, WhatTheKernelRefusedIsToldAndTriedAgain) {
  follow();
  kernel_->refuses = true;
  want("192.0.2.1");
  follow();
  EXPECT_EQ(enforcement_->problem(), "the kernel refused");
  EXPECT_FALSE(enforcement_->is_read_back());
  kernel_->refuses = false;
  kernel_->touched = true;
  follow();
  EXPECT_EQ(enforcement_->problem(), "");
  EXPECT_TRUE(enforcement_->is_read_back());
  EXPECT_THAT(held(), ElementsAre("192.0.2.1"));
  EXPECT_FALSE(enforcement_->take_drift().any());
}

TEST_F(EnforcementTest, AClockThatWasSetMovesAllEnds) {
  want("192.0.2.1", kNow + kMinuteMs);
  follow();
  kernel_->held[net("192.0.2.1")].target.expires_at_ms = kNow + 2 * kMinuteMs;
  enforcement_->clock_was_set();
  kernel_->touched = true;
  follow();
  EXPECT_EQ(kernel_->held[net("192.0.2.1")].target.expires_at_ms, kNow + kMinuteMs);
  EXPECT_FALSE(enforcement_->take_drift().any());
}

TEST_F(EnforcementTest, DropsAreAddedUpOverEntriesMadeAnew) {
  want("192.0.2.1", kNow + kMinuteMs);
  follow();
  const auto packets = [&](std::uint64_t count) {
    kernel_->held[net("192.0.2.1")].packets = count;
    kernel_->held[net("192.0.2.1")].bytes = count * 100;
    kernel_->touched = true;
    follow();
    return enforcement_->dropped_in_all().packets;
  };
  EXPECT_EQ(packets(5), 5U);
  EXPECT_EQ(packets(8), 8U);
  EXPECT_EQ(packets(2), 10U);  // Made anew meanwhile.
  EXPECT_EQ(enforcement_->dropped().at(net("192.0.2.1")).bytes, 1'000U);
  drop("192.0.2.1");
  follow();
  EXPECT_THAT(enforcement_->dropped(), IsEmpty());
  EXPECT_EQ(enforcement_->dropped_in_all().packets, 10U);
}

}  // namespace
}  // namespace mlguard::firewall
