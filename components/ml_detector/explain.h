// Why a flow got its margin: what each input added to it, by path attribution (Saabas,
// "Interpreting random forests", 2014; XGBoost's "approximated contributions"). Every node has the
// value that a training row could expect there: the mean of the leaves below, weighted by their
// cover. A step down changes that value, and the change is put down to the input that the node asks
// for. The contributions and the base together are the margin, but for rounding.
//
// It says what the model looked at, not what caused the traffic; of inputs that tell the same it
// names the one that the trees happened to ask first.
//
// An explainer keeps a copy of what it needs: it outlives the trees, never changes, and is safe
// from any thread.
#pragma once

#include <cstddef>
#include <vector>

#include "ml_detector/forest.h"

namespace mlguard::ml_detector {

struct Contribution {
  std::size_t input = 0;
  float value = 0;   // what the flow has there; NaN is missing
  double added = 0;  // to the margin: above 0 speaks for the output, below 0 against it
};

class Explainer {
 public:
  // REQUIRES: Forest::build accepts the trees.
  explicit Explainer(const TrainedForest& trained);

  // What is expected of `output` before anything is known of the row.
  double base(std::size_t output) const { return base_[output]; }
  // By input, one each: what it added to the margin of `output`.
  std::vector<double> contributions(const float* row, std::size_t output) const;
  // The `most` inputs that spoke most for `output`, the strongest first; none that spoke against.
  std::vector<Contribution> top(const float* row, std::size_t output, std::size_t most) const;

 private:
  TrainedForest trained_;
  std::vector<std::vector<double>> expected_;  // by tree and node
  std::vector<double> base_;
};

}  // namespace mlguard::ml_detector
