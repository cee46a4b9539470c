// Evaluation: a model's verdicts on labelled flows, counted. Every flow counts once, with the
// verdict that serving would give it (Model::judge); early records and variants do not count. Plain
// values; the functions are stateless and safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ml_detector/examples.h"
#include "ml_detector/metrics.h"
#include "ml_detector/model_file.h"

namespace mlguard::ml_detector {

// Scores (Judgement::score) at which alarms are counted: at the model's thresholds, and where the
// default configuration (data/configs/ml-detector.json) reports and blocks.
inline constexpr std::array<float, 3> kAlarmScores = {0.5F, 0.7F, 0.9F};

// Alarms on flows that are benign.
struct FalseAlarms {
  std::size_t flows = 0;
  std::size_t sources = 0;  // hosts of a capture that were accused at least once
};

struct CaptureEvaluation {
  ExampleCapture capture;
  Confusion confusion{kTrafficClassCount};
  std::array<FalseAlarms, kAlarmScores.size()> false_alarms{};
};

struct Evaluation {
  std::vector<CaptureEvaluation> captures;
  Confusion confusion{kTrafficClassCount};
  // Of the whole detector: what the fast rules say, and of flows of which they say nothing, the
  // model. All else here is the model's alone.
  Confusion whole{kTrafficClassCount};
  std::array<FalseAlarms, kAlarmScores.size()> false_alarms{};
  double benign_hours = 0;  // in which at least one benign flow went on
  // By class: by its probability, and the first by that of any attack.
  std::array<std::vector<CurvePoint>, kTrafficClassCount> curves;
};

// The class that the detector takes the flow for: rules first.
std::size_t whole_verdict(const Example& example, const Judgement& judgement);
bool knows_traffic_classes(const Model& model);
// By example, kTrafficClassCount values each. REQUIRES: knows_traffic_classes(model).
std::vector<float> probabilities_of(const Examples& examples, const Model& model);
// `probabilities`: by this model, or (of captures that were held back) by others with its classes;
// its thresholds decide.
Evaluation evaluate(const Examples& examples, const std::vector<float>& probabilities,
                    const Model& model);

}  // namespace mlguard::ml_detector
