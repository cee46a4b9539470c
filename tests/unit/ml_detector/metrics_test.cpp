#include "ml_detector/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mlguard::ml_detector {
namespace {

// By hand: benign 8 of 10 right, class 1 3 of 5 (one called class 2, one benign), class 2 1 of 1.
Confusion by_hand() {
  Confusion confusion(3);
  confusion.add(0, 0, 8);
  confusion.add(0, 1);
  confusion.add(0, 2);
  confusion.add(1, 1, 3);
  confusion.add(1, 2);
  confusion.add(1, 0);
  confusion.add(2, 2);
  return confusion;
}

TEST(MetricsTest, FiguresOfAClassAreThoseOfTheTextbook) {
  const Confusion confusion = by_hand();
  EXPECT_DOUBLE_EQ(confusion.total(), 16);
  EXPECT_DOUBLE_EQ(confusion.precision(1), 3.0 / 4);
  EXPECT_DOUBLE_EQ(confusion.recall(1), 3.0 / 5);
  EXPECT_DOUBLE_EQ(confusion.f1(1), 2 * 0.75 * 0.6 / (0.75 + 0.6));
  EXPECT_DOUBLE_EQ(confusion.precision(2), 1.0 / 3);
  EXPECT_DOUBLE_EQ(confusion.benign_false_positive_rate(), 0.2);
  EXPECT_DOUBLE_EQ(confusion.macro_f1(), (confusion.f1(0) + confusion.f1(1) + confusion.f1(2)) / 3);
}

TEST(MetricsTest, AttackOrNotForgivesTheWrongAttack) {
  const Confusion confusion = by_hand();
  EXPECT_DOUBLE_EQ(confusion.binary_precision(), 5.0 / 7);
  EXPECT_DOUBLE_EQ(confusion.binary_recall(), 5.0 / 6);
  EXPECT_DOUBLE_EQ(confusion.binary_f1(), 10.0 / 13);
}

TEST(MetricsTest, AClassThatIsNotThereDoesNotCountInTheMean) {
  Confusion confusion(3);
  confusion.add(0, 0, 4);
  confusion.add(1, 1, 2);
  EXPECT_DOUBLE_EQ(confusion.macro_f1(), 1);
  EXPECT_TRUE(std::isnan(confusion.f1(2)));
  EXPECT_TRUE(std::isnan(Confusion(2).macro_f1()));
}

TEST(MetricsTest, ACurveHasOnePointForEachScore) {
  const auto curve = precision_recall_curve(
      {{0.2F, false}, {0.9F, true}, {0.5F, true}, {0.5F, false}, {0.1F, true}});
  ASSERT_EQ(curve.size(), 4U);
  EXPECT_EQ(curve[0].threshold, 0.9F);
  EXPECT_DOUBLE_EQ(curve[0].precision, 1);
  EXPECT_DOUBLE_EQ(curve[0].recall, 1.0 / 3);
  EXPECT_EQ(curve[1].threshold, 0.5F);
  EXPECT_DOUBLE_EQ(curve[1].precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(curve[3].precision, 3.0 / 5);
  EXPECT_DOUBLE_EQ(curve[3].recall, 1);
  EXPECT_DOUBLE_EQ(average_precision(curve), (1 + 2.0 / 3 + 0 + 3.0 / 5) / 3);
}

TEST(MetricsTest, WeightsCountAsSoManyFlows) {
  const auto curve = precision_recall_curve({{0.9F, false, 3}, {0.9F, true, 1}, {0.1F, true, 3}});
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_DOUBLE_EQ(curve[0].precision, 0.25);
  EXPECT_DOUBLE_EQ(curve[0].recall, 0.25);
  EXPECT_TRUE(precision_recall_curve({{0.9F, false}}).empty()) << "nothing to find";
}

}  // namespace
}  // namespace mlguard::ml_detector
