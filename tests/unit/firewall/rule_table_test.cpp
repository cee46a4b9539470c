#include "firewall/rule_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "unit/firewall/networks.h"

namespace mlguard::firewall {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kTableNow = 1'000'000;

base::Rule rule(const std::string& id, const std::string& cidr, std::int64_t expires_at_ms = 0,
                const std::string& action = "drop", const std::string& source = "operator") {
  base::Rule made;
  made.id = id;
  made.cidr = cidr;
  made.action = action;
  made.source = source;
  made.expires_at_ms = expires_at_ms;
  made.revision = 1;
  return made;
}

base::RuleSet full(std::vector<base::Rule> rules, std::uint64_t revision = 1) {
  base::RuleSet set;
  set.revision = revision;
  set.digest = base::rule_set_digest(rules);
  set.rules = std::move(rules);
  return set;
}

base::RuleSet delta(std::vector<base::Rule> rules, std::vector<std::string> removed) {
  base::RuleSet set;
  set.full = false;
  set.revision = 2;
  set.rules = std::move(rules);
  set.removed = std::move(removed);
  return set;
}

std::map<std::string, std::int64_t> shown(const Targets& targets) {
  std::map<std::string, std::int64_t> all;
  for (const auto& [network, end] : targets) all[to_text(network)] = end == kNeverMs ? 0 : end;
  return all;
}
using Shown = std::map<std::string, std::int64_t>;

TEST(RuleTableTest, AFullSetReplacesAndADifferenceChanges) {
  RuleTable table(100);
  EXPECT_FALSE(table.knows_rules());
  ASSERT_TRUE(
      table.apply(full({rule("a", "192.0.2.1/32"), rule("b", "192.0.2.2/32")}), kTableNow).ok());
  EXPECT_EQ(shown(table.targets()), (Shown{{"192.0.2.1", 0}, {"192.0.2.2", 0}}));
  EXPECT_THAT(table.take_change().block, SizeIs(2));
  EXPECT_TRUE(table.take_change().empty());

  ASSERT_TRUE(
      table.apply(delta({rule("c", "192.0.2.3/32", kTableNow + 5)}, {"a"}), kTableNow).ok());
  const TargetChange change = table.take_change();
  EXPECT_THAT(change.block, ElementsAre(Target{net("192.0.2.3"), kTableNow + 5}));
  EXPECT_THAT(change.unblock, ElementsAre(net("192.0.2.1")));
  EXPECT_EQ(table.revision(), 2U);

  ASSERT_TRUE(table.apply(full({rule("c", "192.0.2.3/32", kTableNow + 5)}, 9), kTableNow).ok());
  EXPECT_EQ(shown(table.targets()), (Shown{{"192.0.2.3", kTableNow + 5}}));
  EXPECT_THAT(table.take_change().unblock, ElementsAre(net("192.0.2.2")));
}

TEST(RuleTableTest, OfTwoRulesForOneNetworkTheLaterEndCounts) {
  RuleTable table(100);
  ASSERT_TRUE(table
                  .apply(full({rule("a", "192.0.2.1", kTableNow + 10),
                               rule("b", "192.0.2.1", kTableNow + 90)}),
                         kTableNow)
                  .ok());
  EXPECT_EQ(shown(table.targets()), (Shown{{"192.0.2.1", kTableNow + 90}}));
  ASSERT_TRUE(table.apply(delta({}, {"b"}), kTableNow).ok());
  EXPECT_EQ(shown(table.targets()), (Shown{{"192.0.2.1", kTableNow + 10}}));
  ASSERT_TRUE(table.apply(delta({rule("c", "192.0.2.1")}, {}), kTableNow).ok());
  EXPECT_EQ(shown(table.targets()), (Shown{{"192.0.2.1", 0}}));
}

TEST(RuleTableTest, RulesExpireByThemselvesAndAgreeWithTheControlPlaneStill) {
  RuleTable table(100);
  const auto rules = {rule("a", "192.0.2.1", kTableNow + 10),
                      rule("b", "192.0.2.2", kTableNow + 20)};
  ASSERT_TRUE(table.apply(full(rules), kTableNow).ok());
  EXPECT_EQ(table.next_expiry_ms(), kTableNow + 10);
  table.expire(kTableNow + 9);
  EXPECT_THAT(table.targets(), SizeIs(2));
  table.expire(kTableNow + 10);
  EXPECT_EQ(shown(table.targets()), (Shown{{"192.0.2.2", kTableNow + 20}}));
  EXPECT_EQ(table.next_expiry_ms(), kTableNow + 20);
  // The server has not swept it yet: the digest is of both.
  base::RuleSet none = delta({}, {});
  none.digest = base::rule_set_digest(rules);
  EXPECT_TRUE(table.apply(none, kTableNow + 10).ok());
  base::RuleSet swept = delta({}, {"a"});
  swept.digest = base::rule_set_digest({rule("b", "192.0.2.2", kTableNow + 20)});
  EXPECT_TRUE(table.apply(swept, kTableNow + 11).ok());
  table.expire(kTableNow + 100);
  EXPECT_THAT(table.targets(), IsEmpty());
  EXPECT_EQ(table.next_expiry_ms(), kNeverMs);
}

TEST(RuleTableTest, WhatIsExpiredOnArrivalBlocksNothing) {
  RuleTable table(100);
  ASSERT_TRUE(table.apply(full({rule("a", "192.0.2.1", kTableNow)}), kTableNow).ok());
  EXPECT_THAT(table.targets(), IsEmpty());
}

TEST(RuleTableTest, ADigestThatDiffersAsksForEverything) {
  RuleTable table(100);
  base::RuleSet wrong = full({rule("a", "192.0.2.1")});
  wrong.digest = "0123456789abcdef";
  const auto applied = table.apply(wrong, kTableNow);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().reason, "digest_mismatch");
  EXPECT_THAT(table.targets(), SizeIs(1));  // What is known is enforced meanwhile.
}

TEST(RuleTableTest, AllowRulesWinAndAreTold) {
  RuleTable table(100);
  ASSERT_TRUE(table
                  .apply(full({rule("bad", "192.0.2.0/30", 0, "drop", "ml-detector"),
                               rule("good", "192.0.2.1", kTableNow + 50, "allow"),
                               rule("hit", "192.0.2.1", 0, "drop", "ml-detector")}),
                         kTableNow)
                  .ok());
  const Shown rest = {{"192.0.2.0", 0}, {"192.0.2.2/31", 0}};
  EXPECT_EQ(shown(table.targets()), rest);
  ASSERT_EQ(table.exception_count(), 2U);
  const auto exceptions = table.exceptions(10);
  EXPECT_EQ(exceptions[0].id, "bad");
  EXPECT_TRUE(exceptions[0].partly);
  EXPECT_EQ(exceptions[1].id, "hit");
  EXPECT_FALSE(exceptions[1].partly);
  EXPECT_EQ(exceptions[1].why, "192.0.2.1 is allowed by the rule good");
  table.expire(kTableNow + 50);
  EXPECT_EQ(shown(table.targets()), (Shown{{"192.0.2.0/30", 0}, {"192.0.2.1", 0}}));
  EXPECT_EQ(table.exception_count(), 0U);
}

TEST(RuleTableTest, WhatIsProtectedIsNeverATarget) {
  RuleTable table(100);
  table.set_protected({{net("192.0.2.1"), "the default gateway"}});
  ASSERT_TRUE(table
                  .apply(full({rule("all", "0.0.0.0/0"), rule("bad", "300.1.1.1"),
                               rule("gate", "192.0.2.1"), rule("map", "::ffff:192.0.2.9"),
                               rule("wide", "10.0.0.0/8", 0, "drop", "ml-detector")}),
                         kTableNow)
                  .ok());
  EXPECT_THAT(table.targets(), IsEmpty());
  std::map<std::string, std::string> whys;
  for (const Exception& one : table.exceptions(10)) whys[one.id] = one.why;
  EXPECT_THAT(whys["all"], HasSubstr("every address"));
  EXPECT_THAT(whys["bad"], HasSubstr("no address"));
  EXPECT_THAT(whys["gate"], HasSubstr("the default gateway"));
  EXPECT_THAT(whys["map"], HasSubstr("inside IPv6"));
  EXPECT_THAT(whys["wide"], HasSubstr("operator"));
  table.set_protected({});
  EXPECT_EQ(shown(table.targets()), (Shown{{"192.0.2.1", 0}}));
}

TEST(RuleTableTest, TheTableIsBoundedOperatorsFirst) {
  RuleTable table(2);
  ASSERT_TRUE(
      table
          .apply(full({rule("d1", "192.0.2.1", 0, "drop", "ml-detector"),
                       rule("d2", "192.0.2.2", 0, "drop", "ml-detector"), rule("op", "192.0.2.3")}),
                 kTableNow)
          .ok());
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table.left_out(), 1U);
  EXPECT_EQ(table.targets().count(net("192.0.2.3")), 1U);
  EXPECT_FALSE(table.has_room_again());
  ASSERT_TRUE(table.apply(delta({rule("x", "192.0.2.4")}, {}), kTableNow).ok());
  EXPECT_EQ(table.left_out(), 2U);
  ASSERT_TRUE(table.apply(delta({}, {"op"}), kTableNow).ok());
  EXPECT_TRUE(table.has_room_again());
}

TEST(RuleTableTest, TheDigestInForceIsOfWhatTheKernelHolds) {
  RuleTable table(100);
  const base::Rule here = rule("a", "192.0.2.1", kTableNow + 10);
  const base::Rule not_here = rule("b", "192.0.2.2");
  const base::Rule allows = rule("c", "198.51.100.1", 0, "allow");
  ASSERT_TRUE(table.apply(full({here, not_here, allows}), kTableNow).ok());
  const auto holds = [&](const Target& target) {
    return target == Target{net("192.0.2.1"), kTableNow + 10};
  };
  EXPECT_EQ(base::format_digest(table.digest_in_force(holds)),
            base::rule_set_digest({here, allows}));
}

TEST(RuleTableTest, AllCanBeAppliedAgain) {
  RuleTable table(100);
  const auto rules = {rule("a", "192.0.2.1", kTableNow + 10), rule("b", "192.0.2.0/24"),
                      rule("c", "192.0.2.7", 0, "allow"),
                      rule("d", "10.0.0.0/8", 0, "drop", "ml-detector")};
  ASSERT_TRUE(table.apply(full(rules, 7), kTableNow).ok());
  RuleTable copy(100);
  ASSERT_TRUE(copy.apply(table.all(), kTableNow).ok());
  EXPECT_EQ(shown(copy.targets()), shown(table.targets()));
  EXPECT_EQ(copy.revision(), 7U);
  EXPECT_EQ(copy.exception_count(), table.exception_count());
}

// A table and the plainest thing that could be right, through the same random changes: for every
// address of a small world, until when is it blocked?
class RandomWorld {
 public:
  explicit RandomWorld(unsigned seed) : random_(seed) {}

  base::Rule random_rule() {
    const unsigned id = pick(12);
    const unsigned bits = 28 + pick(5);
    const bool allows = pick(5) == 0;
    return rule("r" + std::to_string(id),
                "198.51.100." + std::to_string(pick(16)) + "/" + std::to_string(bits),
                pick(3) == 0 ? 0 : kTableNow + 1 + pick(40), allows ? "allow" : "drop");
  }
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

 private:
  std::mt19937 random_;
};

std::int64_t plain_end(const std::map<std::string, base::Rule>& rules, const Network& address,
                       std::int64_t now) {
  std::int64_t end = 0;
  for (const auto& [id, one] : rules) {
    const std::int64_t its_end = one.expires_at_ms == 0 ? kNeverMs : one.expires_at_ms;
    if (its_end <= now || !contains(net(one.cidr), address)) continue;
    if (one.action == "allow") return 0;
    end = std::max(end, its_end);
  }
  return end;
}

std::int64_t end_in(const Targets& targets, const Network& address) {
  std::int64_t end = 0;
  for (const auto& [network, its_end] : targets) {
    if (contains(network, address)) end = std::max(end, its_end);
  }
  return end;
}

TEST(RuleTableTest, RandomChangesBlockWhatAPlainReadingBlocks) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    RandomWorld world(seed);
    RuleTable table(100);
    std::map<std::string, base::Rule> plain;
    Targets followed;  // By the changes alone.
    std::int64_t now = kTableNow;
    for (int step = 0; step < 60; ++step) {
      base::RuleSet set = delta({}, {});
      if (world.pick(4) == 0) {
        const std::string id = "r" + std::to_string(world.pick(12));
        set.removed.push_back(id);
        plain.erase(id);
      } else {
        set.rules.push_back(world.random_rule());
        plain[set.rules.back().id] = set.rules.back();
      }
      std::vector<base::Rule> live;
      for (const auto& [id, one] : plain) live.push_back(one);
      set.digest = base::rule_set_digest(live);
      now += world.pick(3);
      ASSERT_TRUE(table.apply(set, now).ok()) << seed << " " << step;
      const TargetChange change = table.take_change();
      for (const Network& network : change.unblock) followed.erase(network);
      for (const Target& target : change.block) followed[target.network] = target.expires_at_ms;
      ASSERT_EQ(shown(followed), shown(table.targets()));
      for (unsigned host = 0; host < 16; ++host) {
        const Network address = net("198.51.100." + std::to_string(host));
        ASSERT_EQ(end_in(table.targets(), address), plain_end(plain, address, now))
            << seed << " " << step << " " << host;
      }
    }
  }
}

}  // namespace
}  // namespace mlguard::firewall
