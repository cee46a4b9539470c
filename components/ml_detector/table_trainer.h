// Models of tables of flows (flow_table.h): binary, malicious or not, by what the tables tell.
//
// Everything is chosen on the tables that are learnt, each left out once: a model of the others
// judges it. Rounds: where the logarithmic loss, the mean over the tables that were left out, is
// least. Threshold: of those whose F1 on all that was left out together is within one standard
// error of the best, the one nearest to 0.5 (the rule of one standard error: Breiman et al., CART,
// 1984; Hastie, Tibshirani, Friedman, ESL, 2nd ed., 7.10). Where many thresholds do as well, the
// best of them is an accident of the tables, and often an edge; the nearest to 0.5 is where the
// model's own probabilities say that malicious is likelier than not. The standard error is that of
// the jackknife over tables, because flows of one table are no independent draws.
//
// Then the model is trained on all tables. Flows count as they come, without weights. A fixed seed:
// equal tables, equal models. Stateless; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ml_detector/flow_table.h"
#include "ml_detector/metrics.h"

namespace mlguard::ml_detector {

inline constexpr double kPlainThreshold = 0.5;

// What a model looks at.
enum class TableColumns { inputs, inputs_and_own };

struct ThresholdChoice {
  double threshold = 0;
  double f1 = 0;  // at the threshold, of all scores together
  double best_threshold = 0;
  double best_f1 = 0;
  double standard_error = 0;  // of best_f1
  // The range of thresholds around the best that are within the standard error.
  double least = 0;
  double most = 0;
};

struct TableModel {
  TableColumns columns = TableColumns::inputs;
  std::string xgboost;  // as XGBoost saves it
  std::size_t rounds = 0;
  ThresholdChoice threshold;
};

// `scores`: by table that was left out. Thresholds from 0.01 to 0.99 in steps of 0.01 are compared.
// REQUIRES: two tables or more, two of them with malicious flows.
ThresholdChoice choose_threshold(const std::vector<std::vector<Scored>>& scores);
// `tables`: of one source. Error: invalid_argument when fewer than two of them have benign flows,
// or malicious ones: each is left out once; internal / "xgboost".
base::Result<TableModel> train_on_tables(const TableSource& source,
                                         const std::vector<const FlowTable*>& tables,
                                         TableColumns columns);
// By flow of the table: the probability that it is malicious, and whether it is.
base::Result<std::vector<Scored>> table_scores(const TableSource& source, const TableModel& model,
                                               const FlowTable& table);
// Malicious is class 1: what has the threshold or more.
Confusion confusion_at(const std::vector<Scored>& scores, double threshold);

}  // namespace mlguard::ml_detector
