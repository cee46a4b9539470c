#include "ml_detector/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "ml_detector/inputs.h"
#include "tests/unit/ml_detector/trained_models.h"

namespace mlguard::ml_detector {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::size_t kClasses = 3;
constexpr std::size_t kFeatures = 6;

const std::string& sound() {
  static const std::string text =
      model_file_text(trained_model(kClasses, kFeatures, 3, 3).xgboost, kClasses, kFeatures);
  return text;
}

std::string refusal_of(std::string_view text) {
  const auto model = Model::parse(text);
  return model.ok() ? "accepted" : model.error().reason + ": " + model.error().message;
}
std::string refusal(const std::function<void(json&)>& change) {
  json document = json::parse(sound());
  change(document);
  return refusal_of(document.dump());
}

TEST(ModelFileTest, WhatWasWrittenIsRead) {
  const auto model = Model::parse(sound());
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->info().name, "made-up");
  EXPECT_THAT(model->info().classes, testing::ElementsAre("benign", "attack_1", "attack_2"));
  EXPECT_EQ(model->info().thresholds[2], 0.25F);
  EXPECT_EQ(model->info().training, R"({"seed":1})");
  EXPECT_EQ(model->info().sha256.size(), 64U);
  EXPECT_THAT(model->input_places(), testing::ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(model_text(model->info(), json::parse(sound())["xgboost"].dump()).size(),
            sound().size());
}

TEST(ModelFileTest, InputsAreFoundByNameWhateverTheirOrder) {
  json document = json::parse(sound());
  std::swap(document["inputs"][0], document["inputs"][5]);
  const auto model = Model::parse(document.dump());
  ASSERT_TRUE(model.ok());
  EXPECT_THAT(model->input_places(), testing::ElementsAre(5, 1, 2, 3, 4, 0));
}

TEST(ModelFileTest, AModelForOtherInputsIsRefusedByName) {
  EXPECT_THAT(refusal([](json& d) { d["inputs"][2] = "src_mood"; }),
              HasSubstr("model_inputs: the model looks at src_mood"));
  EXPECT_THAT(refusal([](json& d) { d["inputs"].erase(0); }),
              HasSubstr("bad_model: inputs has 5 entries, the trees know 6"));
  EXPECT_THAT(refusal([](json& d) { d["inputs"].push_back(input_table()[20].name); }),
              HasSubstr("inputs has 7 entries, the trees know 6"));
  EXPECT_THAT(refusal([](json& d) { d["inputs"][0] = d["inputs"][1]; }), HasSubstr("a name twice"));
}

TEST(ModelFileTest, OtherFormatsAreRefusedByName) {
  EXPECT_THAT(refusal([](json& d) { d["format"] = "pickle"; }), HasSubstr("model_format: "));
  EXPECT_THAT(refusal([](json& d) { d["format_version"] = 2; }), HasSubstr("model_format: "));
}

TEST(ModelFileTest, EveryFieldIsMissedByName) {
  for (const char* field : {"format", "format_version", "name", "inputs", "classes", "thresholds",
                            "training", "metrics", "xgboost"}) {
    EXPECT_THAT(refusal([&](json& d) { d.erase(field); }), HasSubstr(field)) << field;
  }
}

TEST(ModelFileTest, AbsurdValuesAreRefusedByName) {
  const std::vector<std::pair<std::function<void(json&)>, std::string>> changes = {
      {[](json& d) { d["name"] = "../../etc/passwd"; }, "name is not a name"},
      {[](json& d) { d["name"] = std::string(kModelNameCharsMax + 1, 'a'); }, "name"},
      {[](json& d) { d["name"] = 7; }, "type must be string"},
      {[](json& d) { d["inputs"] = json::array(); }, "inputs has 0 entries"},
      {[](json& d) { d["inputs"] = json(kForestFeaturesMax + 1, "x"); }, "inputs has 129 entries"},
      {[](json& d) { d["classes"][0] = "evil"; }, "classes has to begin with benign"},
      {[](json& d) { d["classes"] = {"benign"}; }, "classes has to begin with benign"},
      {[](json& d) { d["classes"][2] = "a b"; }, "classes has a bad name"},
      {[](json& d) { d["classes"].erase(2); }, "classes has 2 entries, the trees know 3"},
      {[](json& d) { d["thresholds"].erase("attack_1"); }, "attack_1"},
      {[](json& d) { d["thresholds"]["attack_1"] = 0; }, "thresholds.attack_1 is not between"},
      {[](json& d) { d["thresholds"]["attack_1"] = 1.5; }, "thresholds.attack_1 is not between"},
      {[](json& d) { d["thresholds"]["attack_1"] = nullptr; }, "type must be number"},
      {[](json& d) { d["training"] = "me"; }, "training and metrics"},
      {[](json& d) {
         d["xgboost"]["learner"]["gradient_booster"]["model"]["trees"][1]["split_conditions"][0] =
             1e300;
       },
       "tree 1: node 0 has no finite value"},
      {[](json& d) {
         d["xgboost"]["learner"]["gradient_booster"]["model"]["trees"][1]["left_children"][0] = 900;
       },
       "tree 1: node 0 has the child 900"},
  };
  for (const auto& [change, words] : changes) EXPECT_THAT(refusal(change), HasSubstr(words));
  EXPECT_EQ(refusal([](json&) {}), "accepted");
}

TEST(ModelFileTest, ATruncatedModelIsRefusedWhereverItIsCut) {
  const std::string& text = sound();
  ASSERT_EQ(text.back(), '\n');
  for (std::size_t size = 0; size + 1 < text.size(); size += 97) {
    ASSERT_THAT(refusal_of(std::string_view(text).substr(0, size)), HasSubstr("invalid_json"))
        << size;
  }
  EXPECT_EQ(refusal_of(std::string_view(text).substr(0, text.size() - 1)), "accepted");
}

TEST(ModelFileTest, NaNIsNoNumberOfAModel) {
  std::string text = sound();
  const std::string key = "\"split_conditions\":[";
  const std::size_t from = text.find(key) + key.size();
  text.replace(from, text.find(',', from) - from, "NaN");
  EXPECT_THAT(refusal_of(text), HasSubstr("invalid_json"));
}

TEST(ModelFileTest, LoadNamesTheFile) {
  EXPECT_EQ(Model::load("/nonexistent/model.json").error().code, base::ErrorCode::not_found);
  const std::string path = testing::TempDir() + "ml_detector_model_file_test.json";
  ASSERT_TRUE(base::write_file_atomic(path, sound(), 0644).ok());
  EXPECT_TRUE(Model::load(path).ok());
  ASSERT_TRUE(base::write_file_atomic(path, sound().substr(0, 1'000), 0644).ok());
  const auto cut = Model::load(path);
  ASSERT_FALSE(cut.ok());
  EXPECT_THAT(cut.error().message, HasSubstr(path));
  std::remove(path.c_str());
}

TEST(ModelFileTest, AFlowCountsAsTheAttackThatIsFurthestOverItsThreshold) {
  json document = json::parse(sound());
  document["thresholds"]["attack_1"] = 0.5;
  document["thresholds"]["attack_2"] = 0.2;
  const auto model = Model::parse(document.dump());
  ASSERT_TRUE(model.ok());
  const auto judge = [&](std::array<float, kClasses> p) { return model->judge(p.data()); };
  EXPECT_EQ(judge({0.9F, 0.05F, 0.05F}).class_index, 0U);
  EXPECT_EQ(judge({0.9F, 0.05F, 0.05F}).nearest_attack, 2U);
  EXPECT_NEAR(judge({0.9F, 0.05F, 0.05F}).score, 0.125F, 1e-6F);
  EXPECT_EQ(judge({0.3F, 0.45F, 0.25F}).class_index, 2U) << "over its own threshold";
  EXPECT_EQ(judge({0, 0.8F, 0.2F}).class_index, 1U);
  EXPECT_NEAR(judge({0, 0.75F, 0.1F}).score, 0.75F, 1e-6F);
  EXPECT_EQ(judge({0.5F, 0.5F, 0}).class_index, 1U) << "the threshold itself counts";
  EXPECT_NEAR(judge({0, 1, 0}).score, 1, 1e-6F);
}

}  // namespace
}  // namespace mlguard::ml_detector
