#include "ml_detector/model_card.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/files.h"
#include "ml_detector/examples.h"
#include "ml_detector/inputs.h"

namespace mlguard::ml_detector {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string card_around(const std::string& measured) {
  return std::string("# Card\n") + kMeasuredBegin + measured + kMeasuredEnd + "\nwords\n";
}

TEST(ModelCardTest, OnlyWhatIsMeasuredIsReplaced) {
  const auto card = with_measured(card_around("\nold figures\n"), "new figures\n");
  ASSERT_TRUE(card.ok());
  EXPECT_EQ(*card, card_around("\nnew figures\n"));
  EXPECT_EQ(*with_measured(*card, "new figures\n"), *card) << "again changes nothing";
}

TEST(ModelCardTest, ACardWithoutTheMarksIsRefused) {
  EXPECT_EQ(with_measured("# Card\n", "x").error().code, base::ErrorCode::corrupt);
  EXPECT_FALSE(with_measured(std::string(kMeasuredEnd) + kMeasuredBegin, "x").ok());
}

TEST(ModelCardTest, ThePictureHasALineForEachClassThatIsThere) {
  Evaluation evaluation;
  evaluation.curves[0] = {{0.9F, 1, 0.5}, {0.1F, 0.8, 1}};
  evaluation.curves[2] = {{0.9F, 1, 1}};
  const std::string svg = precision_recall_svg(evaluation);
  EXPECT_THAT(svg, testing::StartsWith("<svg"));
  EXPECT_THAT(svg, HasSubstr("any attack (0.900)"));
  EXPECT_THAT(svg, HasSubstr("portscan (1.000)"));
  EXPECT_THAT(svg, Not(HasSubstr("ddos")));
  // From recall 0.5 and precision 1 to recall 1 and precision 0.8.
  EXPECT_THAT(svg, HasSubstr("M250.0 20.0L440.0 96.0"));
}

// The shipped model is read by this build, and docs/model-card.md speaks of it and no other.
TEST(ModelCardTest, TheCardIsThatOfTheShippedModel) {
  const std::string root = MLGUARD_SOURCE_DIR;
  const auto model = Model::load(root + "/data/models/flows-v3.json");
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_TRUE(knows_traffic_classes(*model));
  const auto card = base::read_file(root + "/docs/model-card.md", 1U << 20U);
  ASSERT_TRUE(card.ok());
  EXPECT_THAT(*card, HasSubstr(model->info().sha256)) << "make evaluate writes it anew";
}

TEST(ModelCardTest, InputsAreListedByHowMuchWeightPassesThem) {
  const std::string root = MLGUARD_SOURCE_DIR;
  const auto model = Model::load(root + "/data/models/flows-v3.json");
  ASSERT_TRUE(model.ok());
  const std::string all = input_table_text(*model, kInputs);
  const std::string some = input_table_text(*model, 3);
  EXPECT_EQ(std::count(some.begin(), some.end(), '\n'), 2 + 3);
  EXPECT_EQ(all.compare(0, some.size(), some), 0) << "the first of all";
}

}  // namespace
}  // namespace mlguard::ml_detector
