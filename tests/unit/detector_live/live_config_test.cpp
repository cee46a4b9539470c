#include "ml_detector/live_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ml_detector/config_schema.h"
#include "support/temp_dir.h"

namespace mlguard::ml_detector {
namespace {

TEST(DetectorConfigTest, TheShippedDocumentSaysWhatTheCodeHasAsDefaults) {
  const std::string path = std::string(MLGUARD_SOURCE_DIR) + "/data/configs/ml-detector.json";
  const auto shipped = parse_detector_config(support::read_text(path));
  const auto empty = parse_detector_config("{}");
  ASSERT_TRUE(shipped.ok()) << shipped.error().message;
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(shipped->endpoint, empty->endpoint);
  EXPECT_EQ(shipped->model_name, empty->model_name);
  EXPECT_EQ(shipped->fast_rules, empty->fast_rules);
  EXPECT_EQ(shipped->policy.detect, empty->policy.detect);
  EXPECT_EQ(shipped->policy.block, empty->policy.block);
  EXPECT_EQ(shipped->policy.block_c2_servers, empty->policy.block_c2_servers);
  EXPECT_EQ(shipped->policy.ttl_s, empty->policy.ttl_s);
  EXPECT_EQ(shipped->policy.ttl_max_s, empty->policy.ttl_max_s);
  EXPECT_EQ(shipped->policy.forgeable_ttl_s, empty->policy.forgeable_ttl_s);
  EXPECT_EQ(shipped->policy.model_flows_min, empty->policy.model_flows_min);
  EXPECT_EQ(shipped->policy.per_minute_max, empty->policy.per_minute_max);
  EXPECT_EQ(shipped->policy.per_prefix_max, empty->policy.per_prefix_max);
  EXPECT_EQ(shipped->policy.report_interval_s, empty->policy.report_interval_s);
  EXPECT_EQ(shipped->policy.reports_per_minute_max, empty->policy.reports_per_minute_max);
}

// Each key of the schema stands in the shipped document, so that people find it.
TEST(DetectorConfigTest, TheShippedDocumentHasEveryKey) {
  const std::string path = std::string(MLGUARD_SOURCE_DIR) + "/data/configs/ml-detector.json";
  const auto json = nlohmann::json::parse(support::read_text(path));
  for (const agent::ConfigKey& key : config_schema()) {
    std::string pointer = "/" + key.path;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    EXPECT_TRUE(json.contains(nlohmann::json::json_pointer(pointer))) << key.path;
  }
}

TEST(DetectorConfigTest, EveryValueIsTaken) {
  const auto config = parse_detector_config(R"({
    "ingest": {"endpoint": "tcp://127.0.0.1:7000"},
    "model": {"name": "n", "path": "/p", "sha256": ")" +
                                            std::string(64, 'a') + R"("},
    "thresholds": {"detect": 0.1, "block": 0.2},
    "fast_rules": {"enabled": false, "scan_ports": 3, "sweep_hosts": 4, "scan_half_open": 0.5,
      "flood_flows": 60, "flood_half_open": 0.7, "brute_force_attempts": 8,
      "brute_force_bytes": 9, "brute_force_ports": ["10", "65535"],
      "smb_hosts": 19, "smb_flows": 20, "beacon_contacts": 21, "beacon_period_min_s": 22.5,
      "beacon_period_max_s": 23.5, "beacon_jitter": 0.25, "beacon_bytes": 26,
      "beacon_ports_ignored": ["27"]},
    "rules": {"enabled": false, "block_c2_servers": true, "ttl_s": 11, "ttl_max_s": 12,
      "forgeable_ttl_s": 13, "model_flows_min": 18, "per_minute_max": 14, "per_prefix_max": 15},
    "reports": {"interval_s": 16, "per_minute_max": 17},
    "allowlist": ["10.0.0.0/8"], "home": ["192.0.2.0/24", "2001:db8::1"]})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->endpoint, "tcp://127.0.0.1:7000");
  EXPECT_EQ(config->model_name + config->model_path, "n/p");
  EXPECT_EQ(config->model_sha256, std::string(64, 'a'));
  FastRuleLimits limits;
  limits.enabled = false;
  limits.scan_ports = 3;
  limits.sweep_hosts = 4;
  limits.scan_half_open = 0.5;
  limits.flood_flows = 60;
  limits.flood_half_open = 0.7;
  limits.brute_force_attempts = 8;
  limits.brute_force_bytes = 9;
  limits.brute_force_ports = {10, 65535};
  limits.smb_hosts = 19;
  limits.smb_flows = 20;
  limits.beacon = {21, 22.5, 23.5, 0.25, 26};
  limits.beacon_ports_ignored = {27};
  EXPECT_EQ(config->fast_rules, limits);
  const PolicySettings& policy = config->policy;
  EXPECT_EQ(policy.detect, 0.1);
  EXPECT_EQ(policy.block, 0.2);
  EXPECT_FALSE(policy.rules_enabled);
  EXPECT_TRUE(policy.block_c2_servers);
  EXPECT_EQ(policy.ttl_s, 11U);
  EXPECT_EQ(policy.ttl_max_s, 12U);
  EXPECT_EQ(policy.forgeable_ttl_s, 13U);
  EXPECT_EQ(policy.model_flows_min, 18U);
  EXPECT_EQ(policy.per_minute_max, 14U);
  EXPECT_EQ(policy.per_prefix_max, 15U);
  EXPECT_EQ(policy.report_interval_s, 16U);
  EXPECT_EQ(policy.reports_per_minute_max, 17U);
  EXPECT_EQ(policy.allowlist.size(), 1U);
  EXPECT_EQ(policy.home.size(), 2U);
}

TEST(DetectorConfigTest, WhatIsNoPortOrHashIsRefusedByItsName) {
  const auto port = parse_detector_config(R"({"fast_rules":{"brute_force_ports":["ssh"]}})");
  ASSERT_FALSE(port.ok());
  EXPECT_NE(port.error().message.find("brute_force_ports"), std::string::npos);
  const auto ignored = parse_detector_config(R"({"fast_rules":{"beacon_ports_ignored":["0"]}})");
  ASSERT_FALSE(ignored.ok());
  EXPECT_NE(ignored.error().message.find("beacon_ports_ignored"), std::string::npos);
  const auto period = parse_detector_config(R"({"fast_rules":{"beacon_period_max_s":1}})");
  ASSERT_FALSE(period.ok());
  EXPECT_NE(period.error().message.find("beacon_period_min_s"), std::string::npos);
  const auto hash = parse_detector_config(R"({"model":{"sha256":"abc"}})");
  ASSERT_FALSE(hash.ok());
  EXPECT_NE(hash.error().message.find("model.sha256"), std::string::npos);
}

}  // namespace
}  // namespace mlguard::ml_detector
