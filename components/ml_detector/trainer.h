// Training a model that ships. Rounds and thresholds are chosen on captures that were held back
// (folds.h: every capture is, once); the model itself is then trained on all. The test part of the
// data takes no part in it.
//
// Rows weigh so that neither a long capture nor a frequent class decides alone: the flows of one
// class in one capture have together at most kFlowsPerCaptureMax votes, and classes are brought
// nearer to each other by class_balance.
//
// Equal examples and options give equal models, byte for byte. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ml_detector/booster.h"
#include "ml_detector/examples.h"
#include "ml_detector/folds.h"
#include "ml_detector/metrics.h"

namespace mlguard::ml_detector {

inline constexpr double kFlowsPerCaptureMax = 200;
// Rows of one class in one capture that are trained on: evenly spaced ones of more.
inline constexpr std::size_t kRowsPerCaptureMax = 1'500;

struct TrainOptions {
  std::string name = "flows-v3";
  std::uint32_t seed = 1;
  std::size_t folds = 5;
  std::size_t repeats = 3;  // times that captures are dealt into folds anew: less is left to chance
  HoldBack hold_back = HoldBack::captures;
  std::size_t rounds_max = 200;
  std::size_t patience = 15;    // rounds without a better loss on what is held back
  double class_balance = 0.25;  // 0: classes weigh as they come, 1: all alike
  // A false alarm among benign flows is this much worse than an attack flow that is missed.
  double benign_cost = 8;
  BoostOptions boost;
  std::vector<std::string> inputs;  // names, see inputs.h; empty: all
};

struct HeldBackResult {
  // Of every example, by models that never saw its capture: the mean over the repeats.
  std::vector<float> probabilities;
  std::vector<std::size_t> rounds;  // by fold, where its loss was least
};

struct TrainResult {
  std::string model;  // the model file, without metrics
  std::vector<float> thresholds;
  std::size_t rounds = 0;
  // Of every example, by models that never saw its capture; the thresholds were chosen on them.
  std::vector<float> held_back;
  Confusion weighted{kTrafficClassCount};  // of these verdicts, by the weights of training
  Confusion mixes{kTrafficClassCount};     // the same of benign captures that were mixed
  Confusion whole{kTrafficClassCount};     // as `weighted`, of fast rules and model together
};

using Say = std::function<void(const std::string& line)>;

// By example: its weight, 0 for those that are not trained on.
std::vector<float> weights_of(const Examples& examples, double class_balance);
// The thresholds with which the weighted F1 of each class is best, false alarms among benign flows
// counting benign_cost times.
std::vector<float> choose_thresholds(const Examples& examples,
                                     const std::vector<float>& probabilities,
                                     const std::vector<float>& weights, double benign_cost);
// `training`: JSON of where the examples come from, for the model file.
base::Result<TrainResult> train(const Examples& examples, const TrainOptions& options,
                                const std::string& training, const Say& say);
// The model file of so many rounds on all of these examples, with thresholds of 0.5.
base::Result<std::string> train_plainly(const Examples& examples, const TrainOptions& options,
                                        std::size_t rounds, const Say& say);

}  // namespace mlguard::ml_detector
