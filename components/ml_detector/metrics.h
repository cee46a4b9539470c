// What is counted of a detector's verdicts beside the truth: confusion, precision, recall, F1,
// false positives, and precision–recall curves. Plain values; stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <vector>

namespace mlguard::ml_detector {

// By true class and verdict; class 0 is benign. Numbers may be weights.
class Confusion {
 public:
  explicit Confusion(std::size_t classes) : classes_(classes), counts_(classes * classes, 0) {}

  void add(std::size_t truth, std::size_t verdict, double weight = 1) {
    counts_[truth * classes_ + verdict] += weight;
  }
  std::size_t classes() const { return classes_; }
  double count(std::size_t truth, std::size_t verdict) const {
    return counts_[truth * classes_ + verdict];
  }
  double of_truth(std::size_t truth) const;
  double of_verdict(std::size_t verdict) const;
  double total() const;

  // NaN where there is nothing to divide by: a class that neither is nor was said to be there.
  double precision(std::size_t class_index) const;
  double recall(std::size_t class_index) const;
  double f1(std::size_t class_index) const;
  // Mean of f1 over the classes that are there.
  double macro_f1() const;
  // Benign flows with another verdict, over all of them.
  double benign_false_positive_rate() const;
  // Attack, whichever, against benign.
  double binary_precision() const;
  double binary_recall() const;
  double binary_f1() const;

 private:
  std::size_t classes_;
  std::vector<double> counts_;
};

struct Scored {
  float score = 0;
  bool positive = false;
  float weight = 1;
};
struct CurvePoint {
  float threshold = 0;  // counts as positive from this score on
  double precision = 0;
  double recall = 0;
  double f1() const;
};
// From the highest threshold to the lowest, one point for each different score; empty without
// positives.
std::vector<CurvePoint> precision_recall_curve(std::vector<Scored> scored);
// The area under it, by steps ("average precision").
double average_precision(const std::vector<CurvePoint>& curve);

}  // namespace mlguard::ml_detector
