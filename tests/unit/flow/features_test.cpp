#include "flow/features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "flow/flow_text.h"
#include "packets.h"

namespace mlguard::flow {
namespace {

double value(const FlowRecord& record, const std::string& name) {
  for (const Feature& feature : feature_table()) {
    if (feature.name == name) return feature.value(record);
  }
  ADD_FAILURE() << "no feature " << name;
  return 0;
}

TEST(FeaturesTest, TheDocumentIsTheTable) {
  std::ifstream file(std::string(MLGUARD_SOURCE_DIR) + "/docs/features.md");
  ASSERT_TRUE(file.is_open());
  std::vector<std::string> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("| `", 0) == 0) rows.push_back(line);
  }
  ASSERT_EQ(rows.size(), kFeatures);
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const Feature& feature = feature_table()[i];
    EXPECT_EQ(rows[i], std::string("| `") + feature.name + "` | " + feature.unit + " | " +
                           feature.definition + " |");
  }
}

TEST(FeaturesTest, NamesAreDifferentAndNoneIsAPort) {
  std::set<std::string> names;
  for (const Feature& feature : feature_table()) {
    EXPECT_TRUE(names.insert(feature.name).second) << feature.name;
    EXPECT_NE(std::string(feature.name), "source_port");
    EXPECT_NE(std::string(feature.name), "destination_port");
  }
}

TEST(FeaturesTest, OneHandMadeFlowGivesTheNumbersOfItsDefinitions) {
  Recorder recorder;
  const Ends ends;
  recorder.add(tcp(ends, MLG_TCP_SYN), 0);
  recorder.add(tcp(ends.back(), MLG_TCP_SYN | MLG_TCP_ACK), 100 * kMs);
  recorder.add(tcp(ends, MLG_TCP_ACK), 200 * kMs);
  recorder.add(tcp(ends, MLG_TCP_ACK | MLG_TCP_PSH, 160), 500 * kMs);
  recorder.tracker.finish();
  ASSERT_EQ(recorder.records.size(), 1u);
  const FlowRecord& record = recorder.records[0];
  EXPECT_EQ(value(record, "is_tcp"), 1);
  EXPECT_DOUBLE_EQ(value(record, "duration"), 0.5);
  EXPECT_EQ(value(record, "opened"), 1);
  EXPECT_DOUBLE_EQ(value(record, "packet_rate"), 8);
  EXPECT_EQ(value(record, "fwd_bytes"), 280);
  EXPECT_DOUBLE_EQ(value(record, "rev_byte_share"), 40.0 / 320);
  EXPECT_DOUBLE_EQ(value(record, "fwd_size_mean"), 280.0 / 3);
  EXPECT_NEAR(value(record, "fwd_size_std"), std::sqrt(2.0) * 160 / 3, 1e-9);
  EXPECT_DOUBLE_EQ(value(record, "fwd_gap_mean"), 0.25);
  EXPECT_NEAR(value(record, "fwd_gap_std"), 0.05, 1e-12);
  EXPECT_TRUE(std::isnan(value(record, "rev_gap_mean")));
  EXPECT_DOUBLE_EQ(value(record, "fwd_syn_share"), 1.0 / 3);
  EXPECT_EQ(value(record, "fwd_window"), 1'024);
  EXPECT_EQ(value(record, "fwd_data_packets"), 1);
}

// One part of a flow whose forward packets stand at these times.
FlowRecord record_of_times(const std::vector<std::uint64_t>& after_ns) {
  FlowRecord record;
  const mlg_packet packet = udp({1, 2, 1'000, 53});
  const mlg_flow_direction direction = mlg_flow_key_of(&packet, &record.key);
  for (const std::uint64_t at : after_ns) {
    mlg_flow_account(&record.counters, &packet, direction, kStartNs + at);
  }
  record.initiator = direction;
  return record;
}

TEST(FeaturesTest, GapsOfHoursAndYearsKeepTheirMean) {
  constexpr std::uint64_t kHourNs = 3'600 * kNsPerSecond;
  const FlowRecord hours = record_of_times({0, 2 * kHourNs, 3 * kHourNs});
  EXPECT_DOUBLE_EQ(value(hours, "fwd_gap_mean"), 1.5 * 3'600);
  EXPECT_TRUE(std::isnan(value(hours, "fwd_gap_std"))) << "squares of 71 minutes overflow";
  const FlowRecord minutes = record_of_times({0, kHourNs, kHourNs + 60 * kNsPerSecond});
  EXPECT_DOUBLE_EQ(value(minutes, "fwd_gap_mean"), 30.5 * 60);
  EXPECT_DOUBLE_EQ(value(minutes, "fwd_gap_std"), 29.5 * 60);
  const FlowRecord years = record_of_times({0, 300'000 * kHourNs, 300'001 * kHourNs});
  EXPECT_DOUBLE_EQ(value(years, "fwd_gap_mean"), 150'000.5 * 3'600);
}

TEST(FeaturesTest, AnAlmostSteadyBeatKeepsItsDeviation) {
  std::vector<std::uint64_t> times = {0};
  for (int i = 0; i < 9'999; ++i) {
    times.push_back(times.back() + 40 * kNsPerSecond + (i % 2 == 0 ? 3'000 : 0));
  }
  const double deviation = value(record_of_times(times), "fwd_gap_std");
  EXPECT_NEAR(deviation, 3e-6 * std::sqrt(5'000.0 * 4'999) / 9'999, 1e-14) << "1.5 µs of 40 s";
}

TEST(FeaturesTest, WhatIsNotDefinedIsNan) {
  Recorder recorder;
  recorder.add(udp({1, 2, 1'000, 53}), 0);
  recorder.tracker.finish();
  const FlowRecord& record = recorder.records.at(0);
  for (const char* name : {"packet_rate", "byte_rate", "rev_size_mean", "rev_size_std",
                           "rev_size_max", "fwd_gap_mean", "fwd_gap_std", "fwd_syn_share", "fins",
                           "fwd_window", "rev_window", "src_half_open", "src_flows_vs_normal"}) {
    EXPECT_TRUE(std::isnan(value(record, name))) << name;
  }
  EXPECT_EQ(value(record, "fwd_size_std"), 0);
  EXPECT_EQ(value(record, "duration"), 0);
}

TEST(FlowTextTest, CsvHasOneCellAColumnAndJsonOneMember) {
  Recorder recorder;
  recorder.add(udp({1, 2, 1'000, 53}), 0);
  recorder.tracker.finish();
  std::string line;
  append_flow(recorder.records.at(0), FlowFormat::csv, line);
  const auto commas = [](const std::string& text) {
    return std::count(text.begin(), text.end(), ',');
  };
  EXPECT_EQ(commas(line), commas(flow_header(FlowFormat::csv)));
  EXPECT_EQ(line.find("10.0.0.1,10.0.0.2,1000,53,17,"), 0u);
  std::string json;
  append_flow(recorder.records.at(0), FlowFormat::jsonl, json);
  EXPECT_EQ(
      json.find("{\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\",\"source_port\":1000,"), 0u);
  EXPECT_NE(json.find("\"packet_rate\":null,"), std::string::npos);
  EXPECT_EQ(flow_header(FlowFormat::jsonl), "");
}

}  // namespace
}  // namespace mlguard::flow
