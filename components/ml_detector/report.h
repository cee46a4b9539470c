// What was measured, as Markdown: it reads well on a terminal too. `ml-detector evaluate` prints it
// and docs/model-card.md holds it. Stateless; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "ml_detector/evaluation.h"
#include "ml_detector/model_file.h"

namespace mlguard::ml_detector {

// The figures of ../shared/data/README.md for a plain XGBoost on the same captures.
struct Baseline {
  const char* name;
  double macro_f1;
  double benign_false_positive_rate;
  std::array<double, kTrafficClassCount> f1;  // NaN where it names none
};
const std::vector<Baseline>& baselines();

// Macro-F1, false alarms, and each class beside the baselines.
std::string summary_table(const Evaluation& evaluation);
// "Attack or not: precision …"
std::string attack_line(const std::string& name, const Confusion& confusion);
// A line of that table.
std::string summary_row(const std::string& name, const Confusion& confusion);
// Of benign flows, by score and by hour.
std::string alarm_table(const AlarmCounts& alarms, double benign_hours);
std::string class_table(const Confusion& confusion);
std::string confusion_table(const Confusion& confusion);
// One line a capture and class.
std::string capture_table(const Evaluation& evaluation, Layers layers);
// The model's figures as JSON, for the model file.
std::string metrics_json(const Evaluation& evaluation);

// "0.974", "–" for NaN.
std::string figure(double value);
// 1234567 as "1,234,567".
std::string whole_figure(double value);

}  // namespace mlguard::ml_detector
