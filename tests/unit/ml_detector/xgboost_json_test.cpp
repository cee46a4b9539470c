#include "ml_detector/xgboost_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "tests/unit/ml_detector/trained_models.h"

namespace mlguard::ml_detector {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::size_t kFeatures = 6;

const std::string& saved(std::size_t classes) {
  static const std::string two = trained_model(2, kFeatures, 4, 3).xgboost;
  static const std::string three = trained_model(3, kFeatures, 4, 3).xgboost;
  return classes == 2 ? two : three;
}

TEST(XgboostJsonTest, BothObjectivesAreRead) {
  const auto binary = parse_xgboost(saved(2));
  ASSERT_TRUE(binary.ok()) << binary.error().message;
  EXPECT_EQ(binary->objective, Objective::logistic);
  EXPECT_EQ(binary->classes, 2U);
  EXPECT_EQ(binary->forest.outputs, 1U);
  EXPECT_EQ(binary->forest.features, kFeatures);
  EXPECT_EQ(binary->forest.trees.size(), 4U);
  EXPECT_EQ(binary->forest.base_margin, 0.0F) << "the logit of 0.5";
  const auto three = parse_xgboost(saved(3));
  ASSERT_TRUE(three.ok()) << three.error().message;
  EXPECT_EQ(three->objective, Objective::softmax);
  EXPECT_EQ(three->classes, 3U);
  EXPECT_EQ(three->forest.base_margin, 0.5F);
  EXPECT_THAT(three->forest.output_of_tree,
              testing::ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2));
}

TEST(XgboostJsonTest, TheBaseScoreOfTwoClassesIsAProbability) {
  json document = json::parse(saved(2));
  document["learner"]["learner_model_param"]["base_score"] = "2E-1";
  const auto parsed = parse_xgboost(document.dump());
  ASSERT_TRUE(parsed.ok());
  EXPECT_NEAR(static_cast<double>(parsed->forest.base_margin), std::log(0.2 / 0.8), 1e-6);
  // XGBoost reads the same file to the same outputs.
  const auto theirs = Booster::load(document.dump());
  ASSERT_TRUE(theirs.ok());
  const LabelledRows rows = made_up_rows(100, kFeatures, 2, 5);
  const auto expected = theirs->predict(rows);
  const auto forest = Forest::build(parsed->forest);
  for (std::size_t i = 0; i < rows.count(); ++i) {
    float margin = 0;
    forest->margins(rows.values.data() + i * kFeatures, &margin);
    ASSERT_NEAR(1 / (1 + std::exp(-margin)), (*expected)[i], 1e-6F);
  }
}

using Change = std::function<void(json&)>;
std::string refusal(const Change& change) {
  json document = json::parse(saved(3));
  change(document["learner"]);
  const auto parsed = parse_xgboost(document.dump());
  if (parsed.ok()) return "accepted";
  return parsed.error().reason + ": " + parsed.error().message;
}
json& tree_of(json& learner) { return learner["gradient_booster"]["model"]["trees"][0]; }

TEST(XgboostJsonTest, WhatIsNotServedIsRefusedByName) {
  EXPECT_EQ(refusal([](json&) {}), "accepted");
  EXPECT_THAT(refusal([](json& l) { l["objective"]["name"] = "reg:squarederror"; }),
              HasSubstr("objective: XGBoost's part of the model: the objective reg:squarederror"));
  EXPECT_THAT(refusal([](json& l) { l["gradient_booster"]["name"] = "dart"; }),
              HasSubstr("booster: "));
  EXPECT_THAT(refusal([](json& l) { tree_of(l)["split_type"][0] = 1; }), HasSubstr("categories: "));
}

TEST(XgboostJsonTest, PartsThatAreMissingOrDisagreeAreRefusedByName) {
  const std::vector<std::pair<Change, std::string>> changes = {
      {[](json& l) { l.erase("learner_model_param"); }, "learner_model_param"},
      {[](json& l) { l["learner_model_param"]["num_class"] = "-3"; }, "num_class is \"-3\""},
      {[](json& l) { l["learner_model_param"]["num_class"] = "1"; }, "num_class is 1"},
      {[](json& l) { l["learner_model_param"]["base_score"] = "much"; }, "base_score is \"much\""},
      {[](json& l) { l["learner_model_param"]["num_feature"] = 6; }, "type must be string"},
      {[](json& l) { tree_of(l).erase("default_left"); }, "default_left"},
      {[](json& l) { tree_of(l)["default_left"].erase(0); }, "default_left has not"},
      {[](json& l) { tree_of(l)["left_children"] = json::array(); }, "a tree of 0 nodes"},
      {[](json& l) { tree_of(l)["left_children"] = json(kTreeNodesMax + 1, 0); }, "nodes"},
      {[](json& l) { tree_of(l)["left_children"][0] = 5'000'000'000; }, "holds 5000000000"},
      {[](json& l) { tree_of(l)["left_children"][0] = -2; }, "left_children holds -2"},
      {[](json& l) { tree_of(l)["split_indices"][0] = 1e90; },
       "split_indices holds what is no whole"},
      {[](json& l) { tree_of(l)["left_children"][0] = 1.5; },
       "left_children holds what is no whole"},
      {[](json& l) { tree_of(l)["default_left"][0] = "1"; }, "default_left holds what is no whole"},
      {[](json& l) { tree_of(l)["split_indices"][0] = -1; }, "split_indices holds -1"},
      {[](json& l) { tree_of(l)["split_conditions"][0] = nullptr; }, "type must be number"},
      {[](json& l) { tree_of(l)["sum_hessian"] = "all"; }, "sum_hessian has not"},
      {[](json& l) { l["gradient_booster"]["model"]["tree_info"][0] = -1; }, "tree_info"},
      {[](json& l) { l["gradient_booster"]["model"]["tree_info"].erase(0); }, "tree_info"},
      {[](json& l) { l["gradient_booster"]["model"]["trees"] = "none"; }, "trees"},
  };
  for (const auto& [change, words] : changes) {
    EXPECT_THAT(refusal(change), HasSubstr("bad_trees: ")) << words;
    EXPECT_THAT(refusal(change), HasSubstr(words));
  }
  EXPECT_EQ(parse_xgboost("{").error().reason, "invalid_json");
  EXPECT_EQ(parse_xgboost("[]").error().reason, "bad_trees");
}

}  // namespace
}  // namespace mlguard::ml_detector
