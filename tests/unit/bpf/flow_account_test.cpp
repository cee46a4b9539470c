#include "bpf/flow_account.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace mlguard {
namespace {

mlg_packet packet_between(std::uint8_t from, std::uint8_t to, std::uint16_t source_port,
                          std::uint16_t destination_port, std::uint8_t flags = 0) {
  mlg_packet packet = {};
  packet.source[15] = from;
  packet.destination[15] = to;
  packet.source_port = source_port;
  packet.destination_port = destination_port;
  packet.protocol = MLG_PROTOCOL_TCP;
  packet.tcp_flags = flags;
  packet.tcp_window = 1000;
  packet.ip_bytes = 40;
  packet.family = MLG_FAMILY_IPV4;
  return packet;
}

template <class T>
bool same_bytes(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

TEST(FlowKeyTest, BothDirectionsHaveOneKeyAndOppositeSides) {
  const std::vector<std::pair<mlg_packet, mlg_packet>> pairs = {
      {packet_between(1, 2, 50000, 80), packet_between(2, 1, 80, 50000)},
      {packet_between(2, 1, 50000, 80), packet_between(1, 2, 80, 50000)},
      {packet_between(1, 1, 50000, 80), packet_between(1, 1, 80, 50000)}};
  for (const auto& [there, back] : pairs) {
    mlg_flow_key key_there;
    mlg_flow_key key_back;
    std::memset(&key_there, 0xee, sizeof key_there);
    std::memset(&key_back, 0x11, sizeof key_back);
    EXPECT_NE(mlg_flow_key_of(&there, &key_there), mlg_flow_key_of(&back, &key_back));
    EXPECT_TRUE(same_bytes(key_there, key_back));
  }
}

TEST(FlowKeyTest, AddressesAreOrderedByTheirBytesFirstByteFirst) {
  mlg_packet packet = packet_between(9, 1, 7, 8);
  packet.destination[0] = 1;
  mlg_flow_key key;
  EXPECT_EQ(mlg_flow_key_of(&packet, &key), MLG_FROM_LOW);
  EXPECT_EQ(key.low_port, 7);
  packet.source[7] = 1;
  packet.destination[0] = 0;
  EXPECT_EQ(mlg_flow_key_of(&packet, &key), MLG_FROM_HIGH);
  EXPECT_EQ(key.low_port, 8);
}

TEST(FlowKeyTest, EqualEndpointsAreOneFlowFromTheLowSide) {
  const mlg_packet land = packet_between(1, 1, 80, 80);
  mlg_flow_key key;
  EXPECT_EQ(mlg_flow_key_of(&land, &key), MLG_FROM_LOW);
}

TEST(FlowAccountTest, CountsSizesFlagsGapsAndTheFirstWindow) {
  mlg_flow_counters counters = {};
  mlg_packet packet = packet_between(1, 2, 50000, 80, MLG_TCP_SYN);
  mlg_flow_account(&counters, &packet, MLG_FROM_LOW, 5'000'000);
  packet.tcp_flags = MLG_TCP_ACK | MLG_TCP_PSH;
  packet.tcp_window = 7;
  packet.ip_bytes = 140;
  packet.payload_bytes = 100;
  mlg_flow_account(&counters, &packet, MLG_FROM_LOW, 8'000'000);
  mlg_flow_account(&counters, &packet, MLG_FROM_LOW, 7'000'000);  // late
  const mlg_flow_side& side = counters.side[MLG_FROM_LOW];
  EXPECT_EQ(side.packets, 3u);
  EXPECT_EQ(side.bytes, 320u);
  EXPECT_EQ(side.payload_bytes, 200u);
  EXPECT_EQ(side.payload_packets, 2u);
  EXPECT_EQ(side.size_squares, 40u * 40 + 2 * 140 * 140);
  EXPECT_EQ(side.size_min, 40u);
  EXPECT_EQ(side.size_max, 140u);
  EXPECT_EQ(side.first_ns, 5'000'000u);
  EXPECT_EQ(side.last_ns, 8'000'000u);
  EXPECT_EQ(side.gaps, 2u);
  EXPECT_EQ(side.gap_sum_us, 3'000u);
  EXPECT_EQ(side.gap_squares_us2, 9'000'000u);
  EXPECT_EQ(side.initial_window, 1000);
  EXPECT_EQ(side.syn_only, 1u);
  EXPECT_EQ(side.flag_counts[1], 1u);
  EXPECT_EQ(side.flag_counts[3], 2u);
  EXPECT_EQ(side.flag_counts[4], 2u);
  EXPECT_EQ(counters.side[MLG_FROM_HIGH].packets, 0u);
}

TEST(FlowAccountTest, NothingOverflowsQuietly) {
  mlg_flow_side side = {};
  mlg_flow_add_gap(&side, std::numeric_limits<std::uint64_t>::max());
  mlg_flow_add_gap(&side, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(side.gap_sum_us, 2 * (std::numeric_limits<std::uint64_t>::max() / 1'000))
      << "no gap is too long for the sum";
  EXPECT_EQ(side.gap_squares_us2, std::numeric_limits<std::uint64_t>::max());
  side.gap_sum_us = std::numeric_limits<std::uint64_t>::max() - 1;
  mlg_flow_add_gap(&side, 2'000);
  EXPECT_EQ(side.gap_sum_us, std::numeric_limits<std::uint64_t>::max());
  mlg_flow_counters counters = {};
  counters.side[0].packets = 1;
  counters.side[0].size_squares = std::numeric_limits<std::uint64_t>::max() - 1;
  counters.side[0].flag_counts[1] = std::numeric_limits<std::uint32_t>::max();
  counters.side[0].syn_only = std::numeric_limits<std::uint32_t>::max();
  const mlg_packet packet = packet_between(1, 2, 1, 2, MLG_TCP_SYN);
  mlg_flow_account(&counters, &packet, MLG_FROM_LOW, 1);
  EXPECT_EQ(counters.side[0].size_squares, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(counters.side[0].flag_counts[1], std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(counters.side[0].syn_only, std::numeric_limits<std::uint32_t>::max());
}

struct Event {
  mlg_packet packet;
  mlg_flow_direction direction;
  std::uint64_t time_ns;
};

std::vector<Event> random_events(std::mt19937& random, std::size_t count) {
  std::vector<Event> events;
  std::uint64_t time_ns = 1'000'000'000;
  for (std::size_t i = 0; i < count; ++i) {
    time_ns += random() % 3'000'000 + 1;
    Event event = {packet_between(1, 2, 50000, 80, static_cast<std::uint8_t>(random())),
                   random() % 2 == 0 ? MLG_FROM_LOW : MLG_FROM_HIGH, time_ns};
    event.packet.ip_bytes = 40 + static_cast<std::uint32_t>(random() % 1461);
    event.packet.payload_bytes = event.packet.ip_bytes - 40;
    event.packet.tcp_window = static_cast<std::uint16_t>(random());
    events.push_back(event);
  }
  return events;
}

TEST(FlowMergeTest, PartsOneAfterTheOtherMergeToTheWholeInEitherOrder) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    const std::vector<Event> events = random_events(random, 20);
    const std::size_t cut = random() % (events.size() + 1);
    mlg_flow_counters whole = {};
    mlg_flow_counters parts[2] = {};
    for (std::size_t i = 0; i < events.size(); ++i) {
      const Event& event = events[i];
      mlg_flow_account(&whole, &event.packet, event.direction, event.time_ns);
      mlg_flow_account(&parts[i < cut ? 0 : 1], &event.packet, event.direction, event.time_ns);
    }
    mlg_flow_counters forward = parts[0];
    mlg_flow_merge(&forward, &parts[1]);
    mlg_flow_counters backward = parts[1];
    mlg_flow_merge(&backward, &parts[0]);
    EXPECT_TRUE(same_bytes(forward, whole)) << "cut at " << cut;
    EXPECT_TRUE(same_bytes(backward, whole)) << "cut at " << cut;
  }
}

TEST(FlowMergeTest, InterleavedPartsLoseNothingButGapsBetweenThem) {
  std::mt19937 random(2);
  const std::vector<Event> events = random_events(random, 1'000);
  mlg_flow_counters whole = {};
  mlg_flow_counters parts[4] = {};
  for (std::size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    mlg_flow_account(&whole, &event.packet, event.direction, event.time_ns);
    mlg_flow_account(&parts[i % 4], &event.packet, event.direction, event.time_ns);
  }
  mlg_flow_counters merged = {};
  for (const mlg_flow_counters& part : parts) mlg_flow_merge(&merged, &part);
  for (int i = 0; i < MLG_FLOW_DIRECTIONS; ++i) {
    EXPECT_EQ(merged.side[i].gaps, whole.side[i].gaps - 3);
    merged.side[i].gaps = whole.side[i].gaps;
    merged.side[i].gap_sum_us = whole.side[i].gap_sum_us;
    merged.side[i].gap_squares_us2 = whole.side[i].gap_squares_us2;
  }
  EXPECT_TRUE(same_bytes(merged, whole));
}

TEST(FlowInitiatorTest, ASynWithoutAckDecidesBeforeTheEarliestPacket) {
  mlg_flow_counters counters = {};
  mlg_packet packet = packet_between(1, 2, 1, 2, MLG_TCP_SYN | MLG_TCP_ACK);
  mlg_flow_account(&counters, &packet, MLG_FROM_LOW, 10);
  EXPECT_EQ(mlg_flow_initiator(&counters), MLG_FROM_LOW);
  packet.tcp_flags = MLG_TCP_SYN;
  mlg_flow_account(&counters, &packet, MLG_FROM_HIGH, 20);
  EXPECT_EQ(mlg_flow_initiator(&counters), MLG_FROM_HIGH);
  mlg_flow_account(&counters, &packet, MLG_FROM_LOW, 30);  // Both: the earliest packet again.
  EXPECT_EQ(mlg_flow_initiator(&counters), MLG_FROM_LOW);
}

TEST(FlowInitiatorTest, WithoutSynTheEarliestPacketDecides) {
  mlg_flow_counters counters = {};
  const mlg_packet packet = packet_between(1, 2, 1, 2, MLG_TCP_ACK);
  mlg_flow_account(&counters, &packet, MLG_FROM_HIGH, 20);
  EXPECT_EQ(mlg_flow_initiator(&counters), MLG_FROM_HIGH);
  mlg_flow_account(&counters, &packet, MLG_FROM_LOW, 20);
  EXPECT_EQ(mlg_flow_initiator(&counters), MLG_FROM_LOW);
  mlg_flow_account(&counters, &packet, MLG_FROM_HIGH, 19);
  EXPECT_EQ(mlg_flow_initiator(&counters), MLG_FROM_HIGH);
}

}  // namespace
}  // namespace mlguard
