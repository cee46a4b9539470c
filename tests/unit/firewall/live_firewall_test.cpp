// The whole firewall but for the kernel: started, told, restarted without anybody to tell it.
#include "firewall/live_firewall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "base/rule_scope.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"
#include "unit/firewall/networks.h"

namespace mlguard::firewall {
namespace {

using support::wait_until;
using ::testing::HasSubstr;

// What outlives the process.
struct SharedKernel {
  std::mutex mutex;
  Targets held;
  std::string refuses;  // Not empty: nothing can be made.
  int cleared = 0;
};

class SharedEnforcer final : public Enforcer {
 public:
  explicit SharedEnforcer(SharedKernel& kernel) : kernel_(kernel) {}
  const char* name() const override { return "fake"; }
  base::Result<bool> prepare() override { return false; }
  base::Status change(const TargetChange& change, std::int64_t) override {
    const std::lock_guard lock(kernel_.mutex);
    for (const Target& one : change.block) kernel_.held[one.network] = one.expires_at_ms;
    for (const Network& one : change.unblock) kernel_.held.erase(one);
    return {};
  }
  base::Result<std::vector<HeldTarget>> list(std::int64_t) override {
    const std::lock_guard lock(kernel_.mutex);
    std::vector<HeldTarget> all;
    for (const auto& [network, end] : kernel_.held) all.push_back({{network, end}, 0, 0});
    return all;
  }
  Drifted drifted() override { return Drifted::perhaps; }
  base::Status clear() override {
    const std::lock_guard lock(kernel_.mutex);
    kernel_.held.clear();
    ++kernel_.cleared;
    return {};
  }

 private:
  SharedKernel& kernel_;
};

class LiveFirewallTest : public ::testing::Test {
 protected:
  void start(const std::string& config = "{}") {
    live_.reset();
    LiveOptions options;
    options.state_path = folder_ / "firewall.rules";
    options.first_config = config;
    options.host_addresses = [] {
      return std::vector<ProtectedNetwork>{{net("198.18.0.1"), "an address of this host"}};
    };
    EnforcerMakers makers;
    makers.nft = [this](const NftOptions&) -> base::Result<std::unique_ptr<Enforcer>> {
      const std::lock_guard lock(kernel_.mutex);
      if (!kernel_.refuses.empty()) {
        return base::Error(base::ErrorCode::permission_denied, kernel_.refuses);
      }
      return std::unique_ptr<Enforcer>(std::make_unique<SharedEnforcer>(kernel_));
    };
    makers.xdp = []() -> base::Result<std::unique_ptr<XdpEnforcer>> {
      return base::Error(base::ErrorCode::unsupported, "no XDP here");
    };
    auto started = LiveFirewall::start(options, makers, clock_);
    ASSERT_TRUE(started.ok()) << started.error().message;
    live_ = std::move(*started);
  }
  static base::Rule rule(const std::string& id, const std::string& cidr, std::int64_t end = 0) {
    base::Rule made;
    made.id = id;
    made.cidr = cidr;
    made.source = "operator";
    made.expires_at_ms = end;
    made.revision = 5;
    return made;
  }
  void tell(std::vector<base::Rule> rules, std::uint64_t revision = 5) {
    base::RuleSet set;
    set.revision = revision;
    set.digest = base::rule_set_digest(rules);
    set.rules = std::move(rules);
    live_->rules(set);
  }
  std::set<std::string> held() {
    const std::lock_guard lock(kernel_.mutex);
    std::set<std::string> all;
    for (const auto& [network, end] : kernel_.held) all.insert(to_text(network));
    return all;
  }
  bool holds(const std::set<std::string>& networks) {
    return wait_until([&] { return held() == networks; });
  }
  nlohmann::json detail() { return nlohmann::json::parse(live_->detail()); }

  support::TempDir folder_;
  base::ManualClock clock_;
  SharedKernel kernel_;
  std::unique_ptr<LiveFirewall> live_;
};

TEST_F(LiveFirewallTest, WhatIsToldIsInForceAndReadBack) {
  start();
  const std::vector<base::Rule> rules = {rule("a", "203.0.113.1"), rule("b", "198.51.100.0/24")};
  tell(rules);
  EXPECT_TRUE(holds({"203.0.113.1", "198.51.100.0/24"}));
  const RulesInForce expected = {5, base::rule_set_digest(rules)};
  EXPECT_TRUE(wait_until([&] { return live_->in_force() == expected; }));
  EXPECT_EQ(live_->known_revision(), 5U);
}

TEST_F(LiveFirewallTest, ARestartNeedsNobodyToTellItAndGoesOnFromItsRevision) {
  start();
  const std::int64_t end = clock_.wall_ms() + 5'000;
  tell({rule("a", "203.0.113.1"), rule("b", "203.0.113.2", end)});
  ASSERT_TRUE(holds({"203.0.113.1", "203.0.113.2"}));
  base::RuleSet more;
  more.full = false;
  more.revision = 7;
  more.rules = {rule("c", "203.0.113.3")};
  more.removed = {"a"};
  live_->rules(more);
  ASSERT_TRUE(holds({"203.0.113.2", "203.0.113.3"}));
  live_.reset();
  kernel_.held.clear();
  start();
  EXPECT_EQ(live_->known_revision(), 7U);
  EXPECT_TRUE(holds({"203.0.113.2", "203.0.113.3"}));
  clock_.advance_ms(5'001);
  EXPECT_TRUE(holds({"203.0.113.3"}));
}

TEST_F(LiveFirewallTest, WithoutAnyStateTheKernelIsLeftAsItIs) {
  kernel_.held[net("203.0.113.9")] = kNeverMs;
  start();
  ASSERT_TRUE(wait_until([&] { return detail()["data_plane"] == "enforcing"; }));
  EXPECT_EQ(held(), (std::set<std::string>{"203.0.113.9"}));
  tell({rule("a", "203.0.113.1")});
  EXPECT_TRUE(holds({"203.0.113.1"}));
}

TEST_F(LiveFirewallTest, TheLastConfigurationIsRemembered) {
  start();
  tell({rule("a", "203.0.113.1"), rule("b", "203.0.113.2"), rule("c", "203.0.113.3")});
  ASSERT_TRUE(holds({"203.0.113.1", "203.0.113.2", "203.0.113.3"}));
  ASSERT_TRUE(live_->apply(R"({"allowlist": ["203.0.113.1"]})").ok());
  ASSERT_TRUE(live_->apply_global(R"({"allowlist": ["203.0.113.2"]})").ok());
  ASSERT_TRUE(holds({"203.0.113.3"}));
  live_->control_plane_is_at({{net("203.0.113.3"), "an instance of the control plane"}});
  ASSERT_TRUE(holds({}));
  EXPECT_FALSE(live_->apply(R"({"allowlist": ["nonsense"]})").ok());
  start();
  EXPECT_TRUE(wait_until([&] { return detail()["exceptions"]["count"] == 3; }));
  EXPECT_EQ(held(), std::set<std::string>());
}

TEST_F(LiveFirewallTest, TheHostItselfIsNeverBlocked) {
  start();
  tell({rule("a", "203.0.113.1"), rule("own", "198.18.0.1")});
  ASSERT_TRUE(holds({"203.0.113.1"}));
  EXPECT_TRUE(wait_until([&] { return detail()["exceptions"]["count"] == 1; }));
  EXPECT_EQ(detail()["exceptions"]["rules"][0]["why"], "198.18.0.1 is an address of this host");
}

TEST_F(LiveFirewallTest, WhatIsProtectedHereIsToldButForWhatIsProtectedEverywhere) {
  start(R"({"allowlist": ["127.0.0.0/8", "203.0.113.0/24", "198.18.0.1"]})");
  live_->control_plane_is_at({{net("203.0.113.3"), "an instance of the control plane"},
                              {net("127.0.0.1"), "an instance of the control plane"}});
  const nlohmann::json expected = {{"an address of this host", {"198.18.0.1"}},
                                   {"an instance of the control plane", {"203.0.113.3"}},
                                   {"on the allowlist", {"203.0.113.0/24"}}};
  EXPECT_TRUE(wait_until([&] { return detail()["protected"]["networks"] == expected; }))
      << detail().dump();
  EXPECT_EQ(detail()["protected"]["count"], 3);
}

TEST_F(LiveFirewallTest, OfMuchThatIsProtectedTheFirstIsToldAndTheRestCounted) {
  nlohmann::json allowlist;
  for (int i = 0; i < 200; ++i) allowlist.push_back("2001:db8:" + std::to_string(i) + "::/48");
  start(nlohmann::json({{"allowlist", allowlist}}).dump());
  ASSERT_TRUE(wait_until([&] { return detail()["protected"]["count"] == 201; }));
  const nlohmann::json networks = detail()["protected"]["networks"];
  EXPECT_EQ(networks["an address of this host"].size(), 1U);
  EXPECT_EQ(networks["on the allowlist"].size(), base::kProtectedToldMax - 1);
  EXPECT_LE(live_->detail().size(), base::kDetailBytesMax);
}

TEST_F(LiveFirewallTest, ADryRunClearsAndHoldsNothing) {
  start();
  tell({rule("a", "203.0.113.1")});
  ASSERT_TRUE(holds({"203.0.113.1"}));
  ASSERT_TRUE(live_->apply(R"({"dry_run": true})").ok());
  EXPECT_TRUE(holds({}));
  EXPECT_TRUE(wait_until([&] { return detail()["data_plane"] == "dry run"; }));
  ASSERT_TRUE(live_->apply("{}").ok());
  EXPECT_TRUE(holds({"203.0.113.1"}));
}

TEST_F(LiveFirewallTest, WhatOthersDoIsRepairedAndTold) {
  start();
  tell({rule("a", "203.0.113.1")});
  ASSERT_TRUE(wait_until([&] { return live_->in_force().has_value(); }));
  {
    const std::lock_guard lock(kernel_.mutex);
    kernel_.held.clear();
  }
  EXPECT_TRUE(holds({"203.0.113.1"}));
  std::vector<std::string> repairs;
  EXPECT_TRUE(wait_until([&] {
    for (const std::string& one : live_->take_repairs()) repairs.push_back(one);
    return !repairs.empty();
  }));
  EXPECT_THAT(repairs.front(), HasSubstr("1 entry was missing; repaired"));
}

TEST_F(LiveFirewallTest, WhatCannotBeMadeIsToldAndTriedAgain) {
  kernel_.refuses = "no right to do this";
  start();
  tell({rule("a", "203.0.113.1")});
  EXPECT_TRUE(wait_until([&] {
    const auto health = live_->health();
    return !health.ok() && health.error().message == "no right to do this";
  }));
  {
    const std::lock_guard lock(kernel_.mutex);
    kernel_.refuses.clear();
  }
  EXPECT_TRUE(holds({"203.0.113.1"}));
  EXPECT_TRUE(wait_until([&] { return live_->health().ok(); }));
}

TEST_F(LiveFirewallTest, MoreRulesThanItMayHoldAreToldAndAskedForAgain) {
  start(R"({"rules_max": 2})");
  tell({rule("a", "203.0.113.1"), rule("b", "203.0.113.2"), rule("c", "203.0.113.3")});
  EXPECT_TRUE(wait_until([&] { return !live_->health().ok(); }));
  EXPECT_THAT(live_->health().error().message, HasSubstr("1 rules are beyond rules_max (2)"));
  EXPECT_FALSE(live_->take_wants_all());
  base::RuleSet less;
  less.full = false;
  less.revision = 6;
  less.removed = {"a", "b", "c"};
  live_->rules(less);
  EXPECT_TRUE(wait_until([&] { return held().empty(); }));
}

TEST_F(LiveFirewallTest, RulesThatDoNotAddUpAreAskedForAgain) {
  start();
  base::RuleSet wrong;
  wrong.revision = 5;
  wrong.digest = "0000000000000001";
  wrong.rules = {rule("a", "203.0.113.1")};
  live_->rules(wrong);
  EXPECT_TRUE(wait_until([&] { return live_->take_wants_all(); }));
  EXPECT_TRUE(holds({"203.0.113.1"}));
}

TEST_F(LiveFirewallTest, TheDetailFitsAHeartbeatHoweverMuchThereIsToSay) {
  start();
  std::vector<base::Rule> rules;
  for (int i = 0; i < 500; ++i) {
    rules.push_back(rule("a-rather-long-identifier-of-a-rule-number-" + std::to_string(i),
                         "127.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
  }
  tell(rules);
  EXPECT_TRUE(wait_until([&] { return detail()["exceptions"]["count"] == 500; }));
  EXPECT_LE(live_->detail().size(), base::kDetailBytesMax);
  EXPECT_GT(detail()["exceptions"]["rules"].size(), 5U);
}

}  // namespace
}  // namespace mlguard::firewall
