#include "pipeline/flow_batch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "tests/unit/pipeline/samples.h"

namespace mlguard::pipeline {
namespace {

using flow::FlowRecord;

FlowBatch batch_of(std::vector<FlowRecord> flows) {
  return {"sniffer", "00112233445566778899aabbccddeeff", 7, std::move(flows)};
}

TEST(FlowBatchTest, EveryRecordComesBackToTheLastBit) {
  const std::vector<FlowRecord> records = sample_records(2'000);
  std::set<flow::CloseReason> reasons;
  std::size_t parts = 0;
  std::size_t undefined = 0;
  for (const FlowRecord& record : records) {
    reasons.insert(record.reason);
    parts += record.part > 0 ? 1u : 0u;
    undefined += std::isnan(record.windows.source.flows_vs_normal) ? 1u : 0u;
  }
  ASSERT_GE(reasons.size(), 4u);
  ASSERT_GT(parts, 0u);
  ASSERT_GT(undefined, 0u);

  const auto batch = decode_batch(encode_batch(batch_of(records)));
  ASSERT_TRUE(batch.ok()) << batch.error().message;
  EXPECT_EQ(batch->sniffer, "sniffer");
  EXPECT_EQ(batch->instance_id, "00112233445566778899aabbccddeeff");
  EXPECT_EQ(batch->sequence, 7u);
  ASSERT_EQ(batch->flows.size(), records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_TRUE(same_bits(batch->flows[i], records[i])) << i;
  }
}

TEST(FlowBatchTest, EveryReasonComesBack) {
  for (std::size_t i = 0; i < flow::kCloseReasons; ++i) {
    FlowRecord record = sample_records(1)[0];
    record.reason = static_cast<flow::CloseReason>(i);
    const auto batch = decode_batch(encode_batch(batch_of({record})));
    ASSERT_TRUE(batch.ok()) << flow::to_string(record.reason) << ": " << batch.error().message;
    EXPECT_EQ(batch->flows.at(0).reason, record.reason);
  }
}

TEST(FlowBatchTest, ABatchWithoutFlowsComesBack) {
  const auto batch = decode_batch(encode_batch(batch_of({})));
  ASSERT_TRUE(batch.ok());
  EXPECT_TRUE(batch->flows.empty());
}

TEST(FlowBatchTest, TheLargestValuesAndTheLargestBatchFit) {
  FlowRecord record = sample_records(1)[0];
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  record.key.protocol = MLG_PROTOCOL_TCP;
  record.part = std::numeric_limits<std::uint32_t>::max();
  for (mlg_flow_side& side : record.counters.side) {
    side = {};
    side.packets = std::uint64_t{1} << 47;
    side.size_min = side.size_max = kPacketBytesMax;
    side.bytes = side.payload_bytes = side.packets * kPacketBytesMax;
    side.size_squares = side.gap_sum_us = side.gap_squares_us2 = kMax;
    side.last_ns = std::numeric_limits<std::int64_t>::max();
    side.gaps = side.payload_packets = side.syn_only = std::numeric_limits<std::uint32_t>::max();
    for (auto& count : side.flag_counts) count = std::numeric_limits<std::uint32_t>::max();
    side.initial_window = 65'535;
  }
  ASSERT_TRUE(check_flow(record).ok()) << check_flow(record).error().message;
  const std::string bytes =
      encode_batch(batch_of(std::vector<FlowRecord>(kFlowsPerBatchMax, record)));
  EXPECT_LE(bytes.size(), kBatchBytesMax);
  const auto batch = decode_batch(bytes);
  ASSERT_TRUE(batch.ok()) << batch.error().message;
  EXPECT_TRUE(same_bits(batch->flows.back(), record));
}

TEST(FlowBatchTest, WhatIsNoBatchIsRefusedByTheNameOfItsField) {
  EXPECT_EQ(decode_batch("not a batch").error().reason, "invalid_batch");
  EXPECT_EQ(decode_batch("").error().reason, "batch_format");
  EXPECT_EQ(decode_batch(std::string(kBatchBytesMax + 1, '\0')).error().reason, "batch_too_large");

  FlowBatch batch = batch_of({});
  batch.sniffer = "No Name";
  EXPECT_NE(decode_batch(encode_batch(batch)).error().message.find("sniffer"), std::string::npos);
  batch = batch_of({});
  for (const std::string& id : {std::string(), std::string("a b"), std::string(65, 'a')}) {
    batch.instance_id = id;
    EXPECT_NE(decode_batch(encode_batch(batch)).error().message.find("instance_id"),
              std::string::npos);
  }
}

// A TCP flow of both sides, all of whose counters are in use.
FlowRecord whole_flow() {
  flow::Recorder recorder;
  const flow::Ends ends;
  recorder.add(flow::tcp(ends, MLG_TCP_SYN), 0);
  recorder.add(flow::tcp(ends.back(), MLG_TCP_SYN | MLG_TCP_ACK), 3 * flow::kMs);
  recorder.add(flow::tcp(ends, MLG_TCP_ACK, 100), 5 * flow::kMs);
  recorder.add(flow::tcp(ends, MLG_TCP_ACK, 300), 9 * flow::kMs);
  recorder.add(flow::tcp(ends.back(), MLG_TCP_ACK, 900), 14 * flow::kMs);
  recorder.tracker.finish();
  return recorder.records.at(0);
}

struct Lie {
  const char* field;  // that the refusal names
  std::function<void(FlowRecord&)> tell;
};

mlg_flow_side& low(FlowRecord& record) { return record.counters.side[MLG_FROM_LOW]; }

std::vector<Lie> lies_about_counters() {
  return {
      {"low.packets",
       [](FlowRecord& r) {
         r.part = 1;  // Else the initiator is named.
         low(r).packets = 0;
       }},
      {"low.size_min", [](FlowRecord& r) { low(r).size_min = 0; }},
      {"low.size_min", [](FlowRecord& r) { low(r).size_min = low(r).size_max + 1; }},
      {"low.size_max", [](FlowRecord& r) { low(r).size_max = kPacketBytesMax + 1; }},
      {"low.bytes", [](FlowRecord& r) { low(r).bytes = low(r).packets * low(r).size_min - 1; }},
      {"low.bytes", [](FlowRecord& r) { low(r).bytes = low(r).packets * low(r).size_max + 1; }},
      {"low.payload_bytes", [](FlowRecord& r) { low(r).payload_bytes = low(r).bytes + 1; }},
      {"low.payload_packets", [](FlowRecord& r) { low(r).payload_packets = 4; }},
      {"low.payload_packets", [](FlowRecord& r) { low(r).payload_packets = 0; }},
      {"low.payload_packets", [](FlowRecord& r) { low(r).payload_bytes = 0; }},
      {"low.payload_packets", [](FlowRecord& r) { low(r).payload_bytes = 1; }},
      {"low.size_squares", [](FlowRecord& r) { low(r).size_squares = 1; }},
      {"low.size_squares", [](FlowRecord& r) { low(r).size_squares = std::uint64_t{1} << 40; }},
      {"low.first_ns", [](FlowRecord& r) { low(r).first_ns = low(r).last_ns + 1; }},
      {"low.gaps", [](FlowRecord& r) { low(r).gaps = 3; }},
      {"low.gap_sum_us", [](FlowRecord& r) { low(r).gaps = 0; }},
      {"low.gap_squares_us2", [](FlowRecord& r) { low(r).gap_squares_us2 = 1; }},
      {"low.gap_squares_us2",
       [](FlowRecord& r) { low(r).gap_squares_us2 = low(r).gap_sum_us * low(r).gap_sum_us + 1; }},
      {"low.flag_counts", [](FlowRecord& r) { low(r).flag_counts[4] = 4; }},
      {"low.flag_counts", [](FlowRecord& r) { r.key.protocol = MLG_PROTOCOL_UDP; }},
      {"low.syn_only", [](FlowRecord& r) { low(r).syn_only = 2; }},
      {"low.padding", [](FlowRecord& r) { low(r).padding[1] = 1; }},
  };
}

std::vector<Lie> lies_about_the_whole() {
  constexpr double kNotFinite = std::numeric_limits<double>::infinity();
  return {
      {"key.low_address", [](FlowRecord& r) { std::swap(r.key.low_address, r.key.high_address); }},
      {"key.low_port",
       [](FlowRecord& r) {
         std::memcpy(r.key.high_address, r.key.low_address, MLG_ADDRESS_BYTES);
         r.key.low_port = 2;
         r.key.high_port = 1;
       }},
      {"key.padding", [](FlowRecord& r) { r.key.padding[0] = 1; }},
      {"initiator", [](FlowRecord& r) { r.initiator = static_cast<mlg_flow_direction>(2); }},
      {"initiator", [](FlowRecord& r) { low(r) = {}; }},
      {"reason",
       [](FlowRecord& r) { r.reason = static_cast<flow::CloseReason>(flow::kCloseReasons); }},
      {"packets", [](FlowRecord& r) { r.counters = {}; }},
      {"opened", [](FlowRecord& r) { r.counters.side[MLG_FROM_HIGH] = {}; }},
      {"windows.flows", [](FlowRecord& r) { r.windows.source.flows = -1; }},
      {"windows.ports", [](FlowRecord& r) { r.windows.source.ports = kNotFinite; }},
      {"windows.hosts", [](FlowRecord& r) { r.windows.destination.hosts = -1; }},
      {"windows.half_open_ratio", [](FlowRecord& r) { r.windows.source.half_open_ratio = 1.5; }},
      {"windows.packets_per_s", [](FlowRecord& r) { r.windows.source.packets_per_s = -0.5; }},
      {"windows.bytes_per_s", [](FlowRecord& r) { r.windows.source.bytes_per_s = 1e19; }},
      {"windows.flows_vs_normal", [](FlowRecord& r) { r.windows.source.flows_vs_normal = -1; }},
      {"pair windows.flows", [](FlowRecord& r) { r.windows.pair.flows = -1; }},
      {"windows.flows_lately", [](FlowRecord& r) { r.windows.pair.flows_lately = kNotFinite; }},
      {"pair windows.half_open_ratio", [](FlowRecord& r) { r.windows.pair.half_open_ratio = 1.5; }},
      {"windows.gap_mean_s", [](FlowRecord& r) { r.windows.pair.gap_mean_s = -1; }},
      {"windows.gap_variation", [](FlowRecord& r) { r.windows.pair.gap_variation = 1e19; }},
      {"windows.packets_vs_normal",
       [](FlowRecord& r) { r.windows.destination.packets_vs_normal = kNotFinite; }},
  };
}

TEST(FlowCheckTest, CountersThatCannotBeTrueAreRefusedByName) {
  ASSERT_TRUE(check_flow(whole_flow()).ok());
  std::vector<Lie> lies = lies_about_counters();
  for (const Lie& lie : lies_about_the_whole()) lies.push_back(lie);
  for (const Lie& lie : lies) {
    FlowRecord record = whole_flow();
    lie.tell(record);
    const base::Status status = check_flow(record);
    ASSERT_FALSE(status.ok()) << lie.field;
    EXPECT_EQ(status.error().reason, "invalid_flow");
    EXPECT_NE(status.error().message.find(lie.field), std::string::npos)
        << lie.field << ": " << status.error().message;
  }
}

TEST(FlowCheckTest, ALieInABatchIsFoundWhenItIsRead) {
  FlowRecord record = whole_flow();
  low(record).size_squares = 1;
  const auto batch = decode_batch(encode_batch(batch_of({whole_flow(), record})));
  ASSERT_FALSE(batch.ok());
  EXPECT_NE(batch.error().message.find("low.size_squares"), std::string::npos);
}

TEST(FlowCheckTest, WhatWasCountedOnSeveralCpusPasses) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 500; ++round) {
    mlg_flow_counters counted[3] = {};
    mlg_flow_key key;
    std::uint64_t at_ns = flow::kStartNs;
    for (int i = 0; i < 12; ++i) {
      const flow::Ends ends;
      const mlg_packet packet = flow::tcp(random() % 2 == 0 ? ends : ends.back(), MLG_TCP_ACK,
                                          static_cast<std::uint32_t>(random() % 1'000));
      at_ns += random() % flow::kMs;
      const mlg_flow_direction direction = mlg_flow_key_of(&packet, &key);
      mlg_flow_account(&counted[random() % 3], &packet, direction, at_ns);
    }
    mlg_flow_merge(&counted[0], &counted[1]);
    mlg_flow_merge(&counted[0], &counted[2]);
    FlowRecord record;
    record.key = key;
    record.counters = counted[0];
    record.initiator = mlg_flow_initiator(&counted[0]);
    record.opened = flow::is_opened(key, counted[0], record.initiator);
    ASSERT_TRUE(check_flow(record).ok()) << check_flow(record).error().message;
  }
}

}  // namespace
}  // namespace mlguard::pipeline
