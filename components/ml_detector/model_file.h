// Model: what judges flows, read from a model file (data/models/NAME.json).
//
// A model file is one JSON object:
//   "format"          "ml-guard-model"
//   "format_version"  1
//   "name"            1 to 63 of [a-z0-9.-]: what detections call it
//   "inputs"          names of what the trees look at, in their order (inputs.h has the table)
//   "classes"         names; the first is "benign"
//   "thresholds"      for each class but the first, the probability from which a flow counts as it
//   "training"        where it comes from: sources with their sha256, parameters, seed (an object)
//   "metrics"         what was measured with it (an object)
//   "xgboost"         what XGBoost saves: `xgboost.Booster().load_model` reads this part
//
// A model that is damaged, too large or not made for this build is refused by name and in words
// (load, parse); whoever holds another one keeps it. A loaded model never changes: safe from any
// thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ml_detector/forest.h"
#include "ml_detector/xgboost_json.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kModelBytesMax = 32 * 1024 * 1024;
inline constexpr std::size_t kModelNameCharsMax = 63;
inline constexpr int kModelFormatVersion = 1;
inline constexpr std::string_view kModelFormat = "ml-guard-model";
inline constexpr std::string_view kBenign = "benign";

struct ModelInfo {
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> classes;
  std::vector<float> thresholds;  // by class; that of the first is not used
  std::string training;           // JSON
  std::string metrics;            // JSON
  std::string sha256;             // of the file
};

// The class that a flow counts as, and how surely.
struct Judgement {
  std::size_t class_index = 0;
  // 0 … 1, of the attack that is nearest to its threshold: 0.5 is the threshold, 1 certainty, 0
  // none of it. Below 0.5 the class is benign.
  float score = 0;
  std::size_t nearest_attack = 0;  // the class that `score` speaks of
};

class Model {
 public:
  // Errors: not_found, io; too_large; invalid_argument / "invalid_json"; and unsupported /
  // "model_format", "model_inputs" (made for another build), corrupt / "bad_model", "bad_trees",
  // which name the file's field.
  static base::Result<Model> load(const std::string& path);
  static base::Result<Model> parse(std::string_view text);

  const ModelInfo& info() const { return info_; }
  std::size_t classes() const { return info_.classes.size(); }
  // Where in inputs_of() each of the model's inputs stands.
  const std::vector<std::size_t>& input_places() const { return input_places_; }
  const Forest& forest() const { return forest_; }
  // The trees as they were trained, for explanations.
  const TrainedForest& trained() const { return trained_; }

  // `row`: the model's inputs, in their order; NaN is missing. `probabilities`: classes() values.
  void probabilities(const float* row, float* probabilities) const;
  // `count` rows, one after the other.
  void probabilities(const float* rows, std::size_t count, float* probabilities) const;
  // Of the probabilities of one row.
  Judgement judge(const float* probabilities) const;

 private:
  Model(ModelInfo info, XgboostModel trained, Forest forest, std::vector<std::size_t> places);
  void probabilities_of(const float* margins, float* probabilities) const;

  ModelInfo info_;
  Objective objective_;
  TrainedForest trained_;
  Forest forest_;
  std::vector<std::size_t> input_places_;
};

// The file's text of what was trained. `xgboost`, `training`, `metrics`: JSON. The sha256 of the
// info is not used.
std::string model_text(const ModelInfo& info, std::string_view xgboost);

}  // namespace mlguard::ml_detector
