// Models trained here and now by XGBoost on made-up rows, for tests that compare with it.
#pragma once

#include <string>

#include "ml_detector/booster.h"
#include "ml_detector/model_file.h"

namespace mlguard::ml_detector {

// Rows whose class depends on their values and on what is missing; every value may be NaN, some
// are infinite or stand exactly where trees split. Weights differ. The same seed, the same rows.
LabelledRows made_up_rows(std::size_t count, std::size_t features, std::size_t classes,
                          unsigned seed);

struct TrainedModel {
  Booster booster;
  std::string xgboost;  // what it saves
};
TrainedModel trained_model(std::size_t classes, std::size_t features, std::size_t rounds,
                           std::size_t depth);

// A model file around it: inputs are the first of input_table().
std::string model_file_text(const std::string& xgboost, std::size_t classes, std::size_t features);

}  // namespace mlguard::ml_detector
