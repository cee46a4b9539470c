#include "ml_detector/own_rules.h"

#include <gtest/gtest.h>

#include "ml_detector/networks.h"
#include "ml_detector/report_records.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::int64_t kNowMs = 1'600'000'000'000;
constexpr std::int64_t kUntilMs = kNowMs + 600'000;
const std::string kDetector = "ml-detector";

flow::Address address(const std::string& text) { return parse_address(text).value(); }

base::Rule rule_for(const std::string& source, std::int64_t until_ms = kUntilMs,
                    const std::string& detector = kDetector) {
  base::Rule rule;
  rule.id = rule_id_of(detector, address(source));
  rule.cidr = source + "/32";
  rule.expires_at_ms = until_ms;
  return rule;
}

base::RuleSet full(std::uint64_t revision, std::vector<base::Rule> rules) {
  base::RuleSet set;
  set.revision = revision;
  set.rules = std::move(rules);
  return set;
}
base::RuleSet delta(std::uint64_t revision, std::vector<base::Rule> rules,
                    std::vector<std::string> removed) {
  base::RuleSet set = full(revision, std::move(rules));
  set.full = false;
  set.removed = std::move(removed);
  return set;
}

class OwnRulesTest : public ::testing::Test {
 protected:
  // "in_force 192.0.2.1", one for each piece of news.
  std::vector<std::string> look(const base::RuleSet& set, std::int64_t now_ms = kNowMs) {
    std::vector<std::string> texts;
    for (const RuleNews& news : own_.look(set, now_ms)) {
      const char* what = news.what == RuleNews::What::in_force     ? "in_force "
                         : news.what == RuleNews::What::taken_away ? "taken_away "
                                                                   : "lost ";
      const bool first = news.address.bytes == address("192.0.2.1").bytes;
      texts.push_back(what + std::string(first ? "192.0.2.1" : "another"));
    }
    return texts;
  }
  using Told = std::vector<std::string>;

  OwnRules own_{kDetector};
  const base::Rule rule_ = rule_for("192.0.2.1");
};

TEST_F(OwnRulesTest, ARuleThatWasThereAndGoesBeforeItsTimeWasTakenAway) {
  EXPECT_EQ(look(full(1, {rule_})), Told{"in_force 192.0.2.1"});
  EXPECT_EQ(look(delta(2, {rule_for("192.0.2.2")}, {})), Told{"in_force another"});
  EXPECT_EQ(look(delta(3, {}, {rule_.id})), Told{"taken_away 192.0.2.1"});
  EXPECT_EQ(look(delta(4, {}, {rule_.id})), Told{});
  EXPECT_EQ(look(full(5, {})), Told{"taken_away another"});
}

TEST_F(OwnRulesTest, ARuleWhoseTimeIsOverHasExpired) {
  look(full(1, {rule_}));
  EXPECT_EQ(look(delta(2, {}, {rule_.id}), kUntilMs - kRemovalMarginMs), Told{});
}

TEST_F(OwnRulesTest, RulesOfOthersAreNobodysNews) {
  base::Rule other_network = rule_;
  other_network.cidr = "192.0.2.9/32";
  base::Rule by_hand = rule_;
  by_hand.id = "by-hand";
  EXPECT_EQ(look(full(1, {rule_for("192.0.2.1", kUntilMs, "another"), other_network, by_hand})),
            Told{});
  EXPECT_EQ(look(full(2, {})), Told{});
}

TEST_F(OwnRulesTest, WhatWentWhileTheDetectorWasAwayIsFoundOut) {
  const Offender known = {address("192.0.2.1"), kUntilMs, 1, 0};
  const Offender over = {address("192.0.2.2"), kNowMs - 1, 1, 0};
  own_.expect({known, over}, {}, kNowMs);
  EXPECT_EQ(look(full(1, {})), Told{"taken_away 192.0.2.1"});
}

TEST_F(OwnRulesTest, WhatIsStillQueuedIsNotTakenAway) {
  const Offender known = {address("192.0.2.1"), kUntilMs, 1, 0};
  own_.expect({known}, {rule_.id}, kNowMs);
  EXPECT_EQ(look(full(1, {})), Told{});
  EXPECT_EQ(look(delta(2, {rule_}, {})), Told{"in_force 192.0.2.1"});
}

TEST_F(OwnRulesTest, AStateThatWentBackHasLostRules) {
  look(full(10, {rule_}));
  EXPECT_EQ(look(full(4, {})), Told{"lost 192.0.2.1"});
}

TEST_F(OwnRulesTest, AnotherEndOfTheSameRuleIsNews) {
  look(full(1, {rule_}));
  EXPECT_EQ(look(delta(2, {rule_}, {})), Told{});
  EXPECT_EQ(look(delta(3, {rule_for("192.0.2.1", kUntilMs + 1)}, {})), Told{"in_force 192.0.2.1"});
}

}  // namespace
}  // namespace mlguard::ml_detector
