#include "flow/tracker.h"

#include <gtest/gtest.h>

#include <vector>

#include "packets.h"

namespace mlguard::flow {
namespace {

constexpr int kSyn = MLG_TCP_SYN;
constexpr int kAck = MLG_TCP_ACK;
constexpr int kFin = MLG_TCP_FIN;
constexpr int kRst = MLG_TCP_RST;

std::vector<CloseReason> reasons(const Recorder& recorder) {
  std::vector<CloseReason> all;
  for (const FlowRecord& record : recorder.records) all.push_back(record.reason);
  return all;
}
using Reasons = std::vector<CloseReason>;

void add_handshake(Recorder& to, const Ends& ends, std::uint64_t at_ns) {
  to.add(tcp(ends, kSyn), at_ns);
  to.add(tcp(ends.back(), kSyn | kAck), at_ns + kMs);
  to.add(tcp(ends, kAck), at_ns + 2 * kMs);
}

TEST(TrackerTest, FinBothWaysClosesAfterTheLingerWithItsLastAck) {
  Recorder recorder;
  const Ends ends;
  add_handshake(recorder, ends, 0);
  recorder.add(tcp(ends, kFin | kAck), 10 * kMs);
  recorder.tracker.advance(kStartNs + 5 * kNsPerSecond);
  EXPECT_TRUE(recorder.records.empty()) << "one FIN is not enough";
  recorder.add(tcp(ends.back(), kFin | kAck), 6 * kNsPerSecond);
  recorder.add(tcp(ends, kAck), 6 * kNsPerSecond + 1);
  recorder.tracker.advance(kStartNs + 7 * kNsPerSecond - 1);
  EXPECT_TRUE(recorder.records.empty());
  recorder.tracker.advance(kStartNs + 7 * kNsPerSecond);
  ASSERT_EQ(reasons(recorder), Reasons{CloseReason::fin});
  const FlowRecord& record = recorder.records[0];
  EXPECT_EQ(record.forward().packets, 4u);
  EXPECT_EQ(record.reverse().packets, 2u);
  EXPECT_EQ(record.destination_port(), 80);
  EXPECT_TRUE(record.opened);
  EXPECT_EQ(record.last_ns() - record.first_ns(), 6 * kNsPerSecond + 1);
  EXPECT_EQ(recorder.tracker.flows_open(), 0u);
}

TEST(TrackerTest, RstClosesAndWhatStraysAfterItBelongsToTheFlow) {
  Recorder recorder;
  const Ends ends;
  recorder.add(tcp(ends, kSyn), 0);
  recorder.add(tcp(ends.back(), kRst | kAck), kMs);
  recorder.add(tcp(ends.back(), kRst | kAck), 2 * kMs);
  recorder.tracker.advance(kStartNs + kMs + kClosingLingerNs);
  ASSERT_EQ(reasons(recorder), Reasons{CloseReason::rst});
  EXPECT_EQ(recorder.records[0].reverse().packets, 2u);
  EXPECT_FALSE(recorder.records[0].opened) << "a closed port was never open";
}

TEST(TrackerTest, ASynOnAClosingFlowBeginsTheNextOne) {
  Recorder recorder;
  const Ends ends;
  recorder.add(tcp(ends, kSyn), 0);
  recorder.add(tcp(ends.back(), kRst | kAck), kMs);
  recorder.add(tcp(ends, kSyn), 500 * kMs);
  ASSERT_EQ(reasons(recorder), Reasons{CloseReason::rst});
  EXPECT_EQ(recorder.tracker.flows_open(), 1u);
  recorder.tracker.advance(kStartNs + 3 * kNsPerSecond);
  EXPECT_EQ(recorder.tracker.flows_open(), 1u) << "the deadline of the first is not the second's";
  recorder.tracker.finish();
  EXPECT_EQ(reasons(recorder), (Reasons{CloseReason::rst, CloseReason::end}));
  EXPECT_EQ(recorder.tracker.flows_begun(), 2u);
}

TEST(TrackerTest, IdleFlowsCloseOnEventTimeToTheNanosecond) {
  Recorder recorder;
  recorder.add(udp({1, 2, 1'000, 53}), 0);
  recorder.add(udp({3, 4, 1'000, 53}), kNsPerSecond);
  recorder.add(udp({5, 6, 1'000, 53}), 15 * kNsPerSecond - 1);
  EXPECT_TRUE(recorder.records.empty());
  recorder.add(udp({5, 6, 1'000, 53}), 15 * kNsPerSecond);
  ASSERT_EQ(reasons(recorder), Reasons{CloseReason::idle});
  EXPECT_EQ(recorder.records[0].source()[15], 1);
}

TEST(TrackerTest, ALongFlowIsToldInPartsThatKeepTheInitiator) {
  Recorder recorder;
  const Ends ends{9, 2, 50'000, 22};  // The initiator is the higher endpoint.
  add_handshake(recorder, ends, 0);
  for (std::uint64_t s = 1; s < 130; ++s) {
    // The responder speaks first in the second part.
    recorder.add(tcp(ends.back(), kAck, 100), s * kNsPerSecond);
    recorder.add(tcp(ends, kAck), s * kNsPerSecond + kMs);
  }
  recorder.tracker.finish();
  ASSERT_EQ(reasons(recorder),
            (Reasons{CloseReason::active, CloseReason::active, CloseReason::end}));
  for (std::uint32_t part = 0; part < 3; ++part) {
    const FlowRecord& record = recorder.records[part];
    EXPECT_EQ(record.part, part);
    EXPECT_EQ(record.source()[15], 9);
    EXPECT_EQ(record.destination_port(), 22);
    EXPECT_TRUE(record.opened);
    EXPECT_LT(record.last_ns() - record.first_ns(), 60 * kNsPerSecond);
  }
  EXPECT_EQ(recorder.recorded_packets(), recorder.tracker.packets());
  EXPECT_EQ(recorder.tracker.flows_begun(), 1u);
}

TEST(TrackerTest, AFinIsRememberedAcrossACut) {
  Recorder recorder;
  const Ends ends;
  add_handshake(recorder, ends, 0);
  recorder.add(tcp(ends, kFin | kAck), kNsPerSecond);
  for (std::uint64_t s = 2; s < 70; s += 10)
    recorder.add(tcp(ends.back(), kAck, 100), s * kNsPerSecond);
  recorder.add(tcp(ends.back(), kFin | kAck), 70 * kNsPerSecond);
  recorder.tracker.advance(kStartNs + 70 * kNsPerSecond + kClosingLingerNs);
  EXPECT_EQ(reasons(recorder), (Reasons{CloseReason::active, CloseReason::fin}));
}

TEST(TrackerTest, LatePacketsNeitherTurnTimeBackNorReviveAFlow) {
  Recorder recorder;
  recorder.add(udp({1, 2, 1'000, 53}), 20 * kNsPerSecond);
  recorder.add(udp({3, 4, 1'000, 53}), 0);
  recorder.tracker.advance(kStartNs + 35 * kNsPerSecond - 1);
  EXPECT_TRUE(recorder.records.empty()) << "its last packet counts as seen when it came";
  recorder.tracker.advance(kStartNs + 35 * kNsPerSecond);
  ASSERT_EQ(recorder.records.size(), 2u);
  EXPECT_EQ(recorder.records[1].first_ns(), kStartNs) << "its own times stay its own";
}

TEST(TrackerTest, AFloodOfSpoofedSourcesIsBoundedAndLosesNothingQuietly) {
  TrackerOptions options;
  options.flows_max = 1'000;
  options.windows.hosts_max = 500;
  options.windows.sketches_max = 8;
  Recorder recorder(options);
  constexpr std::uint32_t kFlood = 100'000;
  for (std::uint32_t i = 0; i < kFlood; ++i) {
    recorder.add(tcp({100 + i, 2, static_cast<std::uint16_t>(i), 80}, kSyn), i * 1'000);
    ASSERT_LE(recorder.tracker.flows_open(), options.flows_max);
    ASSERT_LE(recorder.tracker.windows().hosts(), 2 * options.windows.hosts_max);
  }
  const std::uint64_t evicted = recorder.tracker.records(CloseReason::evicted);
  EXPECT_EQ(evicted, kFlood - options.flows_max);
  ASSERT_EQ(recorder.records.size(), evicted);
  for (std::uint32_t i = 0; i < evicted; ++i) {
    ASSERT_EQ(recorder.records[i].first_ns(), kStartNs + i * 1'000) << "the oldest goes first";
  }
  EXPECT_EQ(recorder.tracker.windows().hosts_evicted(), kFlood - options.windows.hosts_max);
  EXPECT_LE(recorder.tracker.windows().sketches().in_use, options.windows.sketches_max);
  recorder.tracker.finish();
  EXPECT_EQ(recorder.recorded_packets(), kFlood);
  EXPECT_EQ(recorder.records.size(), kFlood);
}

TEST(TrackerTest, AFullTablePartsWithClosingFlowsFirst) {
  TrackerOptions options;
  options.flows_max = 2;
  Recorder recorder(options);
  recorder.add(tcp({1, 2}, kSyn), 0);
  recorder.add(tcp({3, 4}, kSyn), 1);
  recorder.add(tcp(Ends{3, 4}.back(), kRst), 2);
  recorder.add(tcp({5, 6}, kSyn), 3);
  EXPECT_EQ(reasons(recorder), Reasons{CloseReason::rst});
  recorder.add(tcp({7, 8}, kSyn), 4);
  EXPECT_EQ(reasons(recorder), (Reasons{CloseReason::rst, CloseReason::evicted}));
  EXPECT_EQ(recorder.records[1].source()[15], 1);
}

TEST(TrackerTest, AConnectionThatReusesItsPortsForeverStaysBounded) {
  TrackerOptions options;
  options.flows_max = 4;
  Recorder recorder(options);
  const Ends ends;
  for (int i = 0; i < 10'000; ++i) {
    recorder.add(tcp(ends, kSyn), 0);
    recorder.add(tcp(ends.back(), kRst | kAck), 0);
  }
  recorder.tracker.finish();
  EXPECT_EQ(recorder.tracker.records(CloseReason::rst), 10'000u);
  EXPECT_EQ(recorder.recorded_packets(), 20'000u);
}

TEST(TrackerTest, AFlowIsToldOnceBeforeItsEndWhetherOpenOrLingering) {
  TrackerOptions options;
  options.early_after_ns = 300 * kMs;
  Recorder recorder(options);
  const Ends unanswered;
  const Ends answered{1, 2, 50'001, 80};
  recorder.add(tcp(unanswered, kSyn), 0);
  recorder.add(tcp(answered, kSyn), 10 * kMs);
  recorder.add(tcp(answered.back(), kRst | kAck), 20 * kMs);
  recorder.tracker.advance(kStartNs + 299 * kMs);
  EXPECT_TRUE(recorder.records.empty());
  recorder.tracker.advance(kStartNs + 900 * kMs);
  ASSERT_EQ(reasons(recorder), (Reasons{CloseReason::early, CloseReason::early}));
  EXPECT_EQ(recorder.records[0].source_port(), 50'000);
  EXPECT_EQ(recorder.records[0].forward().packets, 1u);
  EXPECT_EQ(recorder.records[1].source_port(), 50'001) << "refused, and lingering";
  EXPECT_EQ(recorder.records[1].reverse().packets, 1u);
  recorder.add(tcp(unanswered, kSyn), 1'000 * kMs);
  recorder.tracker.finish();
  ASSERT_EQ(reasons(recorder),
            (Reasons{CloseReason::early, CloseReason::early, CloseReason::rst, CloseReason::end}));
  EXPECT_EQ(recorder.records[3].forward().packets, 2u) << "the end tells the whole";
}

TEST(TrackerTest, CountedPacketsDoNotEndTheirOwnFlowAsIdle) {
  Recorder recorder;
  const Ends ends;
  mlg_flow_key key;
  mlg_flow_counters counted = {};
  const mlg_packet packet = udp(ends);
  const mlg_flow_direction direction = mlg_flow_key_of(&packet, &key);
  mlg_flow_account(&counted, &packet, direction, kStartNs);
  mlg_flow_account(&counted, &packet, direction, kStartNs + 14 * kNsPerSecond);
  recorder.tracker.add_counted(key, counted);
  recorder.tracker.advance(kStartNs + 10 * kNsPerSecond);
  recorder.tracker.advance(kStartNs + 28 * kNsPerSecond);
  EXPECT_TRUE(recorder.records.empty());
  recorder.tracker.advance(kStartNs + 29 * kNsPerSecond);
  ASSERT_EQ(reasons(recorder), Reasons{CloseReason::idle});
  EXPECT_EQ(recorder.records[0].forward().packets, 2u);
  EXPECT_EQ(recorder.tracker.packets(), 2u);
}

}  // namespace
}  // namespace mlguard::flow
