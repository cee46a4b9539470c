#include "ml_detector/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mlguard::ml_detector {
namespace {

double ratio(double part, double whole) {
  return whole > 0 ? part / whole : std::numeric_limits<double>::quiet_NaN();
}
double harmonic(double precision, double recall) {
  return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

}  // namespace

double Confusion::of_truth(std::size_t truth) const {
  double sum = 0;
  for (std::size_t i = 0; i < classes_; ++i) sum += count(truth, i);
  return sum;
}

double Confusion::of_verdict(std::size_t verdict) const {
  double sum = 0;
  for (std::size_t i = 0; i < classes_; ++i) sum += count(i, verdict);
  return sum;
}

double Confusion::total() const {
  double sum = 0;
  for (std::size_t i = 0; i < classes_; ++i) sum += of_truth(i);
  return sum;
}

double Confusion::precision(std::size_t class_index) const {
  return ratio(count(class_index, class_index), of_verdict(class_index));
}
double Confusion::recall(std::size_t class_index) const {
  return ratio(count(class_index, class_index), of_truth(class_index));
}
double Confusion::f1(std::size_t class_index) const {
  return ratio(2 * count(class_index, class_index),
               of_truth(class_index) + of_verdict(class_index));
}

double Confusion::macro_f1() const {
  double sum = 0;
  double there = 0;
  for (std::size_t i = 0; i < classes_; ++i) {
    if (!(of_truth(i) > 0)) continue;
    sum += f1(i);
    ++there;
  }
  return ratio(sum, there);
}

double Confusion::benign_false_positive_rate() const {
  return ratio(of_truth(0) - count(0, 0), of_truth(0));
}

double Confusion::binary_precision() const {
  const double said = total() - of_verdict(0);
  return ratio(said - (of_truth(0) - count(0, 0)), said);
}
double Confusion::binary_recall() const {
  const double attacks = total() - of_truth(0);
  return ratio(attacks - (of_verdict(0) - count(0, 0)), attacks);
}
double Confusion::binary_f1() const { return harmonic(binary_precision(), binary_recall()); }

double CurvePoint::f1() const { return harmonic(precision, recall); }

std::vector<CurvePoint> precision_recall_curve(std::vector<Scored> scored) {
  double positives = 0;
  for (const Scored& one : scored) {
    if (one.positive) positives += static_cast<double>(one.weight);
  }
  std::vector<CurvePoint> curve;
  if (!(positives > 0)) return curve;
  std::sort(scored.begin(), scored.end(),
            [](const Scored& a, const Scored& b) { return a.score > b.score; });
  double said = 0;
  double right = 0;
  for (std::size_t i = 0; i < scored.size(); ++i) {
    said += static_cast<double>(scored[i].weight);
    if (scored[i].positive) right += static_cast<double>(scored[i].weight);
    const bool last_of_score = i + 1 == scored.size() || scored[i + 1].score != scored[i].score;
    if (last_of_score && said > 0) {
      curve.push_back({scored[i].score, right / said, right / positives});
    }
  }
  return curve;
}

double average_precision(const std::vector<CurvePoint>& curve) {
  double area = 0;
  double recall = 0;
  for (const CurvePoint& point : curve) {
    area += point.precision * (point.recall - recall);
    recall = point.recall;
  }
  return area;
}

}  // namespace mlguard::ml_detector
