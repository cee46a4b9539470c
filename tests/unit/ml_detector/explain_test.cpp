#include "ml_detector/explain.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "tests/unit/ml_detector/trained_models.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::size_t kFeatures = 12;
constexpr std::size_t kRows = 2'000;

TEST(ExplainTest, ContributionsAndBaseAreTheMarginAndThoseOfXgboost) {
  for (const std::size_t classes : {std::size_t{2}, std::size_t{4}}) {
    const TrainedModel trained = trained_model(classes, kFeatures, 15, 5);
    const auto parsed = parse_xgboost(trained.xgboost);
    ASSERT_TRUE(parsed.ok());
    const auto forest = Forest::build(parsed->forest);
    const Explainer explainer(parsed->forest);
    const LabelledRows rows = made_up_rows(kRows, kFeatures, classes, 3);
    const auto theirs = trained.booster.contributions(rows);
    ASSERT_TRUE(theirs.ok());
    const std::size_t outputs = forest->outputs();
    ASSERT_EQ(theirs->size(), kRows * outputs * (kFeatures + 1));
    std::vector<float> margins(outputs);
    for (std::size_t i = 0; i < kRows; ++i) {
      const float* row = rows.values.data() + i * kFeatures;
      forest->margins(row, margins.data());
      for (std::size_t output = 0; output < outputs; ++output) {
        const float* their = theirs->data() + (i * outputs + output) * (kFeatures + 1);
        const std::vector<double> ours = explainer.contributions(row, output);
        double sum = explainer.base(output);
        for (std::size_t f = 0; f < kFeatures; ++f) {
          ASSERT_NEAR(ours[f], static_cast<double>(their[f]), 1e-4)
              << "row " << i << " input " << f;
          sum += ours[f];
        }
        ASSERT_NEAR(explainer.base(output), static_cast<double>(their[kFeatures]), 1e-4);
        ASSERT_NEAR(sum, static_cast<double>(margins[output]), 1e-4) << "row " << i;
      }
    }
  }
}

// Of 4 rows 1 goes left to 10; of the others 2 to 20 and 1 to 30.
TrainedForest by_hand() {
  TrainedForest forest;
  forest.features = 2;
  forest.base_margin = 0.5F;
  forest.trees = {{{1, 2, 0, 1, true, 4},
                   {-1, -1, 0, 10, false, 1},
                   {3, 4, 1, 2, false, 3},
                   {-1, -1, 0, 20, false, 2},
                   {-1, -1, 0, 32, false, 1}}};
  forest.output_of_tree = {0};
  return forest;
}

TEST(ExplainTest, EachStepIsPutDownToTheInputThatTheNodeAsksFor) {
  const Explainer explainer(by_hand());
  EXPECT_DOUBLE_EQ(explainer.base(0), 20.5 + 0.5);  // (10 + 3 * 24) / 4 and the base margin
  const std::array<float, 2> row = {3, 5};
  const std::vector<double> added = explainer.contributions(row.data(), 0);
  EXPECT_DOUBLE_EQ(added[0], 24 - 20.5);
  EXPECT_DOUBLE_EQ(added[1], 32 - 24);
}

TEST(ExplainTest, TheTopInputsAreThoseThatSpeakForIt) {
  const Explainer explainer(by_hand());
  const std::array<float, 2> row = {3, 5};
  const std::vector<Contribution> top = explainer.top(row.data(), 0, 5);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].input, 1U);
  EXPECT_EQ(top[0].value, 5.0F);
  EXPECT_DOUBLE_EQ(top[0].added, 8);
  EXPECT_EQ(top[1].input, 0U);
  EXPECT_EQ(explainer.top(row.data(), 0, 1).size(), 1U);
  // A missing value went left, which speaks against.
  const std::array<float, 2> missing = {std::numeric_limits<float>::quiet_NaN(), 5};
  EXPECT_TRUE(explainer.top(missing.data(), 0, 5).empty());
}

TEST(ExplainTest, BranchesThatNoRowReachedCountAlike) {
  TrainedForest trained = by_hand();
  for (TreeNode& node : trained.trees[0]) node.cover = 0;
  const Explainer explainer(trained);
  EXPECT_DOUBLE_EQ(explainer.base(0), 0.5 + 10.0 / 2 + 52.0 / 4);
}

}  // namespace
}  // namespace mlguard::ml_detector
