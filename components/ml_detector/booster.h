// Booster: training trees with XGBoost (its C API), and XGBoost's own predictions, to compare with
// what is served. Only training and tests need it; serving reads what it saves (xgboost_json.h).
//
// One thread of XGBoost's and one seed: equal rows and options give equal trees, to the last bit.
// Not thread-safe. XGBoost's errors come as internal / "xgboost".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::ml_detector {

struct LabelledRows {
  std::size_t features = 0;
  std::vector<float> values;  // one row after the other; NaN is missing
  std::vector<float> labels;  // the class of each row
  std::vector<float> weights;

  std::size_t count() const { return labels.size(); }
};

// Named as in XGBoost's documentation ("Parameters for Tree Booster").
struct BoostOptions {
  std::size_t classes = 2;  // 2: binary:logistic, one tree a round; more: multi:softprob, as many
  std::size_t max_depth = 6;
  double eta = 0.1;
  double min_child_weight = 1;
  double lambda = 1;
  double gamma = 0;
  double subsample = 0.7;
  double colsample_bynode = 0.5;
  std::uint32_t seed = 1;
};

class Booster {
 public:
  // `held_back` may be null; both are copied.
  static base::Result<Booster> create(const LabelledRows& rows, const LabelledRows* held_back,
                                      const BoostOptions& options);
  // Of what json() gave.
  static base::Result<Booster> load(std::string_view json);
  Booster(Booster&& other) noexcept;
  Booster& operator=(Booster&& other) noexcept;
  ~Booster();

  // REQUIRES, of both: made by create().
  base::Status train_round();
  // Mean (weighted) logarithmic loss on the rows that were held back. REQUIRES: there are some.
  base::Result<double> held_back_loss() const;

  // The model as XGBoost saves it; of its first `rounds` rounds, 0: of all.
  base::Result<std::string> json(std::size_t rounds = 0) const;
  // XGBoost's own: probabilities, one a row with two classes, else one for each class. Labels and
  // weights are not looked at.
  base::Result<std::vector<float>> predict(const LabelledRows& rows) const;
  // XGBoost's own path attribution (its "approximated contribution"): for each row and output one
  // number a feature, and the base last.
  base::Result<std::vector<float>> contributions(const LabelledRows& rows) const;

 private:
  struct State;
  explicit Booster(std::unique_ptr<State> state);
  base::Result<std::vector<float>> ask(const LabelledRows& rows, int kind) const;

  std::unique_ptr<State> state_;
};

}  // namespace mlguard::ml_detector
