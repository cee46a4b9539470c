// The kernel programs over the packets of tests/support/packet_fixtures.h: each must be read as
// user space reads it, have exactly one fate, and be counted as user space counts it.
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <unistd.h>

#include <cstring>
#include <numeric>
#include <set>

#include "bpf/data_plane.h"
#include "support/pin_folder.h"
#include "tests/support/packet_fixtures.h"
#include "unit/xdp/program_run.h"
#include "xdp/data_plane.h"

namespace mlguard::xdp {
namespace {

using support::packet_fixtures;
using support::PacketFixture;
using support::plain_udp;

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    // Each CPU has its own tables: a test that moves would see a flow twice.
    sched_getaffinity(0, sizeof all_cpus_, &all_cpus_);
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &here);
    sched_setaffinity(0, sizeof here, &here);
    load(MLG_FLOWS_MAX_DEFAULT);
  }
  void TearDown() override {
    if (plane_) sched_setaffinity(0, sizeof all_cpus_, &all_cpus_);
  }
  void load(std::uint32_t flows_max) {
    DataPlaneOptions options;
    options.pin_folder = pins_.path();
    options.flows_max = flows_max;
    auto loaded = DataPlane::load(options);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    plane_ = std::move(*loaded);
  }

  mlg_counters counters(mlg_point point) {
    const auto read = plane_->counters();
    EXPECT_TRUE(read.ok()) << read.error().message;
    return read.ok() ? (*read)[point] : mlg_counters{};
  }
  FlowRound read_round() {
    FlowRound round;
    const base::Status read = plane_->read_round(round);
    EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
    return round;
  }

  support::PinFolder pins_;
  std::unique_ptr<DataPlane> plane_;
  cpu_set_t all_cpus_ = {};
};

std::uint64_t all_fates(const mlg_counters& counters) {
  return std::accumulate(std::begin(counters.fates), std::end(counters.fates), std::uint64_t{0});
}

// What the table and the parser in user space say that the kernel must do with it.
unsigned expected_fate(const PacketFixture& row) {
  if (row.verdict != MLG_PARSE_OK) {
    return unsigned{MLG_FATE_PASSED_OVER} + unsigned{row.verdict} - 1;
  }
  return (row.fields.tcp_flags & MLG_EVENT_FLAGS) != 0 ? MLG_FATE_EVENT : MLG_FATE_ADDED_UP;
}

mlg_packet parsed(const PacketFixture& row) {
  mlg_packet packet;
  mlg_parse_ethernet(row.bytes.data(), row.bytes.data() + row.bytes.size(), &packet);
  return packet;
}

// Times aside, which only the kernel knows.
void expect_counted_alike(const FlowDelta& delta, const mlg_packet& packet) {
  mlg_flow_key key;
  mlg_flow_counters expected = {};
  const mlg_flow_direction direction = mlg_flow_key_of(&packet, &key);
  mlg_flow_account(&expected, &packet, direction, delta.counters.side[direction].first_ns);
  EXPECT_EQ(std::memcmp(&delta.key, &key, sizeof key), 0);
  EXPECT_EQ(std::memcmp(&delta.counters, &expected, sizeof expected), 0);
  EXPECT_GT(delta.counters.side[direction].first_ns, 0U);
}

TEST_F(ProgramTest, EveryFixtureHasTheFateOfItsVerdictAtBothPoints) {
  struct Point {
    mlg_point point;
    int program;
    int passes;
  };
  std::size_t ran = 0;
  for (const Point& at : {Point{MLG_POINT_INGRESS, plane_->ingress_program(), XDP_PASS},
                          Point{MLG_POINT_EGRESS, plane_->egress_program(), TC_ACT_UNSPEC}}) {
    for (const PacketFixture& row : packet_fixtures()) {
      if (row.bytes.size() < kTestRunBytesMin) continue;
      SCOPED_TRACE(row.description + (at.point == MLG_POINT_INGRESS ? " at XDP" : " at TC"));
      const mlg_counters before = counters(at.point);
      const int returned = run_program(at.program, row.bytes);
      // The kernel's test run builds no skb from an IP header that is cut.
      if (returned == kNotRun && row.verdict == MLG_PARSE_TRUNCATED) continue;
      EXPECT_EQ(returned, at.passes);
      const mlg_counters after = counters(at.point);
      EXPECT_EQ(after.seen, before.seen + 1);
      EXPECT_EQ(all_fates(after), all_fates(before) + 1);
      const unsigned fate = expected_fate(row);
      EXPECT_EQ(after.fates[fate], before.fates[fate] + 1) << "fate " << fate;
      const FlowRound round = read_round();
      const mlg_packet packet = parsed(row);
      EXPECT_EQ(round.events.size(), fate == MLG_FATE_EVENT ? 1U : 0U);
      EXPECT_EQ(round.flows.size(), fate == MLG_FATE_ADDED_UP ? 1U : 0U);
      if (!round.flows.empty()) expect_counted_alike(round.flows.front(), packet);
      if (!round.events.empty()) {
        EXPECT_EQ(std::memcmp(&round.events.front().packet, &packet, sizeof packet), 0);
      }
      ++ran;
    }
  }
  EXPECT_GT(ran, packet_fixtures().size() * 3 / 2);
}

TEST_F(ProgramTest, ARoundHandsOutEachPacketOnce) {
  const PacketFixture* udp = nullptr;
  const std::vector<PacketFixture> fixtures = packet_fixtures();
  for (const PacketFixture& row : fixtures) {
    if (expected_fate(row) == MLG_FATE_ADDED_UP && row.fields.protocol == MLG_PROTOCOL_UDP) {
      udp = &row;
    }
  }
  ASSERT_NE(udp, nullptr);
  std::uint64_t packets = 0;
  for (std::uint64_t round_packets : {3U, 0U, 5U, 1U}) {
    for (std::uint64_t i = 0; i < round_packets; ++i) {
      run_program(plane_->ingress_program(), udp->bytes);
    }
    const FlowRound round = read_round();
    ASSERT_EQ(round.flows.size(), round_packets == 0 ? 0U : 1U);
    if (round_packets == 0) continue;
    const mlg_flow_counters& counted = round.flows.front().counters;
    EXPECT_EQ(counted.side[0].packets + counted.side[1].packets, round_packets);
    packets += round_packets;
  }
  EXPECT_EQ(counters(MLG_POINT_INGRESS).seen, packets);
}

TEST_F(ProgramTest, EventsBeyondTheRingAreAddedUpInstead) {
  PacketFixture syn;
  for (const PacketFixture& row : packet_fixtures()) {
    if (expected_fate(row) == MLG_FATE_EVENT) syn = row;
  }
  const std::uint64_t fits = MLG_EVENTS_BYTES / (sizeof(mlg_event) + 8);
  const std::uint64_t sent = fits + 1'000;
  ASSERT_GT(time_program(plane_->ingress_program(), syn.bytes, static_cast<int>(sent)), 0U);
  const mlg_counters counted = counters(MLG_POINT_INGRESS);
  EXPECT_EQ(counted.seen, sent);
  EXPECT_EQ(counted.fates[MLG_FATE_EVENT] + counted.fates[MLG_FATE_ADDED_UP], sent);
  EXPECT_GT(counted.ring_full, 0U);
  EXPECT_EQ(counted.ring_full, counted.fates[MLG_FATE_ADDED_UP]);
  const FlowRound round = read_round();
  EXPECT_EQ(round.events.size(), counted.fates[MLG_FATE_EVENT]);
  ASSERT_EQ(round.flows.size(), 1U);
  const mlg_flow_counters& rest = round.flows.front().counters;
  EXPECT_EQ(rest.side[0].packets + rest.side[1].packets, counted.ring_full);
}

// At TC, since the kernel takes 25 ms to begin a test run at XDP.
void send_flows(const DataPlane& plane, unsigned first_port, unsigned flows, int packets) {
  constexpr std::size_t kSourcePort = 14 + 20;
  PacketFixture udp = plain_udp();
  for (unsigned port = first_port; port < first_port + flows; ++port) {
    udp.bytes[kSourcePort] = static_cast<std::uint8_t>(port >> 8);
    udp.bytes[kSourcePort + 1] = static_cast<std::uint8_t>(port);
    ASSERT_NE(run_program(plane.egress_program(), udp.bytes, packets), kNotRun);
  }
}

std::uint64_t packets_in(const FlowRound& round) {
  std::uint64_t packets = round.events.size();
  for (const FlowDelta& flow : round.flows) {
    packets += flow.counters.side[0].packets + flow.counters.side[1].packets;
  }
  return packets;
}

TEST_F(ProgramTest, ASampleKeepsWholeFlowsAndCountsTheOthers) {
  ASSERT_TRUE(plane_->sample(4).ok());
  constexpr unsigned kFlows = 2'000;
  send_flows(*plane_, 1, kFlows, 2);
  const FlowRound round = read_round();
  for (const FlowDelta& flow : round.flows) {
    EXPECT_EQ(flow.counters.side[0].packets + flow.counters.side[1].packets, 2U);
  }
  EXPECT_NEAR(static_cast<double>(round.flows.size()), kFlows / 4.0, kFlows / 20.0);
  const mlg_counters counted = counters(MLG_POINT_EGRESS);
  EXPECT_EQ(counted.fates[MLG_FATE_SAMPLED_OUT] + counted.fates[MLG_FATE_ADDED_UP], 2 * kFlows);
}

TEST_F(ProgramTest, InAFullTableTheOldestFlowsMakeRoomAndAreHandedOut) {
  load(kFlowsMin);
  constexpr unsigned kFlows = 3 * kFlowsMin;
  send_flows(*plane_, 1, kFlows, 2);
  const FlowRound round = read_round();
  ASSERT_EQ(round.flows.size(), kFlows);
  std::set<unsigned> ports;
  for (std::size_t i = 0; i < round.flows.size(); ++i) {
    const FlowDelta& flow = round.flows[i];
    EXPECT_EQ(flow.counters.side[0].packets + flow.counters.side[1].packets, 2U);
    const mlg_packet packet = parsed(plain_udp());
    const bool low_is_fixed = flow.key.low_port == packet.destination_port;
    const unsigned port = low_is_fixed ? flow.key.high_port : flow.key.low_port;
    ports.insert(port);
    // The index's lines may be full before the table is, and let go of a flow that is younger.
    if (i < kFlowsMin) {
      EXPECT_LE(port, kFlows - kFlowsMin / 2);
    }
  }
  EXPECT_EQ(ports.size(), kFlows);
  EXPECT_EQ(counters(MLG_POINT_EGRESS).fates[MLG_FATE_ADDED_UP], 2 * kFlows);
  send_flows(*plane_, 1, 1, 5);
  EXPECT_EQ(packets_in(read_round()), 5U) << "the other table is as large and was empty";
}

TEST_F(ProgramTest, AFloodLeavesRoomInTheRingForEvents) {
  load(kFlowsMin);
  constexpr unsigned kFlows = 40'000;
  ASSERT_GT(kFlows * sizeof(mlg_round_flow), MLG_EVICTED_BYTES_MAX);
  send_flows(*plane_, 1, kFlows, 1);
  PacketFixture syn;
  for (const PacketFixture& row : packet_fixtures()) {
    if (expected_fate(row) == MLG_FATE_EVENT) syn = row;
  }
  run_program(plane_->ingress_program(), syn.bytes);
  const mlg_counters counted = counters(MLG_POINT_EGRESS);
  EXPECT_EQ(counted.fates[MLG_FATE_ADDED_UP], kFlows);
  EXPECT_EQ(counters(MLG_POINT_INGRESS).fates[MLG_FATE_EVENT], 1U);
  const FlowRound round = read_round();
  EXPECT_EQ(round.events.size(), 1U);
  constexpr std::uint64_t kHandedOut = MLG_EVICTED_BYTES_MAX / (sizeof(mlg_round_flow) + 8);
  EXPECT_NEAR(static_cast<double>(packets_in(round)), kHandedOut + kFlowsMin, 2.0);
}

TEST_F(ProgramTest, WhatDoesNotFitARoundIsToldByItself) {
  const PacketFixture udp = plain_udp();
  constexpr int kPackets = 150'000;
  ASSERT_NE(run_program(plane_->ingress_program(), udp.bytes, kPackets), kNotRun);
  const FlowRound round = read_round();
  EXPECT_EQ(packets_in(round), std::uint64_t{kPackets});
  EXPECT_EQ(round.events.size(), 2U) << "one each time that 65,535 packets are counted";
  const mlg_counters counted = counters(MLG_POINT_INGRESS);
  EXPECT_EQ(counted.fates[MLG_FATE_EVENT], round.events.size());
  EXPECT_EQ(all_fates(counted), std::uint64_t{kPackets});
}

}  // namespace
}  // namespace mlguard::xdp
