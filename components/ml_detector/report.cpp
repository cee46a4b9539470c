#include "ml_detector/report.h"

#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

#include "capture/progress.h"

namespace mlguard::ml_detector {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::string row_of(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

std::string head_of(const std::vector<std::string>& cells) {
  std::string line = row_of(cells) + "|";
  for (std::size_t i = 0; i < cells.size(); ++i) line += i == 0 ? "---|" : "--:|";
  return line + "\n";
}

std::vector<std::string> class_names(const std::string& first) {
  std::vector<std::string> cells = {first};
  cells.insert(cells.end(), kTrafficClasses.begin(), kTrafficClasses.end());
  return cells;
}

double per_hour(std::size_t count, double hours) {
  return hours > 0 ? static_cast<double>(count) / hours : kNone;
}

}  // namespace

const std::vector<Baseline>& baselines() {
  static const std::vector<Baseline> known = {
      {"baseline: flow only", 0.47, 0.010, {kNone, .47, .69, .67, .32, .08}},
      {"baseline: + counts over 10 s", 0.64, 0.003, {kNone, .97, 1.00, .66, .44, .07}},
  };
  return known;
}

std::string figure(double value) {
  if (std::isnan(value)) return "–";
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

std::string whole_figure(double value) {
  return std::isnan(value) ? "–"
                           : capture::grouped(static_cast<std::uint64_t>(std::llround(value)));
}

std::string summary_row(const std::string& name, const Confusion& confusion) {
  std::vector<std::string> cells = {name, figure(confusion.macro_f1()),
                                    figure(confusion.benign_false_positive_rate())};
  for (std::size_t c = 1; c < kTrafficClassCount; ++c) cells.push_back(figure(confusion.f1(c)));
  return row_of(cells);
}

std::string attack_line(const std::string& name, const Confusion& confusion) {
  return "Attack or not, " + name + ": precision " + figure(confusion.binary_precision()) +
         ", recall " + figure(confusion.binary_recall()) + ", F1 " + figure(confusion.binary_f1()) +
         ".\n";
}

std::string summary_table(const Evaluation& evaluation) {
  const Confusion& model = evaluation.of(Layers::model).confusion;
  const Confusion& detector = evaluation.of(Layers::detector).confusion;
  std::vector<std::string> head = {"F1", "macro", "benign FPR"};
  for (std::size_t c = 1; c < kTrafficClassCount; ++c) head.emplace_back(kTrafficClasses[c]);
  std::string text = head_of(head);
  text += summary_row("**the detector**: fast rules, then this model", detector);
  text += summary_row("this model alone", model);
  for (const Baseline& baseline : baselines()) {
    std::vector<std::string> cells = {baseline.name, figure(baseline.macro_f1),
                                      figure(baseline.benign_false_positive_rate)};
    for (std::size_t c = 1; c < kTrafficClassCount; ++c) cells.push_back(figure(baseline.f1[c]));
    text += row_of(cells);
  }
  text += "\n" + attack_line("the detector", detector) + attack_line("the model alone", model);
  text +=
      "Average precision of the model alone: " + figure(average_precision(evaluation.curves[0])) +
      ".\n";
  text += "Benign traffic: " + whole_figure(detector.of_truth(0)) + " flows in " +
          figure(evaluation.benign_hours) +
          " hours of capture.\n\nFalse alarms of the detector:\n\n";
  text += alarm_table(evaluation.of(Layers::detector).false_alarms, evaluation.benign_hours);
  text += "\nOf the model alone:\n\n";
  return text + alarm_table(evaluation.of(Layers::model).false_alarms, evaluation.benign_hours);
}

std::string alarm_table(const AlarmCounts& alarms, double benign_hours) {
  std::string text = head_of(
      {"alarms from a score of", "benign flows", "per hour", "hosts accused wrongly", "per hour"});
  for (std::size_t i = 0; i < kAlarmScores.size(); ++i) {
    char score[16];
    std::snprintf(score, sizeof score, "%.1f", static_cast<double>(kAlarmScores[i]));
    text += row_of({score, whole_figure(static_cast<double>(alarms[i].flows)),
                    figure(per_hour(alarms[i].flows, benign_hours)),
                    whole_figure(static_cast<double>(alarms[i].sources)),
                    figure(per_hour(alarms[i].sources, benign_hours))});
  }
  return text;
}

std::string class_table(const Confusion& confusion) {
  std::string text = head_of({"class", "flows", "precision", "recall", "F1"});
  for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
    text += row_of({std::string(kTrafficClasses[c]), whole_figure(confusion.of_truth(c)),
                    figure(confusion.precision(c)), figure(confusion.recall(c)),
                    figure(confusion.f1(c))});
  }
  return text;
}

std::string confusion_table(const Confusion& confusion) {
  std::string text = head_of(class_names("is ↓, judged →"));
  for (std::size_t truth = 0; truth < kTrafficClassCount; ++truth) {
    std::vector<std::string> cells = {std::string(kTrafficClasses[truth])};
    for (std::size_t verdict = 0; verdict < kTrafficClassCount; ++verdict) {
      cells.push_back(whole_figure(confusion.count(truth, verdict)));
    }
    text += row_of(cells);
  }
  return text;
}

std::string capture_table(const Evaluation& evaluation, Layers layers) {
  std::string text = head_of({"capture", "is", "flows", "by rules", "recall", "judged benign",
                              "ddos", "portscan", "bruteforce", "botnet_c2", "smb_propagation"});
  for (const CaptureEvaluation& one : evaluation.captures) {
    const Confusion& confusion = one.of(layers).confusion;
    for (std::size_t truth = 0; truth < kTrafficClassCount; ++truth) {
      if (!(confusion.of_truth(truth) > 0)) continue;
      std::vector<std::string> cells = {one.capture.name, std::string(kTrafficClasses[truth]),
                                        whole_figure(confusion.of_truth(truth)),
                                        whole_figure(static_cast<double>(one.accused_by_rules)),
                                        figure(confusion.recall(truth))};
      for (std::size_t verdict = 0; verdict < kTrafficClassCount; ++verdict) {
        cells.push_back(whole_figure(confusion.count(truth, verdict)));
      }
      text += row_of(cells);
    }
  }
  return text;
}

std::string metrics_json(const Evaluation& evaluation) {
  // NaN is null in JSON; digits beyond the report's would only make files differ.
  const auto rounded = [](double value) { return std::round(value * 1e4) / 1e4; };
  const Confusion& confusion = evaluation.of(Layers::model).confusion;
  nlohmann::ordered_json json;
  json["flows"] = confusion.total();
  json["macro_f1"] = rounded(confusion.macro_f1());
  json["benign_false_positive_rate"] = rounded(confusion.benign_false_positive_rate());
  json["binary_f1"] = rounded(confusion.binary_f1());
  json["benign_hours"] = rounded(evaluation.benign_hours);
  for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
    auto& one = json["classes"][std::string(kTrafficClasses[c])];
    one["flows"] = confusion.of_truth(c);
    one["precision"] = rounded(confusion.precision(c));
    one["recall"] = rounded(confusion.recall(c));
    one["f1"] = rounded(confusion.f1(c));
  }
  return json.dump();
}

}  // namespace mlguard::ml_detector
