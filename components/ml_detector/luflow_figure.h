// The figure on LUFlow: models of its own, trained on the days of train/ and judged once on those
// of eval/, binary, days never mixed. They say what the inputs that LUFlow tells (luflow.h) are
// worth; the model that ships has no part in it.
//
// The last day of train/ is held back: rounds (early stopping) and threshold (best F1) are chosen
// there alone. Its rows weigh so that benign and malicious flows have the shares that they have on
// the days before it, because a threshold chosen on a day of attacks only would be one for such
// days. Then the model is trained on all days of train/. A fixed seed: equal days, equal figures.
// Stateless; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ml_detector/luflow.h"
#include "ml_detector/metrics.h"
#include "ml_detector/trainer.h"

namespace mlguard::ml_detector {

inline constexpr double kLuflowBaselineF1 = 0.914;  // of ../shared/data/README.md
// What XGBoost itself takes for the threshold: shown beside the one that was chosen, to tell what
// the choice does; nothing is chosen by that comparison.
inline constexpr double kLuflowPlainThreshold = 0.5;

// What a model of LUFlow looks at.
enum class LuflowColumns { inputs, inputs_and_own };

struct LuflowModel {
  LuflowColumns columns = LuflowColumns::inputs;
  std::string xgboost;  // as XGBoost saves it
  std::size_t rounds = 0;
  double threshold = 0;
  double held_back_f1 = 0;  // at this threshold, on the last day of train/
};

// `days`: of train/, in their order in time. Errors: invalid_argument when there are fewer than two
// days, or either part lacks benign or malicious flows; internal / "xgboost".
base::Result<LuflowModel> train_luflow(const std::vector<LuflowDay>& days, LuflowColumns columns);
// By flow of the day: the probability that it is malicious, and whether it is.
base::Result<std::vector<Scored>> luflow_scores(const LuflowModel& model, const LuflowDay& day);
// Malicious is class 1: what has the threshold or more.
Confusion luflow_confusion(const std::vector<Scored>& scores, double threshold);

// The whole figure as Markdown, of `folder`/{train,eval}; a sentence when there is no such folder.
base::Result<std::string> luflow_text(const std::string& folder, const Say& say);

}  // namespace mlguard::ml_detector
