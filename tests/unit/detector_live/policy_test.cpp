#include "ml_detector/policy.h"

#include <gtest/gtest.h>

#include "tests/unit/detector_live/records.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kStartMs = 1'600'000'000'000;

flow::Address address(const std::string& text) { return parse_address(text).value(); }

Verdict verdict_from(const std::string& source, double score = 0.95,
                     Evidence evidence = Evidence::proven, const std::string& kind = "bruteforce") {
  Verdict verdict;
  verdict.kind = kind;
  verdict.source = address(source);
  verdict.destination = address("198.51.100.1");
  verdict.score = score;
  verdict.evidence = evidence;
  verdict.at_ns = flow::kStartNs;
  return verdict;
}

class PolicyTest : public ::testing::Test {
 protected:
  std::optional<Report> decide(const Verdict& verdict) {
    return policy_.decide(verdict, servers_, now_);
  }
  void use(const PolicySettings& settings) { policy_.set_settings(settings, now_); }
  void pass_ms(std::int64_t ms) {
    now_.monotonic_ms += ms;
    now_.wall_ms += ms;
  }
  // Of what kept it from being blocked; `none` when it is.
  Withheld fate_of(const Verdict& verdict) {
    const auto report = decide(verdict);
    EXPECT_TRUE(report);
    if (!report) return Withheld::low_score;
    EXPECT_EQ(report->block.has_value(), report->withheld == Withheld::none);
    return report->withheld;
  }
  std::int64_t ttl_ms(const Verdict& verdict) {
    const auto report = decide(verdict);
    return report && report->block ? report->block->blocked_until_ms - now_.wall_ms : 0;
  }

  Now now_{1'000, kStartMs};
  PolicySettings settings_;
  KnownServers servers_{1};
  Policy policy_{settings_, 1, now_};
};

TEST_F(PolicyTest, WeakVerdictsAreNotReported) {
  EXPECT_FALSE(decide(verdict_from("192.0.2.1", 0.69)));
  EXPECT_EQ(policy_.counters().verdicts, 0U);
}

TEST_F(PolicyTest, FromDetectOnReportedFromBlockOnBlocked) {
  EXPECT_EQ(fate_of(verdict_from("192.0.2.1", 0.7)), Withheld::low_score);
  EXPECT_EQ(fate_of(verdict_from("192.0.2.2", 0.9)), Withheld::none);
}

Verdict beacon_of(const std::string& source, const std::string& server) {
  Verdict verdict = verdict_from(source, 0.95, Evidence::proven, "botnet_c2");
  verdict.destination = address(server);
  verdict.suspect = Suspect::destination;
  return verdict;
}

TEST_F(PolicyTest, TheServerOfABeaconIsReportedAndBlockedOnlyWhereThatIsWanted) {
  EXPECT_EQ(fate_of(beacon_of("10.0.0.5", "203.0.113.1")), Withheld::c2_servers_off);
  settings_.block_c2_servers = true;
  settings_.home = {*parse_network("10.0.0.0/8")};
  settings_.own = {*parse_network("203.0.113.3")};
  settings_.allowlist = {*parse_network("203.0.113.4"), *parse_network("10.0.0.6")};
  use(settings_);
  pass_ms(kMinuteMs);
  const auto report = decide(beacon_of("10.0.0.5", "203.0.113.2"));
  ASSERT_TRUE(report && report->block);
  EXPECT_EQ(report->block->address.bytes, address("203.0.113.2").bytes);
  EXPECT_EQ(fate_of(beacon_of("10.0.0.5", "10.0.0.9")), Withheld::home);
  EXPECT_EQ(fate_of(beacon_of("10.0.0.5", "203.0.113.3")), Withheld::own_address);
  EXPECT_EQ(fate_of(beacon_of("10.0.0.5", "203.0.113.4")), Withheld::allowlisted);
  EXPECT_EQ(fate_of(beacon_of("10.0.0.6", "203.0.113.5")), Withheld::allowlisted)
      << "who is trusted may call whom it likes";
  EXPECT_EQ(fate_of(beacon_of("10.0.0.7", "203.0.113.2")), Withheld::already_blocked)
      << "told all the same: it is infected as well";
}

TEST_F(PolicyTest, OneReportForASourceAndClassInAnInterval) {
  EXPECT_TRUE(decide(verdict_from("192.0.2.1", 0.8)));
  for (int i = 0; i < 41; ++i) EXPECT_FALSE(decide(verdict_from("192.0.2.1", 0.8)));
  EXPECT_FALSE(decide(verdict_from("192.0.2.1", 0.89)));
  EXPECT_TRUE(decide(verdict_from("192.0.2.1", 0.8, Evidence::proven, "portscan")));
  EXPECT_TRUE(decide(verdict_from("192.0.2.2", 0.8)));
  EXPECT_TRUE(policy_.due(now_).empty());
  pass_ms(kMinuteMs);
  const auto due = policy_.due(now_);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].flows, 42U);
  EXPECT_DOUBLE_EQ(due[0].verdict.score, 0.89);
  pass_ms(kMinuteMs);
  EXPECT_TRUE(policy_.due(now_).empty());
}

TEST_F(PolicyTest, AScoreThatRisesBlocksWithinTheInterval) {
  EXPECT_EQ(fate_of(verdict_from("192.0.2.1", 0.8)), Withheld::low_score);
  EXPECT_FALSE(decide(verdict_from("192.0.2.1", 0.8)));
  const auto report = decide(verdict_from("192.0.2.1", 0.92));
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->block);
  EXPECT_EQ(report->flows, 2U);
  EXPECT_FALSE(decide(verdict_from("192.0.2.1", 0.99)));
  EXPECT_EQ(policy_.counters().rules, 1U);
}

TEST_F(PolicyTest, WhoComesBackIsBlockedLongerEachTimeUpToALimit) {
  const Verdict verdict = verdict_from("192.0.2.1");
  EXPECT_EQ(ttl_ms(verdict), kHourMs);
  EXPECT_EQ(ttl_ms(verdict), 0);  // blocked already
  pass_ms(kHourMs);
  EXPECT_EQ(ttl_ms(verdict), 4 * kHourMs);
  pass_ms(4 * kHourMs);
  EXPECT_EQ(ttl_ms(verdict), 16 * kHourMs);
  for (int i = 0; i < 5; ++i) {
    pass_ms(8 * 24 * kHourMs);
    EXPECT_LE(ttl_ms(verdict), 7 * 24 * kHourMs);
  }
  pass_ms(8 * 24 * kHourMs);
  EXPECT_EQ(ttl_ms(verdict), 7 * 24 * kHourMs);
}

TEST_F(PolicyTest, WhoseRuleAnOperatorTookAwayIsLeftAloneForAWhile) {
  const Verdict verdict = verdict_from("192.0.2.1");
  EXPECT_EQ(ttl_ms(verdict), kHourMs);
  pass_ms(10 * kMinuteMs);
  settings_.respect_removal_s = 1'800;
  use(settings_);
  const Offender kept = policy_.rule_removed(verdict.source, now_);
  EXPECT_EQ(kept.left_alone_until_ms, now_.wall_ms + 30 * kMinuteMs);
  EXPECT_EQ(kept.blocked_until_ms, 0);
  EXPECT_FALSE(decide(verdict));  // the interval's report was told
  pass_ms(kMinuteMs);
  const auto due = policy_.due(now_);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].withheld, Withheld::rule_removed);
  EXPECT_STREQ(to_string(due[0].withheld), "rule_removed");
  pass_ms(29 * kMinuteMs);
  EXPECT_EQ(ttl_ms(verdict), kHourMs);  // the offence before does not count
}

TEST_F(PolicyTest, ARemovalIsRememberedOverARestart) {
  const Verdict verdict = verdict_from("192.0.2.1");
  decide(verdict);
  const Offender kept = policy_.rule_removed(verdict.source, now_);
  Policy again(settings_, 1, now_);
  again.restore({kept});
  const auto report = again.decide(verdict, servers_, now_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->withheld, Withheld::rule_removed);
}

TEST_F(PolicyTest, WithoutRespectTheNextVerdictBlocksAgain) {
  const Verdict verdict = verdict_from("192.0.2.1");
  decide(verdict);
  settings_.respect_removal_s = 0;
  use(settings_);
  policy_.rule_removed(verdict.source, now_);
  EXPECT_EQ(ttl_ms(verdict), kHourMs);
}

TEST_F(PolicyTest, ARuleThatIsInForceOrLostDecidesUntilWhen) {
  const Verdict verdict = verdict_from("192.0.2.1");
  decide(verdict);
  policy_.rule_removed(verdict.source, now_);
  policy_.rule_ends(verdict.source, now_.wall_ms + 2 * kHourMs);
  pass_ms(kHourMs);
  EXPECT_EQ(ttl_ms(verdict), 0);
  policy_.rule_ends(verdict.source, 0);
  EXPECT_GT(ttl_ms(verdict), 0);
}

TEST_F(PolicyTest, ForgeableEvidenceBlocksShortlyHoweverOftenItComes) {
  const Verdict verdict = verdict_from("192.0.2.1", 0.95, Evidence::forgeable);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(ttl_ms(verdict), 10 * kMinuteMs);
    pass_ms(10 * kMinuteMs);
  }
}

TEST_F(PolicyTest, NobodyCanForgeAnOwnServerIntoTheBlocklist) {
  servers_.look(conversation({1, 2, 50'000, 443}));  // 10.0.0.2 answers 10.0.0.1
  settings_.home = {parse_network("10.9.0.0/16").value()};
  use(settings_);
  EXPECT_EQ(fate_of(verdict_from("10.0.0.2", 1, Evidence::forgeable)), Withheld::known_server);
  EXPECT_EQ(fate_of(verdict_from("10.9.1.1", 1, Evidence::forgeable)), Withheld::home);
  // The client of that conversation is nobody's server.
  EXPECT_EQ(fate_of(verdict_from("10.0.0.1", 1, Evidence::forgeable)), Withheld::none);
  // What they have proven themselves is another matter.
  EXPECT_EQ(fate_of(verdict_from("10.9.1.2", 1, Evidence::proven)), Withheld::none);
}

TEST_F(PolicyTest, AServerIsForgottenADayAfterItsLastAnswer) {
  servers_.look(conversation({1, 2, 50'000, 443}));
  const std::uint64_t at_s = flow::kStartNs / flow::kNsPerSecond;
  EXPECT_TRUE(servers_.contains(address("10.0.0.2"), at_s + kKnownServerSeconds));
  EXPECT_FALSE(servers_.contains(address("10.0.0.2"), at_s + kKnownServerSeconds + 1));
  EXPECT_FALSE(servers_.contains(address("10.0.0.1"), at_s));
}

// Its blind ACKs make the flow count as opened, but it says nothing that only a listener knows.
TEST_F(PolicyTest, AForgedConversationMakesNobodyAServer) {
  servers_.look(conversation({1, 2, 50'000, 443}, 0, 0));
  servers_.look(syn_record({1, 3, 50'000, 443}));
  EXPECT_EQ(servers_.size(), 0U);
}

TEST_F(PolicyTest, KnownServersAreBoundedAndOutliveARestart) {
  KnownServers few(1, 3);
  for (std::uint32_t host = 2; host < 10; ++host) few.look(conversation({1, host, 50'000, 443}));
  EXPECT_EQ(few.size(), 3U);
  servers_.restore(few.entries());
  EXPECT_TRUE(servers_.contains(address("10.0.0.9"), flow::kStartNs / flow::kNsPerSecond));
  EXPECT_FALSE(servers_.contains(address("10.0.0.6"), flow::kStartNs / flow::kNsPerSecond));
}

TEST_F(PolicyTest, NothingBlocksTheAllowlistOurselvesOrWhatIsNoHost) {
  settings_.allowlist = {parse_network("192.0.2.0/24").value()};
  settings_.own = {parse_network("203.0.113.5").value()};
  use(settings_);
  EXPECT_EQ(fate_of(verdict_from("192.0.2.77", 1)), Withheld::allowlisted);
  EXPECT_EQ(fate_of(verdict_from("203.0.113.5", 1)), Withheld::own_address);
  EXPECT_EQ(fate_of(verdict_from("127.0.0.1", 1)), Withheld::special_address);
  EXPECT_EQ(fate_of(verdict_from("203.0.113.6", 1)), Withheld::none);
}

TEST_F(PolicyTest, TheModelsWordAloneNeedsAHigherScore) {
  Verdict verdict = verdict_from("192.0.2.1", 0.96);
  verdict.by_model = true;
  for (int i = 0; i < 10; ++i) decide(verdict);
  EXPECT_EQ(policy_.counters().rules, 0U);
  EXPECT_EQ(policy_.counters().reports, 1U);
}

TEST_F(PolicyTest, TheModelsWordAloneNeedsSeveralFlowsAndNeverBlocksHome) {
  settings_.home = {parse_network("10.0.0.0/8").value()};
  use(settings_);
  Verdict verdict = verdict_from("192.0.2.1", 0.98);
  verdict.by_model = true;
  EXPECT_EQ(fate_of(verdict), Withheld::few_flows);
  EXPECT_FALSE(decide(verdict));
  EXPECT_EQ(fate_of(verdict), Withheld::none);
  verdict.source = address("10.0.0.1");
  EXPECT_EQ(fate_of(verdict), Withheld::few_flows);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(decide(verdict));
  EXPECT_EQ(policy_.counters().rules, 1U);
  // Three within the interval, not three ever.
  verdict.source = address("192.0.2.2");
  for (int i = 0; i < 6; ++i) {
    decide(verdict);
    pass_ms(kMinuteMs);
    policy_.due(now_);
  }
  EXPECT_EQ(policy_.counters().rules, 1U);
}

TEST_F(PolicyTest, AVerdictWithoutASourceBlocksNobody) {
  Verdict verdict = verdict_from("192.0.2.1", 1, Evidence::forgeable, "ddos");
  verdict.has_source = false;
  EXPECT_EQ(fate_of(verdict), Withheld::no_source);
  // From whomever the next packet claims to come: it is the same flood.
  verdict.source = address("192.0.2.2");
  EXPECT_FALSE(decide(verdict));
}

TEST_F(PolicyTest, RulesCanBeSwitchedOff) {
  settings_.rules_enabled = false;
  use(settings_);
  EXPECT_EQ(fate_of(verdict_from("192.0.2.1")), Withheld::disabled);
  settings_.rules_enabled = true;
  use(settings_);
  EXPECT_TRUE(decide(verdict_from("192.0.2.1"))->block);
}

TEST_F(PolicyTest, ForgedSourcesUseUpTheirShareOfTheRateOnly) {
  int forged = 0;
  for (int i = 0; i < 4'000; ++i) {
    const std::string source = "20." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    const auto report = decide(verdict_from(source + ".1", 1, Evidence::forgeable));
    if (report && report->block) ++forged;
  }
  EXPECT_EQ(forged, 30);
  int proven = 0;
  for (int i = 0; i < 200; ++i) {
    if (ttl_ms(verdict_from("30.0." + std::to_string(i) + ".1")) > 0) ++proven;
  }
  EXPECT_EQ(proven, 120);
  EXPECT_GT(policy_.counters().withheld[static_cast<std::size_t>(Withheld::rate)], 0U);
  pass_ms(kMinuteMs / 2);
  EXPECT_EQ(fate_of(verdict_from("31.0.0.1")), Withheld::none);
}

TEST_F(PolicyTest, OneNeighbourhoodCannotFillTheBlocklist) {
  int made = 0;
  for (int i = 1; i < 60; ++i) {
    if (ttl_ms(verdict_from("192.0.2." + std::to_string(i))) > 0) ++made;
  }
  EXPECT_EQ(made, 16);
  EXPECT_EQ(fate_of(verdict_from("192.0.3.1")), Withheld::none);
  pass_ms(kHourMs);
  EXPECT_EQ(fate_of(verdict_from("192.0.2.200")), Withheld::none);
}

TEST_F(PolicyTest, ReportsAreBoundedButNeverThoseWithARule) {
  for (int i = 0; i < 1'000; ++i) {
    decide(verdict_from("40.0." + std::to_string(i / 200) + "." + std::to_string(i % 200), 0.8));
  }
  EXPECT_EQ(policy_.counters().reports, 600U);
  EXPECT_EQ(policy_.counters().reports_suppressed, 400U);
  EXPECT_EQ(fate_of(verdict_from("41.0.0.1")), Withheld::none);
}

TEST_F(PolicyTest, WhoIsBlockedStaysBlockedOverARestart) {
  const auto first = decide(verdict_from("192.0.2.1"));
  ASSERT_TRUE(first && first->block);
  Policy next(settings_, 2, now_);
  next.restore({*first->block});
  const auto again = next.decide(verdict_from("192.0.2.1"), servers_, now_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->withheld, Withheld::already_blocked);
  pass_ms(kHourMs);
  const auto later = next.decide(verdict_from("192.0.2.1"), servers_, now_);
  ASSERT_TRUE(later && later->block);
  EXPECT_EQ(later->block->blocked_until_ms - now_.wall_ms, 4 * kHourMs);
}

TEST(TokenBucketTest, FillsWithTimeUpToAMinutesWorth) {
  TokenBucket bucket(60, 0);
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(bucket.take(0));
  EXPECT_FALSE(bucket.take(999));
  EXPECT_TRUE(bucket.take(1'000));
  EXPECT_FALSE(bucket.take(1'000));
  bucket.set_rate(0, 1'000);
  EXPECT_FALSE(bucket.take(kHourMs));
}

}  // namespace
}  // namespace mlguard::ml_detector
