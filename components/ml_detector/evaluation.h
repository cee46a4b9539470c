// Evaluation: verdicts on labelled flows, counted: of a model alone, and of the detector as it is
// served, which is the fast rules and then the model: a flow that a rule accuses (with its default
// limits) has the rule's class, and every other flow the model's (whole_verdict). Every flow counts
// once; early records and variants do not count. Plain values; the functions are stateless and safe
// from any thread.
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

using AlarmCounts = std::array<FalseAlarms, kAlarmScores.size()>;

// Whose verdicts.
enum class Layers { model, detector };
inline constexpr std::size_t kLayers = 2;

struct Verdicts {
  Confusion confusion{kTrafficClassCount};
  AlarmCounts false_alarms{};
};

struct CaptureEvaluation {
  ExampleCapture capture;
  std::array<Verdicts, kLayers> by;
  std::size_t accused_by_rules = 0;  // flows

  const Verdicts& of(Layers layers) const { return by[static_cast<std::size_t>(layers)]; }
};

struct Evaluation {
  std::vector<CaptureEvaluation> captures;
  std::array<Verdicts, kLayers> by;
  double benign_hours = 0;  // in which at least one benign flow went on
  // Of the model, by class: by its probability, and the first by that of any attack.
  std::array<std::vector<CurvePoint>, kTrafficClassCount> curves;

  const Verdicts& of(Layers layers) const { return by[static_cast<std::size_t>(layers)]; }
};

// A time in which something went on, and how long that was together.
struct Span {
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
};
double hours_of(std::vector<Span> spans);

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
