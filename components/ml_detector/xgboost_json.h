// Reads what XGBoost saves as JSON (its "learner": gradient-boosted trees of the kind `gbtree`,
// objectives binary:logistic and multi:softprob) into a TrainedForest. XGBoost itself is not
// needed. https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html has the format;
// checked against version 1.7. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "ml_detector/forest.h"

namespace mlguard::ml_detector {

enum class Objective {
  logistic,  // one margin; the logistic function of it is the probability of the second class
  softmax,   // a margin for each class
};

struct XgboostModel {
  Objective objective = Objective::logistic;
  TrainedForest forest;
  std::size_t classes = 2;
};

// `json`: the whole document that XGBoost saves.
// Errors: invalid_argument / "invalid_json"; unsupported / "objective", "booster", "categories" for
// what is no model of this kind; corrupt / "bad_trees" when parts are missing, of another type, or
// disagree in size. Values and indices are checked by Forest::build.
base::Result<XgboostModel> parse_xgboost(std::string_view json);

}  // namespace mlguard::ml_detector
