// Training on made-up flows: what it must find, what it must not look at, and that it repeats.
#include "ml_detector/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "ml_detector/evaluation.h"
#include "ml_detector/report.h"
#include "ml_detector/within_scenario.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::size_t kCapturesOfClass = 6;
constexpr std::size_t kFlowsOfCapture = 60;

// Each class has its own range of three inputs; the others are noise.
Examples made_up_examples(unsigned seed) {
  Examples examples;
  std::mt19937 random(seed);
  const auto noise = [&] { return static_cast<float>(random() % 1'000) / 1'000; };
  for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
    for (std::size_t n = 0; n < kCapturesOfClass; ++n) {
      ExampleCapture capture;
      capture.name = capture.group = std::to_string(c) + "/" + std::to_string(n);
      capture.main_class = kTrafficClasses[c];
      capture.repository = capture.name;
      capture.flows[c] = kFlowsOfCapture;
      examples.captures.push_back(capture);
      for (std::size_t i = 0; i < kFlowsOfCapture; ++i) {
        Example example;
        for (float& value : example.row) value = noise();
        for (std::size_t f = 0; f < 3; ++f) example.row[f] += static_cast<float>(c);
        example.class_index = static_cast<std::uint8_t>(c);
        example.capture = static_cast<std::uint32_t>(examples.captures.size() - 1);
        example.first_ns = i * kSecond;
        example.last_ns = example.first_ns + kSecond;
        examples.flows.push_back(example);
      }
    }
  }
  return examples;
}

TrainOptions quick() {
  TrainOptions options;
  options.rounds_max = 10;
  options.folds = 3;
  options.boost.max_depth = 3;
  options.boost.eta = 0.5;
  options.boost.subsample = 0.7;
  return options;
}
void say_nothing(const std::string&) {}

TEST(TrainerTest, WhatTellsClassesApartIsFound) {
  const auto trained = train(made_up_examples(1), quick(), "{}", say_nothing);
  ASSERT_TRUE(trained.ok()) << trained.error().message;
  EXPECT_GT(trained->weighted.macro_f1(), 0.97) << "on captures that were held back";
  const auto model = Model::parse(trained->model);
  ASSERT_TRUE(model.ok());
  const Examples others = made_up_examples(2);
  const Evaluation result = evaluate(others, probabilities_of(others, *model), *model);
  EXPECT_GT(result.of(Layers::model).confusion.macro_f1(), 0.97);
  EXPECT_EQ(result.of(Layers::model).confusion.total(), others.flows.size());
  EXPECT_GT(average_precision(result.curves[0]), 0.99);
}

TEST(TrainerTest, TheSameSeedGivesTheSameFile) {
  const Examples examples = made_up_examples(1);
  TrainOptions options = quick();
  const auto first = train(examples, options, "{}", say_nothing);
  const auto again = train(examples, options, "{}", say_nothing);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->model, again->model);
  options.seed = 2;
  EXPECT_NE(train(examples, options, "{}", say_nothing)->model, first->model);
}

TEST(TrainerTest, OnlyTheNamedInputsAreLookedAt) {
  TrainOptions options = quick();
  options.inputs = {"duration", "is_tcp"};
  const auto trained = train(made_up_examples(1), options, "{}", say_nothing);
  ASSERT_TRUE(trained.ok());
  EXPECT_EQ(Model::parse(trained->model)->info().inputs, options.inputs);
  options.inputs = {"destination_port"};
  EXPECT_EQ(train(made_up_examples(1), options, "{}", say_nothing).error().code,
            base::ErrorCode::invalid_argument);
}

TEST(TrainerTest, NeitherALongCaptureNorAFrequentClassDecidesAlone) {
  Examples examples;
  examples.captures.resize(3);
  const auto add = [&](std::uint32_t capture, std::uint8_t class_index, std::size_t count) {
    Example example;
    example.capture = capture;
    example.class_index = class_index;
    examples.flows.insert(examples.flows.end(), count, example);
  };
  add(0, 0, 100);
  add(1, 0, 300);
  add(2, 1, 30'000);
  const std::vector<float> weights = weights_of(examples, 0);
  std::array<double, 3> votes{};
  std::array<std::size_t, 3> rows{};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    votes[examples.flows[i].capture] += static_cast<double>(weights[i]);
    rows[examples.flows[i].capture] += weights[i] > 0 ? 1U : 0U;
  }
  EXPECT_NEAR(votes[0], 100, 1e-3);
  EXPECT_NEAR(votes[1], kFlowsPerCaptureMax, 1e-3);
  EXPECT_NEAR(votes[2], kFlowsPerCaptureMax, 1e-2);
  EXPECT_EQ(rows[1], 300U);
  EXPECT_EQ(rows[2], kRowsPerCaptureMax);
  const std::vector<float> balanced = weights_of(examples, 1);
  EXPECT_NEAR(static_cast<double>(balanced.back() / weights.back()), 300.0 / 200, 1e-3);
}

TEST(TrainerTest, FalseAlarmsMakeThresholdsHigher) {
  Examples examples;
  examples.captures.resize(1);
  std::vector<float> probabilities;
  // Attacks from 0.40 to 0.99, benign flows from 0.10 to 0.69: they overlap.
  for (int i = 0; i < 120; ++i) {
    Example example;
    example.class_index = i < 60 ? 0 : 1;
    examples.flows.push_back(example);
    std::array<float, kTrafficClassCount> p{};
    p[1] = static_cast<float>(i < 60 ? 10 + i : i - 20) / 100;
    p[0] = 1 - p[1];
    probabilities.insert(probabilities.end(), p.begin(), p.end());
  }
  const std::vector<float> weights(examples.flows.size(), 1);
  const float cheap = choose_thresholds(examples, probabilities, weights, 0.3)[1];
  const float dear = choose_thresholds(examples, probabilities, weights, 10)[1];
  EXPECT_LT(cheap, dear);
  EXPECT_FLOAT_EQ(dear, 0.7F) << "above the last benign flow";
}

TEST(EvaluationTest, FalseAlarmsAreCountedByFlowHostAndHour) {
  const auto trained = train(made_up_examples(1), quick(), "{}", say_nothing);
  const auto model = Model::parse(trained->model);
  // Ten benign flows that look like class 1, of two hosts, all within the same 30 seconds; early
  // records and variants of them do not count.
  Examples examples = made_up_examples(3);
  const Example attack = examples.flows[kCapturesOfClass * kFlowsOfCapture];
  ASSERT_EQ(attack.class_index, 1);
  examples.flows.clear();
  examples.captures[1].variant = Variant::faster;
  for (std::uint8_t i = 0; i < 10; ++i) {
    Example example = attack;
    example.class_index = 0;
    example.capture = 0;
    example.source[15] = i % 2;
    example.first_ns = 5 * kSecond;
    example.last_ns = 35 * kSecond;
    examples.flows.push_back(example);
    example.early = true;
    examples.flows.push_back(example);
    example.early = false;
    example.capture = 1;
    examples.flows.push_back(example);
  }
  const Evaluation result = evaluate(examples, probabilities_of(examples, *model), *model);
  const Verdicts& by_model = result.of(Layers::model);
  EXPECT_EQ(by_model.confusion.total(), 10);
  EXPECT_EQ(by_model.false_alarms[0].flows, 10U);
  EXPECT_EQ(by_model.false_alarms[0].sources, 2U);
  EXPECT_NEAR(result.benign_hours, 30.0 / 3'600, 1e-9);
  EXPECT_DOUBLE_EQ(by_model.confusion.benign_false_positive_rate(), 1);
  const auto json = nlohmann::json::parse(metrics_json(result));
  EXPECT_EQ(json["flows"], 10);
  EXPECT_EQ(json["benign_false_positive_rate"], 1);
  const std::string table = alarm_table(by_model.false_alarms, result.benign_hours);
  EXPECT_NE(table.find("| 0.5 | 10 | 1200.000 | 2 | 240.000 |"), std::string::npos) << table;
}

// As it is served: a rule's class stands, and everything else is the model's.
TEST(EvaluationTest, TheDetectorHasTheRulesClassWhereARuleAccuses) {
  const auto trained = train(made_up_examples(1), quick(), "{}", say_nothing);
  const auto model = Model::parse(trained->model);
  Examples examples = made_up_examples(3);
  Example& first = examples.flows.front();
  ASSERT_EQ(first.class_index, 0);
  first.rule_class = 2;
  first.rule_score = 0.8F;
  const Evaluation result = evaluate(examples, probabilities_of(examples, *model), *model);
  const Verdicts& by_model = result.of(Layers::model);
  const Verdicts& by_both = result.of(Layers::detector);
  EXPECT_EQ(by_both.confusion.count(0, 2), by_model.confusion.count(0, 2) + 1);
  EXPECT_EQ(by_both.false_alarms[1].flows, by_model.false_alarms[1].flows + 1);
  EXPECT_EQ(by_both.false_alarms[2].flows, by_model.false_alarms[2].flows);
  EXPECT_EQ(result.captures[first.capture].accused_by_rules, 1U);
  EXPECT_EQ(by_both.confusion.count(1, 1), by_model.confusion.count(1, 1));
}

TEST(WithinScenarioTest, OfEachCaptureTheFirstFlowsAreLearntAndVariantsAreLeftOut) {
  Examples examples = made_up_examples(1);
  for (std::size_t i = 0; i < examples.flows.size(); ++i) {
    examples.flows[i].first_ns = (examples.flows.size() - i) * kSecond;
  }
  examples.captures[1].variant = Variant::slower;
  const ByTime parts = cut_by_time(examples);
  std::vector<std::size_t> learnt(examples.captures.size());
  std::vector<std::uint64_t> last_learnt_ns(examples.captures.size());
  for (const Example& example : parts.earlier.flows) {
    ++learnt[example.capture];
    last_learnt_ns[example.capture] = std::max(last_learnt_ns[example.capture], example.first_ns);
  }
  for (const Example& example : parts.later.flows) {
    EXPECT_GT(example.first_ns, last_learnt_ns[example.capture]);
  }
  EXPECT_EQ(learnt[1], 0U);
  EXPECT_EQ(parts.earlier.flows.size() + parts.later.flows.size() + kFlowsOfCapture,
            examples.flows.size());
  EXPECT_EQ(learnt[0], static_cast<std::size_t>(std::ceil(kLearntShare * kFlowsOfCapture)));
}

TEST(WithinScenarioTest, WhatTheEarlierFlowsTeachIsFoundInTheLaterOnes) {
  const auto result = within_scenario(made_up_examples(1), quick(), say_nothing);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_GT(result->of(Layers::model).confusion.macro_f1(), 0.9);
}

}  // namespace
}  // namespace mlguard::ml_detector
