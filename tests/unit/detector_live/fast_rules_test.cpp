#include "ml_detector/fast_rules.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/detector_live/records.h"

namespace mlguard::ml_detector {
namespace {

using flow::Ends;
using flow::FlowRecord;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

FlowRecord half_open_with(const flow::HostWindow& source,
                          const flow::HostWindow& destination = {}) {
  FlowRecord record = syn_record({1, 2, 50'000, 80});
  record.windows.source = source;
  record.windows.destination = destination;
  return record;
}

// The windows as the tracker itself computes them.
std::vector<FlowRecord> traffic(const std::vector<Ends>& flows, std::uint64_t gap_ns) {
  flow::Recorder recorder;
  std::uint64_t at_ns = 0;
  for (const Ends& ends : flows) recorder.add(flow::tcp(ends, MLG_TCP_SYN), at_ns += gap_ns);
  recorder.tracker.finish();
  return recorder.records;
}

std::optional<Verdict> last_verdict(FastRules& rules, const std::vector<FlowRecord>& records) {
  std::optional<Verdict> last;
  for (const FlowRecord& record : records) {
    if (auto verdict = rules.look(record)) last = verdict;
  }
  return last;
}

TEST(RuleScoreTest, IsTheDetectThresholdAtTheLimitAndTheBlockThresholdAtThreeTimesThat) {
  EXPECT_DOUBLE_EQ(rule_score(20, 20), 0.7);
  EXPECT_NEAR(rule_score(60, 20), 0.9, 1e-12);
  EXPECT_LT(rule_score(1e9, 20), 1.0);
}

TEST(FastRulesTest, ManyPortsOfOneHostAreAPortScan) {
  std::vector<Ends> flows;
  for (std::uint16_t port = 1; port <= 80; ++port) flows.push_back({1, 2, 50'000, port});
  FastRules rules(1);
  const auto verdict = last_verdict(rules, traffic(flows, flow::kMs));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, "portscan");
  EXPECT_EQ(verdict->by, "port_scan");
  EXPECT_GT(verdict->score, 0.9);
  EXPECT_EQ(verdict->evidence, Evidence::forgeable);
  EXPECT_STREQ(verdict->reasons[0].what, "ports");
  EXPECT_EQ(verdict->reason_count, 2U);
}

TEST(FastRulesTest, OnePortOfManyHostsIsASweep) {
  std::vector<Ends> flows;
  for (std::uint32_t host = 2; host <= 150; ++host) flows.push_back({1, host, 50'000, 23});
  FastRules rules(1);
  const auto verdict = last_verdict(rules, traffic(flows, flow::kMs));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->by, "host_sweep");
  EXPECT_EQ(verdict->destination_port, 23);
}

TEST(FastRulesTest, ASweepForFileSharesIsWhatWormsDo) {
  std::vector<Ends> flows;
  for (std::uint32_t host = 2; host <= 20; ++host) flows.push_back({1, host, 50'000, 445});
  FastRules rules(1);
  const auto verdict = last_verdict(rules, traffic(flows, flow::kMs));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, "smb_propagation");
  EXPECT_EQ(verdict->by, "smb_sweep");
  EXPECT_STREQ(verdict->reasons[0].what, "hosts");
  // Beside other ports it is a sweep like any other, and needs as many hosts.
  FlowRecord record = syn_record({1, 2, 50'000, 445});
  record.windows.source = window_of(60, 5, 20, 0.9);
  EXPECT_FALSE(rules.look(record));
  record.windows.source = window_of(60, 5, 40, 0.9);
  EXPECT_EQ(rules.look(record)->by, "host_sweep");
}

TEST(FastRulesTest, ManySmbConnectionsToOneHostAreWhatWormsDo) {
  FastRules rules(1);
  std::optional<Verdict> verdict;
  for (std::uint16_t i = 0; i < 18; ++i) {
    const Ends ends{1, 2, static_cast<std::uint16_t>(40'000 + i), 445};
    // The host need not say a word: grooming only fills its memory.
    verdict = rules.look(conversation(ends, i * flow::kMs, i % 2 == 0 ? 0 : 200));
    EXPECT_EQ(verdict.has_value(), i >= 5) << i;
  }
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, "smb_propagation");
  EXPECT_EQ(verdict->by, "smb_flows");
  EXPECT_NEAR(verdict->score, 0.9, 1e-9);
  EXPECT_EQ(verdict->evidence, Evidence::proven);
}

TEST(FastRulesTest, FileSharesOfManyServersAndConnectionsNowAndThenAreNot) {
  FastRules rules(1);
  for (std::uint16_t i = 0; i < 60; ++i) {
    const auto port = static_cast<std::uint16_t>(40'000 + i);
    EXPECT_FALSE(rules.look(conversation({1, 10U + i, port, 445}, i * flow::kMs)));
    EXPECT_FALSE(rules.look(conversation({2, 3, port, 445}, i * 15 * flow::kNsPerSecond)));
  }
}

TEST(FastRulesTest, WhoAsksForEachPortAgainAndAgainFloodsAndDoesNotScan) {
  FastRules rules(1);
  EXPECT_EQ(rules.look(half_open_with(window_of(600, 60, 1, 1), window_of(600, 60, 1, 1)))->by,
            "port_scan");
  EXPECT_EQ(rules.look(half_open_with(window_of(1'800, 60, 1, 1), window_of(1'800, 60, 1, 1)))->by,
            "syn_flood");
}

std::optional<Verdict> beacon_to(FastRules& rules, const Ends& ends, int contacts = 60) {
  std::optional<Verdict> last;
  for (int i = 0; i < contacts; ++i) {
    const auto at_ns = static_cast<std::uint64_t>(i) * 60 * flow::kNsPerSecond;
    last = rules.look(conversation(ends, at_ns));
  }
  return last;
}

TEST(FastRulesTest, ABeaconAccusesItsServer) {
  FastRules rules(1);
  rules.set_trusted({});
  const auto verdict = beacon_to(rules, {1, 2, 50'000, 443});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, "botnet_c2");
  EXPECT_EQ(verdict->by, "beacon");
  EXPECT_NEAR(verdict->score, 0.9, 1e-9);
  EXPECT_EQ(verdict->evidence, Evidence::proven);
  EXPECT_EQ(verdict->suspected().bytes, verdict->destination.bytes);
  ASSERT_EQ(verdict->reason_count, 3U);
  EXPECT_STREQ(verdict->reasons[0].what, "contacts");
  EXPECT_EQ(verdict->reasons[0].value, 60);
  EXPECT_STREQ(verdict->reasons[1].what, "period_s");
  EXPECT_EQ(verdict->reasons[1].value, 60);
  EXPECT_STREQ(verdict->reasons[2].what, "jitter");
}

// Monitoring, agents and name servers are regular as well.
TEST(FastRulesTest, NoBeaconIsSeenInsideNorToNameServers) {
  FastRules rules(1);
  EXPECT_FALSE(beacon_to(rules, {1, 2, 50'000, 443})) << "10.0.0.0/8 is private";
  rules.set_trusted({*parse_network("192.0.2.0/24")});
  EXPECT_FALSE(beacon_to(rules, {1, 3, 50'000, 53}));
  EXPECT_TRUE(beacon_to(rules, {1, 4, 50'000, 443}));
}

TEST(FastRulesTest, ASlowScanIsBelowTheLimit) {
  std::vector<Ends> flows;
  for (std::uint16_t port = 1; port <= 80; ++port) flows.push_back({1, 2, 50'000, port});
  FastRules rules(1);
  EXPECT_FALSE(last_verdict(rules, traffic(flows, flow::kNsPerSecond)));
}

TEST(FastRulesTest, ManyPortsOfManyHostsArePeerToPeer) {
  FastRules rules(1);
  EXPECT_FALSE(rules.look(half_open_with(window_of(300, 200, 190, 0.9))));
  EXPECT_TRUE(rules.look(half_open_with(window_of(300, 200, 3, 0.9))));
}

TEST(FastRulesTest, PortsThatAnswerAreNoScan) {
  FastRules rules(1);
  EXPECT_FALSE(rules.look(half_open_with(window_of(300, 200, 3, 0.5))));
  EXPECT_FALSE(rules.look(half_open_with(window_of(300, 200, 3, kNan))));
}

TEST(FastRulesTest, AFloodFromManySourcesBlamesNone) {
  std::vector<Ends> flows;
  for (std::uint32_t i = 0; i < 1'600; ++i) flows.push_back({1'000 + i, 2, 50'000, 80});
  FastRules rules(1);
  const auto verdict = last_verdict(rules, traffic(flows, flow::kMs));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, "ddos");
  EXPECT_EQ(verdict->by, "syn_flood");
  EXPECT_FALSE(verdict->has_source);
  EXPECT_GT(verdict->score, 0.9);
}

TEST(FastRulesTest, AFloodFromOneSourceNamesItAsForgeable) {
  std::vector<Ends> flows;
  for (std::uint16_t i = 0; i < 1'600; ++i) {
    flows.push_back({1, 2, static_cast<std::uint16_t>(10'000 + i), 80});
  }
  FastRules rules(1);
  const auto verdict = last_verdict(rules, traffic(flows, flow::kMs));
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->has_source);
  EXPECT_EQ(verdict->evidence, Evidence::forgeable);
}

TEST(FastRulesTest, ABusyServerThatAnswersIsNotFlooded) {
  FastRules rules(1);
  EXPECT_FALSE(rules.look(half_open_with({}, window_of(5'000, 1, 900, 0.3))));
}

TEST(FastRulesTest, LogonsAgainAndAgainAreBruteForceAndProven) {
  FastRules rules(1);
  std::optional<Verdict> verdict;
  for (std::uint16_t i = 0; i < 30; ++i) {
    const Ends ends{1, 2, static_cast<std::uint16_t>(40'000 + i), 22};
    verdict = rules.look(conversation(ends, i * 900 * flow::kMs));
    EXPECT_EQ(verdict.has_value(), i >= 9) << i;
  }
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, "bruteforce");
  EXPECT_EQ(verdict->evidence, Evidence::proven);
  EXPECT_NEAR(verdict->score, 0.9, 1e-9);
}

TEST(FastRulesTest, ConversationsOverOtherPortsOrSlowlyOrLargeOnesAreNoAttempts) {
  FastRules rules(1);
  for (std::uint16_t i = 0; i < 50; ++i) {
    const auto port = static_cast<std::uint16_t>(40'000 + i);
    EXPECT_FALSE(rules.look(conversation({1, 2, port, 443}, i * 900 * flow::kMs)));
    EXPECT_FALSE(rules.look(conversation({1, 3, port, 22}, i * 10 * flow::kNsPerSecond)));
    EXPECT_FALSE(rules.look(conversation({1, 4, port, 22}, i * 900 * flow::kMs, 9'000)));
  }
}

// Blind ACKs make a flow "opened", but nothing that a server says only to whoever it talks to.
TEST(FastRulesTest, AttemptsWithoutAWordFromTheServerDoNotCount) {
  FastRules rules(1);
  for (std::uint16_t i = 0; i < 50; ++i) {
    const auto port = static_cast<std::uint16_t>(40'000 + i);
    const FlowRecord record = conversation({1, 2, port, 22}, i * 100 * flow::kMs, 0);
    ASSERT_TRUE(record.opened);
    EXPECT_FALSE(is_proven(record));
    EXPECT_FALSE(rules.look(record));
  }
}

TEST(FastRulesTest, EarlyTellingsAndLaterPartsAreNotCountedAgain) {
  FastRules rules(1);
  for (std::uint16_t i = 0; i < 50; ++i) {
    FlowRecord record = conversation({1, 2, static_cast<std::uint16_t>(40'000 + i), 22});
    record.reason = flow::CloseReason::early;
    EXPECT_FALSE(rules.look(record));
    record.reason = flow::CloseReason::fin;
    record.part = 1;
    EXPECT_FALSE(rules.look(record));
  }
}

TEST(FastRulesTest, PairsAreBounded) {
  FastRules rules(1, 100);
  for (std::uint32_t host = 1; host <= 1'000; ++host) {
    rules.look(conversation({host, 2, 40'000, 22}));
  }
  EXPECT_EQ(rules.pairs(), 100U);
  EXPECT_EQ(rules.beacon_pairs(), 100U);
}

TEST(FastRulesTest, LimitsHoldFromTheNextFlowOn) {
  FastRules rules(1);
  const FlowRecord record = half_open_with(window_of(300, 200, 3, 0.9));
  EXPECT_TRUE(rules.look(record));
  FastRuleLimits limits;
  limits.scan_ports = 201;
  rules.set_limits(limits);
  EXPECT_FALSE(rules.look(record));
  limits.scan_ports = 20;
  limits.enabled = false;
  rules.set_limits(limits);
  EXPECT_FALSE(rules.look(record));
}

}  // namespace
}  // namespace mlguard::ml_detector
