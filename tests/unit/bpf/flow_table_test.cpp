#include "bpf/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <random>
#include <vector>

namespace mlguard {
namespace {

constexpr std::uint64_t kBeginNs = 1'000'000'000;

mlg_packet random_packet(std::mt19937& random) {
  mlg_packet packet = {};
  packet.source[15] = 1;
  packet.destination[15] = 2;
  packet.protocol = random() % 3 == 0 ? MLG_PROTOCOL_UDP : MLG_PROTOCOL_TCP;
  packet.ip_bytes = 40 + static_cast<std::uint32_t>(random() % 65'496);
  packet.payload_bytes = random() % 4 == 0 ? 0 : packet.ip_bytes - 40;
  if (packet.protocol == MLG_PROTOCOL_TCP) {
    packet.tcp_flags = static_cast<std::uint8_t>(random());
    packet.tcp_window = static_cast<std::uint16_t>(random());
  }
  return packet;
}

mlg_round_at at(mlg_round_flow& flow) { return {&flow.head, &flow.rest}; }

void expect_alike(mlg_round_flow& flow, const mlg_flow_counters& expected) {
  mlg_flow_counters unfolded;
  std::memset(&unfolded, 0xee, sizeof unfolded);
  mlg_round_unfold(at(flow), &unfolded);
  EXPECT_EQ(std::memcmp(&unfolded, &expected, sizeof expected), 0);
}

mlg_flow_key key_of_family(mlg_family family) {
  mlg_flow_key key = {};
  for (std::uint8_t i = 0; i < MLG_ADDRESS_BYTES; ++i) {
    key.low_address[i] = static_cast<std::uint8_t>(10 + i);
    key.high_address[i] = static_cast<std::uint8_t>(50 + i);
  }
  if (family == MLG_FAMILY_IPV4) {
    for (std::uint8_t* address : {key.low_address, key.high_address}) {
      std::memset(address, 0, 10);
      std::memset(address + 10, 0xff, 2);
    }
  }
  key.low_port = 1'234;
  key.high_port = 80;
  key.protocol = MLG_PROTOCOL_UDP;
  return key;
}

TEST(FlowTableTest, ARoundCountsAsAFlowDoes) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 200; ++trial) {
    const mlg_flow_key key = key_of_family(trial % 3 == 0 ? MLG_FAMILY_IPV6 : MLG_FAMILY_IPV4);
    mlg_round_flow flow;
    std::memset(&flow, 0xee, sizeof flow);  // another flow's place
    mlg_round_begin(at(flow), &key, trial % 2 == 0 ? MLG_FROM_LOW : MLG_FROM_HIGH);
    mlg_flow_counters expected = {};
    std::uint64_t time_ns = kBeginNs;
    const int packets = 1 + static_cast<int>(random() % 100);
    for (int i = 0; i < packets; ++i) {
      // Some come late, but none before the first of its side.
      time_ns += random() % 3'000'000;
      const std::uint64_t at_ns = i > 10 ? time_ns - random() % 1'000'000 : time_ns;
      const mlg_packet packet = random_packet(random);
      const mlg_flow_direction direction = random() % 2 == 0 ? MLG_FROM_LOW : MLG_FROM_HIGH;
      const std::uint64_t first_ns = expected.side[direction].first_ns;
      if (at_ns < first_ns) continue;
      ASSERT_TRUE(mlg_round_account(at(flow), &packet, direction, at_ns));
      mlg_flow_account(&expected, &packet, direction, at_ns);
    }
    expect_alike(flow, expected);
  }
}

TEST(FlowTableTest, AnEmptyFlowUnfoldsToNothing) {
  mlg_round_flow flow = {};
  EXPECT_TRUE(mlg_round_is_empty(at(flow)));
  expect_alike(flow, {});
  std::mt19937 random(1);
  const mlg_packet packet = random_packet(random);
  ASSERT_TRUE(mlg_round_account(at(flow), &packet, MLG_FROM_HIGH, kBeginNs));
  EXPECT_FALSE(mlg_round_is_empty(at(flow)));
  mlg_round_clear(at(flow));
  EXPECT_TRUE(mlg_round_is_empty(at(flow)));
  expect_alike(flow, {});
}

TEST(FlowTableTest, SumsHoldAsManyOfTheLargestPacketsAsFit) {
  mlg_packet packet = {};
  packet.protocol = MLG_PROTOCOL_TCP;
  packet.ip_bytes = 0xffff;
  packet.payload_bytes = 0xffff - 40;
  packet.tcp_flags = 0xff;
  mlg_round_flow flow = {};
  mlg_flow_counters expected = {};
  constexpr std::uint64_t kGapNs = 0xffffffffULL / 0xffff;
  for (std::uint64_t i = 0; i < 0xffff; ++i) {
    ASSERT_TRUE(mlg_round_account(at(flow), &packet, MLG_FROM_LOW, kBeginNs + i * kGapNs));
    mlg_flow_account(&expected, &packet, MLG_FROM_LOW, kBeginNs + i * kGapNs);
  }
  expect_alike(flow, expected);
  EXPECT_FALSE(mlg_round_account(at(flow), &packet, MLG_FROM_LOW, kBeginNs)) << "one more";
  expect_alike(flow, expected);
}

TEST(FlowTableTest, WhatDoesNotFitIsNotCounted) {
  mlg_packet packet = {};
  packet.ip_bytes = 100;
  mlg_round_flow flow = {};
  ASSERT_TRUE(mlg_round_account(at(flow), &packet, MLG_FROM_LOW, kBeginNs));
  mlg_flow_counters before = {};
  mlg_round_unfold(at(flow), &before);
  EXPECT_FALSE(mlg_round_account(at(flow), &packet, MLG_FROM_LOW, kBeginNs + (1ULL << 32)))
      << "more than four seconds later";
  EXPECT_FALSE(mlg_round_account(at(flow), &packet, MLG_FROM_LOW, kBeginNs - 1)) << "earlier";
  packet.ip_bytes = 65'536;
  EXPECT_FALSE(mlg_round_account(at(flow), &packet, MLG_FROM_HIGH, kBeginNs)) << "too large";
  expect_alike(flow, before);
  packet.ip_bytes = 65'535;
  EXPECT_TRUE(mlg_round_account(at(flow), &packet, MLG_FROM_LOW, kBeginNs + (1ULL << 32) - 1));
}

TEST(FlowTableTest, AnEntryIsTakenOutAndTheOthersKeepTheirOrder) {
  for (std::size_t entries : {1U, 2U, 15U, 16U}) {
    for (std::size_t removed = 0; removed <= entries; ++removed) {
      mlg_index_line line = {};
      std::vector<std::uint32_t> expected;
      for (std::size_t i = 0; i < entries; ++i) {
        line.entry[i] = (static_cast<std::uint32_t>(i) << MLG_INDEX_NUMBER_BITS) |
                        (100 + static_cast<std::uint32_t>(i));
        if (i != removed) expected.push_back(line.entry[i]);
      }
      expected.resize(MLG_INDEX_ENTRIES, 0);
      mlg_index_remove(&line, static_cast<std::uint32_t>(99 + removed));
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), line.entry))
          << removed << " of " << entries;
    }
  }
}

TEST(FlowTableTest, HashesAreSpreadOverLinesAndSamples) {
  constexpr std::uint32_t kFlows = 65'536;
  std::mt19937 random(3);
  std::uint32_t secret[MLG_HASH_WORDS];
  for (std::uint32_t& word : secret) word = static_cast<std::uint32_t>(random());
  const std::uint32_t lines = mlg_index_lines(kFlows);
  std::vector<std::uint32_t> in_line(lines);
  std::uint32_t sampled = 0;
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    mlg_flow_key key = {};
    std::memcpy(key.high_address + 12, &i, sizeof i);
    const std::uint64_t hash = mlg_flow_hash(&key, secret);
    const std::uint32_t line = mlg_index_line_of(hash, lines);
    ASSERT_LT(line, lines);
    ++in_line[line];
    if (static_cast<std::uint32_t>(hash) <= 0xffffffffU / 4) ++sampled;
  }
  EXPECT_NEAR(sampled, kFlows / 4.0, kFlows / 100.0);
  const auto overfull = std::count_if(in_line.begin(), in_line.end(),
                                      [](std::uint32_t n) { return n > MLG_INDEX_ENTRIES; });
  EXPECT_LT(overfull, lines / 50) << "with even chances it is 4 of 1,000";
}

TEST(FlowTableTest, AnotherSecretMakesOtherHashes) {
  std::uint32_t secret[MLG_HASH_WORDS] = {};
  mlg_flow_key key = {};
  key.low_port = 80;
  key.high_port = 443;
  const std::uint64_t with_zeros = mlg_flow_hash(&key, secret);
  secret[8] = 12'345;
  secret[9] = 678;
  EXPECT_NE(mlg_flow_hash(&key, secret), with_zeros);
}

TEST(FlowTableTest, AFlowHasTheKeyThatItBeganWithAndNoOther) {
  for (const mlg_family family : {MLG_FAMILY_IPV4, MLG_FAMILY_IPV6}) {
    const mlg_flow_key key = key_of_family(family);
    mlg_round_flow flow;
    std::memset(&flow, 0xee, sizeof flow);
    mlg_round_begin(at(flow), &key, MLG_FROM_HIGH);
    EXPECT_TRUE(mlg_round_is_empty(at(flow)));
    EXPECT_EQ(flow.head.has_heads != 0, family == MLG_FAMILY_IPV6);
    mlg_flow_key told;
    std::memset(&told, 0xee, sizeof told);
    mlg_round_key_of(at(flow), &told);
    EXPECT_EQ(std::memcmp(&told, &key, sizeof key), 0);
    EXPECT_TRUE(mlg_round_is(at(flow), &key));
    for (std::size_t i = 0; i < offsetof(mlg_flow_key, padding); ++i) {
      mlg_flow_key other = key;
      reinterpret_cast<std::uint8_t*>(&other)[i] ^= 1;
      EXPECT_FALSE(mlg_round_is(at(flow), &other)) << "byte " << i;
      mlg_round_flow of_other;
      mlg_round_begin(at(of_other), &other, MLG_FROM_LOW);
      EXPECT_FALSE(mlg_round_is(at(of_other), &key)) << "byte " << i;
      EXPECT_TRUE(mlg_round_is(at(of_other), &other)) << "byte " << i;
    }
  }
}

}  // namespace
}  // namespace mlguard
