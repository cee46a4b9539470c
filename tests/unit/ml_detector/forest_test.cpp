// The trees as they are served beside XGBoost's own prediction, and trees that are refused.
#include "ml_detector/forest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "tests/unit/ml_detector/trained_models.h"

namespace mlguard::ml_detector {
namespace {

using testing::HasSubstr;

constexpr std::size_t kRows = 100'000;
constexpr std::size_t kFeatures = 30;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Sizes {
  std::size_t classes;
  std::size_t rounds;
  std::size_t depth;
};

class SameAsXgboostTest : public testing::TestWithParam<Sizes> {};

TEST_P(SameAsXgboostTest, OnAHundredThousandRowsToAMillionth) {
  const auto [classes, rounds, depth] = GetParam();
  const TrainedModel trained = trained_model(classes, kFeatures, rounds, depth);
  const auto model = Model::parse(model_file_text(trained.xgboost, classes, kFeatures));
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->forest().depth(), depth);
  EXPECT_EQ(model->forest().trees(), rounds * (classes == 2 ? 1 : classes));
  const LabelledRows rows = made_up_rows(kRows, kFeatures, classes, 2);
  const auto theirs = trained.booster.predict(rows);
  ASSERT_TRUE(theirs.ok()) << theirs.error().message;
  std::vector<float> batch(kRows * classes);
  model->probabilities(rows.values.data(), kRows, batch.data());
  std::vector<float> single(classes);
  float worst = 0;
  float least = 1;
  float most = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    model->probabilities(rows.values.data() + i * kFeatures, single.data());
    for (std::size_t c = 0; c < classes; ++c) {
      ASSERT_EQ(single[c], batch[i * classes + c]) << "row " << i << " alone and in its batch";
    }
    for (std::size_t c = classes == 2 ? 1 : 0; c < classes; ++c) {
      const float their = classes == 2 ? (*theirs)[i] : (*theirs)[i * classes + c];
      worst = std::max(worst, std::abs(their - single[c]));
      least = std::min(least, their);
      most = std::max(most, their);
    }
  }
  EXPECT_LE(worst, 1e-6F);
  // The comparison means something: rows differ.
  EXPECT_GT(most - least, 1'000 * 1e-6F);
}

INSTANTIATE_TEST_SUITE_P(Sizes, SameAsXgboostTest,
                         testing::Values(Sizes{2, 100, 6}, Sizes{6, 20, 5}, Sizes{6, 7, 6},
                                         Sizes{2, 13, 10}, Sizes{3, 1, 1}),
                         [](const auto& of) {
                           return std::to_string(of.param.classes) + "Classes" +
                                  std::to_string(of.param.rounds) + "RoundsOfDepth" +
                                  std::to_string(of.param.depth);
                         });

// Batches are judged in another way than rows, in one that depends on the processor and on how many
// rows are left.
TEST(ForestTest, ABatchOfAnySizeIsJudgedAsItsRowsAre) {
  constexpr std::size_t kClasses = 3;
  const TrainedModel trained = trained_model(kClasses, kFeatures, 9, 6);
  const auto model = Model::parse(model_file_text(trained.xgboost, kClasses, kFeatures));
  ASSERT_TRUE(model.ok()) << model.error().message;
  const Forest& forest = model->forest();
  ASSERT_EQ(forest.depth(), 6U);
  LabelledRows rows = made_up_rows(150, kFeatures, kClasses, 3);
  std::vector<float>& values = rows.values;
  for (std::size_t i = 0; i < values.size(); i += 7) {
    constexpr std::array<float, 5> kOdd = {kNaN, kInfinity, -kInfinity, -0.0F, 0.0F};
    values[i] = kOdd[i % kOdd.size()];
  }
  for (std::size_t count = 1; count <= 150; ++count) {
    std::vector<float> batch(count * kClasses + 1, -1);
    forest.margins(values.data(), count, batch.data());
    EXPECT_EQ(batch.back(), -1) << "nothing is written behind the last row";
    for (std::size_t i = 0; i < count; ++i) {
      std::array<float, kClasses> alone{};
      forest.margins(values.data() + i * kFeatures, alone.data());
      for (std::size_t c = 0; c < kClasses; ++c) {
        ASSERT_EQ(alone[c], batch[i * kClasses + c]) << "row " << i << " of " << count;
      }
    }
  }
}

// Feature 0 below 1: 10, else feature 1 below 2: 20, else 30. Missing goes left, then right.
TrainedForest two_levels() {
  TrainedForest forest;
  forest.features = 2;
  forest.base_margin = 0.5F;
  forest.trees = {{{1, 2, 0, 1, true, 4},
                   {-1, -1, 0, 10, false, 1},
                   {3, 4, 1, 2, false, 3},
                   {-1, -1, 0, 20, false, 2},
                   {-1, -1, 0, 30, false, 1}}};
  forest.output_of_tree = {0};
  return forest;
}

float margin_of(const TrainedForest& trained, const std::array<float, 2>& row) {
  const auto forest = Forest::build(trained);
  float margin = 0;
  forest->margins(row.data(), &margin);
  return margin;
}

TEST(ForestTest, AWalkTakesTheSideOfTheThresholdAndTheTrainedOneOfNaN) {
  const TrainedForest trained = two_levels();
  EXPECT_EQ(margin_of(trained, {0, 0}), 10.5F);
  EXPECT_EQ(margin_of(trained, {std::nextafter(1.0F, 0.0F), 5}), 10.5F);
  EXPECT_EQ(margin_of(trained, {1, 0}), 20.5F) << "what equals the threshold goes right";
  EXPECT_EQ(margin_of(trained, {1, 2}), 30.5F);
  EXPECT_EQ(margin_of(trained, {kNaN, 2}), 10.5F);
  EXPECT_EQ(margin_of(trained, {1, kNaN}), 30.5F);
  EXPECT_EQ(margin_of(trained, {kInfinity, -kInfinity}), 20.5F);
  EXPECT_EQ(margin_of(trained, {-kInfinity, kInfinity}), 10.5F);
}

TEST(ForestTest, TreesOfOneNodeAddTheirValue) {
  TrainedForest trained = two_levels();
  trained.trees = {{{-1, -1, 0, 7, false, 1}}};
  EXPECT_EQ(margin_of(trained, {kNaN, 0}), 7.5F);
}

using Damage = void (*)(TrainedForest&);
std::string refusal(Damage damage) {
  TrainedForest trained = two_levels();
  damage(trained);
  const auto forest = Forest::build(trained);
  if (forest.ok()) return "accepted";
  return forest.error().reason + ": " + forest.error().message;
}

TEST(ForestTest, UnsoundTreesAreRefusedAndNamed) {
  const std::vector<std::pair<Damage, std::string>> damages = {
      {[](TrainedForest& t) { t.trees[0][1].value = kNaN; }, "tree 0: node 1 has no finite value"},
      {[](TrainedForest& t) { t.trees[0][2].value = kInfinity; }, "node 2 has no finite value"},
      {[](TrainedForest& t) { t.trees[0][3].cover = -1; }, "node 3 has no sound cover"},
      {[](TrainedForest& t) { t.trees[0][3].cover = kNaN; }, "node 3 has no sound cover"},
      {[](TrainedForest& t) { t.trees[0][2].feature = 2; }, "node 2 asks for feature 2"},
      {[](TrainedForest& t) { t.trees[0][2].left = 5; }, "node 2 has the child 5"},
      {[](TrainedForest& t) { t.trees[0][2].left = -7; }, "node 2 has the child -7"},
      {[](TrainedForest& t) { t.trees[0][2].right = -1; }, "node 2 has the child -1"},
      {[](TrainedForest& t) { t.trees[0][2].left = 0; }, "node 0 is reached twice"},
      {[](TrainedForest& t) { t.trees[0][2].left = 1; }, "node 1 is reached twice"},
      {[](TrainedForest& t) { t.trees[0].clear(); }, "no nodes"},
      {[](TrainedForest& t) { t.trees[0].resize(kTreeNodesMax + 1); }, "nodes"},
      {[](TrainedForest& t) { t.trees.clear(); }, "0 trees"},
      {[](TrainedForest& t) { t.trees.resize(kForestTreesMax + 1); }, "4097 trees"},
      {[](TrainedForest& t) { t.output_of_tree = {1}; }, "1 as an output"},
      {[](TrainedForest& t) {
         t.output_of_tree = {0, 0};
       },
       "2 outputs named for the trees"},
      {[](TrainedForest& t) { t.features = 0; }, "0 features"},
      {[](TrainedForest& t) { t.features = kForestFeaturesMax + 1; }, "129 features"},
      {[](TrainedForest& t) { t.outputs = kForestOutputsMax + 1; }, "17 outputs"},
      {[](TrainedForest& t) { t.base_margin = kNaN; }, "base margin"},
  };
  for (const auto& [damage, words] : damages) {
    EXPECT_THAT(refusal(damage), HasSubstr("bad_trees")) << words;
    EXPECT_THAT(refusal(damage), HasSubstr(words));
  }
  EXPECT_EQ(refusal([](TrainedForest&) {}), "accepted");
}

// A chain: every node's left child is a leaf.
Tree chain(std::size_t depth) {
  Tree tree;
  for (std::size_t i = 0; i < depth; ++i) {
    const auto at = static_cast<std::int32_t>(tree.size());
    tree.push_back({at + 1, at + 2, 0, static_cast<float>(i), false, 1});
    tree.push_back({-1, -1, 0, static_cast<float>(i), false, 1});
  }
  tree.push_back({-1, -1, 0, -1, false, 1});
  return tree;
}

TEST(ForestTest, TreesThatAreTooDeepOrTooManyForMemoryAreRefused) {
  TrainedForest trained = two_levels();
  trained.trees = {chain(kForestDepthMax)};
  EXPECT_EQ(margin_of(trained, {0.5F, 0}), 1.5F);
  EXPECT_EQ(margin_of(trained, {100, 0}), -0.5F);
  trained.trees = {chain(kForestDepthMax + 1)};
  EXPECT_THAT(Forest::build(trained).error().message, HasSubstr("deeper than 10"));
  trained.trees.assign(kForestTreesMax, chain(kForestDepthMax));
  trained.output_of_tree.assign(kForestTreesMax, 0);
  EXPECT_THAT(Forest::build(trained).error().message, HasSubstr("fit into memory"));
}

}  // namespace
}  // namespace mlguard::ml_detector
