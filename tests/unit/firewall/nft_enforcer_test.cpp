// nftables as it is: in a network namespace of this process's own, with packets over a cable whose
// other end is a second namespace.
#include "firewall/nft_enforcer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "support/private_network.h"
#include "support/process.h"
#include "support/wait_until.h"
#include "unit/firewall/networks.h"

namespace mlguard::firewall {
namespace {

using support::run_shell;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::int64_t kHourMs = 3'600'000;
using Ends = std::map<std::string, std::int64_t>;

class NftEnforcerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(support::enter_private_network(), "");
    run_shell("nft flush ruleset");
    enforcer_ = make();
  }

  static std::unique_ptr<Enforcer> make(NftOptions options = {}) {
    auto made = make_nft_enforcer(options);
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    if (!made.ok()) return nullptr;
    const auto ready = (*made)->prepare();
    EXPECT_TRUE(ready.ok()) << (ready.ok() ? "" : ready.error().message);
    return std::move(*made);
  }
  void change(TargetChange change) {
    const auto done = enforcer_->change(change, kNow);
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
  // What is held, by text, with ends relative to now and rounded up to ten seconds, since the
  // kernel counts down meanwhile; 0: never.
  Ends held() {
    Ends all;
    const auto list = enforcer_->list(kNow);
    EXPECT_TRUE(list.ok());
    if (!list.ok()) return all;
    for (const HeldTarget& one : *list) {
      const std::int64_t end = one.target.expires_at_ms;
      all[to_text(one.target.network)] = end == kNeverMs ? 0 : (end - kNow + 9'900) / 10'000 * 10;
    }
    return all;
  }
  static std::string netns() { return "mlg-nft-" + std::to_string(getpid()); }
  static std::string ruleset() { return run_shell("nft list ruleset").out; }
  // In whatever order the kernel lists it.
  static std::string sorted_ruleset() { return run_shell("nft list ruleset | sort").out; }

  std::unique_ptr<Enforcer> enforcer_;
};

TEST_F(NftEnforcerTest, BlocksRetimesAndUnblocks) {
  EXPECT_THAT(held(), IsEmpty());
  change({{{net("192.0.2.1"), kNow + 60'000},
           {net("198.51.100.0/24"), kNow + 120'000},
           {net("2001:db8::1"), kNeverMs},
           {net("2001:db8:1::/48"), kNow + 180'000}},
          {}});
  EXPECT_EQ(held(), (Ends{{"192.0.2.1", 60},
                          {"198.51.100.0/24", 120},
                          {"2001:db8::1", 0},
                          {"2001:db8:1::/48", 180}}));
  change({{{net("192.0.2.1"), kNow + 90'000}, {net("2001:db8::1"), kNow + 30'000}},
          {net("198.51.100.0/24"), net("203.0.113.9"), net("203.0.0.0/16")}});
  EXPECT_EQ(held(), (Ends{{"192.0.2.1", 90}, {"2001:db8::1", 30}, {"2001:db8:1::/48", 180}}));
}

TEST_F(NftEnforcerTest, PrefixesMayOverlap) {
  change({{{net("10.0.0.0/8"), kNow + 30'000},
           {net("10.1.0.0/16"), kNow + 100'000},
           {net("10.1.2.3"), kNow + 50'000},
           {net("10.0.0.0/9"), kNeverMs}},
          {}});
  EXPECT_EQ(held(),
            (Ends{{"10.0.0.0/8", 30}, {"10.1.0.0/16", 100}, {"10.1.2.3", 50}, {"10.0.0.0/9", 0}}));
}

TEST_F(NftEnforcerTest, TheKernelEndsABlockByItself) {
  change({{{net("192.0.2.1"), kNow + 100}, {net("192.0.2.2"), kNow + kHourMs}}, {}});
  EXPECT_TRUE(support::wait_until([&] { return held() == Ends{{"192.0.2.2", 3'600}}; }));
  // What ended meanwhile can be removed and blocked again.
  change({{}, {net("192.0.2.1")}});
  change({{{net("192.0.2.1"), kNeverMs}}, {}});
  EXPECT_EQ(held().count("192.0.2.1"), 1U);
}

TEST_F(NftEnforcerTest, ATableOfOthersIsNotTouched) {
  run_shell("nft add table inet theirs; nft add chain inet theirs c; nft add table ip ml_guard");
  change({{{net("192.0.2.1"), kNeverMs}}, {}});
  ASSERT_TRUE(enforcer_->clear().ok());
  EXPECT_THAT(ruleset(), HasSubstr("table inet theirs"));
  EXPECT_THAT(ruleset(), HasSubstr("table ip ml_guard"));
  EXPECT_EQ(ruleset().find("table inet ml_guard"), std::string::npos);
}

TEST_F(NftEnforcerTest, ANewProcessTakesOverWhatIsThere) {
  change({{{net("192.0.2.1"), kNow + 60'000}, {net("10.0.0.0/8"), kNeverMs}}, {}});
  enforcer_ = make();
  EXPECT_EQ(held(), (Ends{{"192.0.2.1", 60}, {"10.0.0.0/8", 0}}));
  NftOptions later;
  later.priority = -5;
  enforcer_ = make(later);
  EXPECT_EQ(held(), (Ends{{"192.0.2.1", 60}, {"10.0.0.0/8", 0}}));
  EXPECT_THAT(ruleset(), HasSubstr("priority filter - 5"));
}

TEST_F(NftEnforcerTest, OwnChangesAreNoDrift) {
  (void)held();
  EXPECT_EQ(enforcer_->drifted(), Drifted::no);
  change({{{net("192.0.2.1"), kNeverMs}}, {}});
  EXPECT_EQ(enforcer_->drifted(), Drifted::no);
  change({{{net("10.0.0.0/8"), kNeverMs}}, {}});
  EXPECT_EQ(enforcer_->drifted(), Drifted::no);
  change({{}, {net("10.0.0.0/8")}});
  EXPECT_EQ(enforcer_->drifted(), Drifted::no);
}

TEST_F(NftEnforcerTest, WhateverOthersDoToTheTableIsSeenAndRepaired) {
  for (const char* harm :
       {"nft flush ruleset", "nft delete table inet ml_guard",
        "nft flush chain inet ml_guard early", "nft insert rule inet ml_guard early accept",
        "nft flush chain inet ml_guard early; nft delete chain inet ml_guard early"}) {
    change({{{net("192.0.2.1"), kNeverMs}}, {}});
    (void)held();
    ASSERT_EQ(enforcer_->drifted(), Drifted::no);
    const std::string before = sorted_ruleset();
    ASSERT_TRUE(run_shell(harm).exit.ok()) << harm;
    EXPECT_EQ(enforcer_->drifted(), Drifted::surely) << harm;
    const auto repaired = enforcer_->prepare();
    ASSERT_TRUE(repaired.ok()) << repaired.error().message;
    EXPECT_TRUE(*repaired) << harm;
    change({{{net("192.0.2.1"), kNeverMs}}, {}});
    EXPECT_EQ(sorted_ruleset(), before) << harm;
    EXPECT_FALSE(*enforcer_->prepare());
  }
}

TEST_F(NftEnforcerTest, AFlushedSetIsSeenAsDrift) {
  change({{{net("192.0.2.1"), kNeverMs}}, {}});
  (void)held();
  ASSERT_TRUE(run_shell("nft flush set inet ml_guard v4_32_1").exit.ok());
  EXPECT_EQ(enforcer_->drifted(), Drifted::surely);
  EXPECT_THAT(held(), IsEmpty());
  EXPECT_EQ(enforcer_->drifted(), Drifted::no);
}

TEST_F(NftEnforcerTest, ManyElementsAreOneTransaction) {
  TargetChange many;
  for (unsigned i = 0; i < 20'000; ++i) {
    const std::string host = std::to_string(i / 200) + "." + std::to_string(i % 200);
    many.block.push_back({net("10.1." + host), kNow + kHourMs});
  }
  change(many);
  // The kernel's hash tables grow for a moment after the transaction; a list then misses some.
  EXPECT_TRUE(support::wait_until([&] { return held().size() == many.block.size(); }));
  EXPECT_EQ(enforcer_->drifted(), Drifted::no);
}

TEST_F(NftEnforcerTest, WithoutItsTableAChangeIsAnErrorAndTheNextOneWorks) {
  run_shell("nft flush ruleset");
  TargetChange one{{{net("192.0.2.1"), kNeverMs}}, {}};
  const auto refused = enforcer_->change(one, kNow);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, base::ErrorCode::not_found);
  ASSERT_TRUE(*enforcer_->prepare());
  change(one);
  EXPECT_EQ(held().size(), 1U);
}

TEST_F(NftEnforcerTest, PacketsAreDroppedAndCounted) {
  support::run_ip("netns add " + netns());
  support::run_ip("link add here type veth peer name there netns " + netns());
  support::run_ip("addr add 192.0.2.254/24 dev here");
  support::run_ip("link set here up");
  const std::string over = "netns exec " + netns() + " ip ";
  support::run_ip(over + "addr add 192.0.2.1/24 dev there");
  support::run_ip(over + "addr add 192.0.2.77/24 dev there");
  support::run_ip(over + "link set there up");
  const auto answers = [&](const std::string& from) {
    return run_shell("ip netns exec " + netns() + " ping -c1 -W1 -I " + from + " 192.0.2.254")
        .exit.ok();
  };
  EXPECT_TRUE(answers("192.0.2.1"));
  change({{{net("192.0.2.1"), kNeverMs}}, {}});
  EXPECT_FALSE(answers("192.0.2.1"));
  EXPECT_TRUE(answers("192.0.2.77"));
  change({{{net("192.0.2.64/27"), kNeverMs}}, {net("192.0.2.1")}});
  EXPECT_TRUE(answers("192.0.2.1"));
  EXPECT_FALSE(answers("192.0.2.77"));
  const auto list = enforcer_->list(kNow);
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().packets, 1U);
  EXPECT_EQ(list->front().bytes, 84U);
  support::run_ip("link del here");
  support::run_ip("netns del " + netns());
}

TEST(NftTableNameTest, OnlyPlainNamesAreTaken) {
  EXPECT_TRUE(check_nft_table("ml_guard").ok());
  for (const char* name : {"", "9a", "a b", "a;flush ruleset", "a-b"}) {
    EXPECT_FALSE(check_nft_table(name).ok()) << name;
  }
}

}  // namespace
}  // namespace mlguard::firewall
