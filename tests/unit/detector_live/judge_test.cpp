#include "ml_detector/judge.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ml_detector/inputs.h"
#include "ml_detector/report_records.h"
#include "tests/unit/detector_live/records.h"
#include "tests/unit/ml_detector/trained_models.h"
#include "tests/unit/pipeline/samples.h"

namespace mlguard::ml_detector {
namespace {

using flow::FlowRecord;
using nlohmann::json;

constexpr Now kNow{1'000, 1'600'000'000'000};

std::shared_ptr<const LoadedModel> made_up_model() {
  static const std::string text = model_file_text(trained_model(3, 6, 5, 3).xgboost, 3, 6);
  auto model = Model::parse(text);
  EXPECT_TRUE(model.ok());
  return std::make_shared<const LoadedModel>(std::move(*model));
}

Judgement judgement_of(const Model& model, const FlowRecord& record) {
  const InputRow all = inputs_of(record);
  std::vector<float> row;
  for (const std::size_t place : model.input_places()) row.push_back(all[place]);
  std::vector<float> probabilities(model.classes());
  model.probabilities(row.data(), probabilities.data());
  return model.judge(probabilities.data());
}

FastRuleLimits no_rules() {
  FastRuleLimits limits;
  limits.enabled = false;
  return limits;
}

std::vector<FlowRecord> scan_records(std::size_t count) {
  flow::Recorder recorder;
  for (std::uint16_t port = 1; port <= count; ++port) {
    recorder.add(flow::tcp({1, 2, 50'000, port}, MLG_TCP_SYN), port * flow::kMs);
  }
  recorder.tracker.finish();
  return recorder.records;
}

TEST(JudgeTest, AScanBecomesADetectionAndThenARule) {
  Judge judge({}, {}, 1, kNow);
  const auto told = judge.look(scan_records(100), kNow);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_FALSE(told[0].report.block);
  ASSERT_TRUE(told[1].report.block);
  const base::Detection detection = detection_of(told[1], "ml-detector", "d1", kNow.wall_ms);
  EXPECT_EQ(detection.kind, "portscan");
  EXPECT_EQ(detection.source_ip, "10.0.0.1");
  EXPECT_EQ(detection.destination_ip, "10.0.0.2");
  const json detail = json::parse(detection.detail);
  EXPECT_EQ(detail["by"], "port_scan");
  EXPECT_EQ(detail["evidence"], "forgeable");
  EXPECT_EQ(detail["reasons"][0]["what"], "ports");
  EXPECT_GE(detail["reasons"][0]["value"], 60);
  EXPECT_FALSE(detail.contains("not_blocked"));
  const base::Rule rule = rule_of(told[1], "ml-detector");
  EXPECT_EQ(rule.id, detection.rule_id);
  EXPECT_EQ(rule.cidr, "10.0.0.1/32");
  EXPECT_NE(rule.reason.find("ports"), std::string::npos);
  EXPECT_EQ(rule.expires_at_ms, kNow.wall_ms + 600'000);
  EXPECT_EQ(json::parse(told[0].detail)["not_blocked"], "low_score");
}

std::vector<FlowRecord> beacon_records(std::size_t count) {
  std::vector<FlowRecord> records;
  for (std::size_t i = 0; i < count; ++i) {
    records.push_back(conversation({1, 2, 50'000, 443}, i * 60 * flow::kNsPerSecond));
  }
  return records;
}

// 10.0.0.0/8 is private: outside only where `home` says so.
PolicySettings home_of_one() {
  PolicySettings settings;
  settings.home = {*parse_network("10.0.0.1")};
  return settings;
}

TEST(JudgeTest, ABeaconIsReportedAndItsServerBlockedWhereThatIsWanted) {
  Judge judge({}, home_of_one(), 1, kNow);
  const auto reported = judge.look(beacon_records(100), kNow);
  ASSERT_EQ(reported.size(), 1U);
  EXPECT_EQ(json::parse(reported[0].detail)["not_blocked"], "low_score");
  PolicySettings settings = home_of_one();
  settings.block_c2_servers = true;
  Judge blocking({}, settings, 1, kNow);
  const auto told = blocking.look(beacon_records(100), kNow);
  ASSERT_EQ(told.size(), 2U);
  const base::Detection detection = detection_of(told[1], "ml-detector", "d1", kNow.wall_ms);
  EXPECT_EQ(detection.kind, "botnet_c2");
  EXPECT_EQ(detection.source_ip, "10.0.0.1");
  const base::Rule rule = rule_of(told[1], "ml-detector");
  EXPECT_EQ(rule.cidr, "10.0.0.2/32");
  EXPECT_EQ(rule.id, detection.rule_id);
  EXPECT_NE(rule.reason.find("period_s 60 (limit 3600), jitter 0 (limit 0.2), from 10.0.0.1"),
            std::string::npos)
      << rule.reason;
  EXPECT_EQ(json::parse(told[1].detail)["suspect"], "destination");
}

TEST(JudgeTest, NoBeaconIsTheHeartbeatOfAnAgentOrWhatIsAllowed) {
  PolicySettings settings = home_of_one();
  EXPECT_EQ(Judge({}, settings, 1, kNow).look(beacon_records(100), kNow).size(), 1U);
  settings.own = {*parse_network("10.0.0.2")};
  EXPECT_TRUE(Judge({}, settings, 1, kNow).look(beacon_records(100), kNow).empty());
  settings.own.clear();
  Judge judge({}, settings, 1, kNow);
  settings.allowlist = {*parse_network("10.0.0.0/30")};
  judge.set_settings(settings, kNow);
  EXPECT_TRUE(judge.look(beacon_records(100), kNow).empty());
  EXPECT_TRUE(Judge({}, {}, 1, kNow).look(beacon_records(100), kNow).empty()) << "inside";
}

TEST(JudgeTest, WhatGoesOnIsToldAfterTheInterval) {
  Judge judge({}, {}, 1, kNow);
  judge.look(scan_records(100), kNow);
  EXPECT_TRUE(judge.due(kNow).empty());
  const auto due = judge.due({kNow.monotonic_ms + 60'000, kNow.wall_ms + 60'000});
  ASSERT_EQ(due.size(), 1U);
  EXPECT_GT(json::parse(due[0].detail)["flows"], 30);
}

// Attack and everyday flows in turn, more than one chunk of them; and with the rules, which leave
// the model only some of each chunk.
TEST(JudgeTest, TheModelJudgesAsItDoesAlone) {
  auto shipped = Model::load(std::string(MLGUARD_SOURCE_DIR) + "/data/models/flows-v3.json");
  ASSERT_TRUE(shipped.ok()) << shipped.error().message;
  const auto model = std::make_shared<const LoadedModel>(std::move(*shipped));
  std::vector<FlowRecord> records;
  for (const FlowRecord& scan : scan_records(400)) {
    records.push_back(scan);
    records.push_back(conversation({7, 8, 50'000, 443}));
  }
  for (const bool with_rules : {false, true}) {
    FastRules rules(1);
    Judge judge(with_rules ? FastRuleLimits{} : no_rules(), {}, 1, kNow);
    judge.set_model(model);
    std::size_t accused = 0;
    std::size_t left = 0;
    for (const FlowRecord& record : records) {
      if (with_rules && rules.look(record)) continue;
      ++left;
      if (judgement_of(model->model, record).class_index != 0) ++accused;
    }
    ASSERT_GT(accused, 0U);
    ASSERT_LT(accused, left);
    judge.look(records, kNow);
    EXPECT_EQ(judge.counters().model_verdicts, accused);
    EXPECT_EQ(judge.counters().rule_verdicts, records.size() - left);
    EXPECT_EQ(judge.counters().flows, records.size());
  }
}

TEST(JudgeTest, AVerdictOfTheModelSaysWhichFeaturesSpokeForIt) {
  const auto model = made_up_model();
  PolicySettings settings;
  settings.detect = 0.5;
  Judge judge(no_rules(), settings, 1, kNow);
  judge.set_model(model);
  const auto told = judge.look(pipeline::sample_records(1'000), kNow);
  ASSERT_FALSE(told.empty());
  const json detail = json::parse(told[0].detail);
  EXPECT_EQ(detail["layer"], "model");
  EXPECT_EQ(detail["by"], "made-up");
  EXPECT_EQ(detail["model"], "made-up@" + model->model.info().sha256.substr(0, 12));
  ASSERT_GT(detail["features"].size(), 0U);
  EXPECT_GT(detail["features"][0]["added"], 0);
  EXPECT_GE(told[0].report.verdict.score, 0.5);
}

TEST(JudgeTest, WhatARuleSaysIsToldWithTheModelsScoreBesideIt) {
  Judge judge({}, {}, 1, kNow);
  judge.set_model(made_up_model());
  const std::vector<FlowRecord> records = scan_records(100);
  const auto told = judge.look(records, kNow);
  EXPECT_GT(judge.counters().rule_verdicts, 70U);
  std::size_t seen = 0;
  for (const ToldReport& each : told) {
    const json detail = json::parse(each.detail);
    if (detail["layer"] != "rules") continue;
    ++seen;
    EXPECT_EQ(detail["by"], "port_scan");
    EXPECT_NEAR(detail["model_score"], judgement_of(made_up_model()->model, records[50]).score,
                1e-3);
    EXPECT_TRUE(detail.contains("features"));
  }
  EXPECT_GE(seen, 2U);
}

TEST(JudgeTest, WithoutAModelOnlyTheRulesSpeakAndOneCanComeAtAnyTime) {
  Judge judge(no_rules(), {}, 1, kNow);
  EXPECT_TRUE(judge.look(pipeline::sample_records(1'000), kNow).empty());
  EXPECT_EQ(judge.counters().model_verdicts, 0U);
  judge.set_model(made_up_model());
  judge.look(pipeline::sample_records(1'000), kNow);
  EXPECT_GT(judge.counters().model_verdicts, 0U);
}

TEST(JudgeTest, RuleIdsDifferBySourceAndDetectorOnly) {
  const flow::Address one = parse_address("192.0.2.1").value();
  const flow::Address two = parse_address("192.0.2.2").value();
  EXPECT_EQ(rule_id_of("a", one), rule_id_of("a", one));
  EXPECT_NE(rule_id_of("a", one), rule_id_of("a", two));
  EXPECT_NE(rule_id_of("a", one), rule_id_of("b", one));
}

}  // namespace
}  // namespace mlguard::ml_detector
