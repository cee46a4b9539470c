#include "ml_detector/inputs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

namespace mlguard::ml_detector {
namespace {

flow::FlowRecord some_flow() {
  flow::FlowRecord record;
  record.key.protocol = MLG_PROTOCOL_TCP;
  record.counters.side[0].packets = 5;
  record.counters.side[0].bytes = 500;
  record.windows.source.flows = 20;
  record.windows.source.ports = 10;
  record.windows.source.hosts = 1;
  record.windows.source.half_open_ratio = 0.75;
  return record;
}
float input(const flow::FlowRecord& record, const char* name) {
  return inputs_of(record)[find_input(name).value()];
}

TEST(InputsTest, NamesAreUniqueAndFound) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kInputs; ++i) {
    EXPECT_TRUE(names.insert(input_table()[i].name).second) << input_table()[i].name;
    EXPECT_EQ(find_input(input_table()[i].name), i);
  }
  EXPECT_FALSE(find_input("destination_port").has_value());
}

TEST(InputsTest, TheFirstAreTheFeaturesOfTheFlow) {
  const flow::FlowRecord record = some_flow();
  const flow::FeatureVector features = flow::features_of(record);
  const InputRow row = inputs_of(record);
  for (std::size_t i = 0; i < flow::kFeatures; ++i) {
    EXPECT_STREQ(input_table()[i].name, flow::feature_table()[i].name);
    if (std::isnan(features[i])) {
      EXPECT_TRUE(std::isnan(row[i])) << input_table()[i].name;
    } else {
      EXPECT_EQ(row[i], static_cast<float>(features[i])) << input_table()[i].name;
    }
  }
}

TEST(InputsTest, RatiosSayWhatAHostIsBusyWith) {
  const flow::FlowRecord record = some_flow();
  EXPECT_FLOAT_EQ(input(record, "src_ports_per_flow"), 0.5F);
  EXPECT_FLOAT_EQ(input(record, "src_hosts_per_flow"), 0.05F);
  EXPECT_FLOAT_EQ(input(record, "src_half_open_flows"), 15);
  EXPECT_FLOAT_EQ(input(record, "src_opened_flows"), 5);
  EXPECT_TRUE(std::isnan(input(record, "dst_hosts_per_flow"))) << "nothing to divide by";
  EXPECT_FLOAT_EQ(input(record, "dst_half_open_flows"), 0);
}

TEST(InputsTest, ASteadyBeatDoesNotVary) {
  flow::FlowRecord record = some_flow();
  EXPECT_TRUE(std::isnan(input(record, "fwd_gap_variation"))) << "no gaps";
  mlg_flow_side& side = record.counters.side[0];
  side.gaps = 4;
  side.gap_sum_us = 4'000;
  side.gap_squares_us2 = 4'000'000;
  EXPECT_FLOAT_EQ(input(record, "fwd_gap_variation"), 0);
  side.gap_squares_us2 = 8'000'000;
  EXPECT_FLOAT_EQ(input(record, "fwd_gap_variation"), 1);
  side.gap_squares_us2 = std::numeric_limits<__u64>::max();
  EXPECT_TRUE(std::isnan(input(record, "fwd_gap_variation"))) << "saturated";
}

TEST(InputsTest, WhatAFloatCannotHoldIsMissing) {
  flow::FlowRecord record = some_flow();
  record.windows.source.packets_per_s = 1e300;
  EXPECT_TRUE(std::isnan(input(record, "src_packet_rate")));
  record.windows.source.packets_per_s = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(std::isnan(input(record, "src_packet_rate")));
  record.windows.source.packets_per_s = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(input(record, "src_packet_rate")));
}

}  // namespace
}  // namespace mlguard::ml_detector
