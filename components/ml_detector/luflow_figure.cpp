#include "ml_detector/luflow_figure.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "ml_detector/booster.h"
#include "ml_detector/inputs.h"
#include "ml_detector/report.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kLuflowRoundsMax = 300;
constexpr std::size_t kLuflowPatienceRounds = 20;
constexpr std::size_t kLuflowDaysMax = 100;

struct ClassWeights {
  double benign = 1;
  double malicious = 1;
};

void append_day(const LuflowDay& day, LuflowColumns columns, const ClassWeights& weights,
                LabelledRows& rows) {
  rows.features = kLuflowInputs.size();
  if (columns == LuflowColumns::inputs_and_own) rows.features += kLuflowOwnColumns.size();
  for (const LuflowFlow& flow : day.flows) {
    rows.values.insert(rows.values.end(), flow.inputs.begin(), flow.inputs.end());
    if (columns == LuflowColumns::inputs_and_own) {
      rows.values.insert(rows.values.end(), flow.own.begin(), flow.own.end());
    }
    rows.labels.push_back(flow.malicious ? 1 : 0);
    rows.weights.push_back(static_cast<float>(flow.malicious ? weights.malicious : weights.benign));
  }
}

double malicious_share(const LabelledRows& rows) {
  const auto malicious = std::count(rows.labels.begin(), rows.labels.end(), 1.0F);
  return rows.count() == 0 ? 0 : static_cast<double>(malicious) / static_cast<double>(rows.count());
}

struct Chosen {
  std::size_t rounds = 0;
  CurvePoint at;
};

base::Result<Chosen> choose_on(const LabelledRows& held_back, const LabelledRows& learnt) {
  auto booster = Booster::create(learnt, &held_back, BoostOptions{});
  if (!booster.ok()) return booster.error();
  Chosen chosen;
  double least = 0;
  for (std::size_t round = 1; round <= kLuflowRoundsMax; ++round) {
    if (const auto done = booster->train_round(); !done.ok()) return done.error();
    const auto loss = booster->held_back_loss();
    if (!loss.ok()) return loss.error();
    if (chosen.rounds == 0 || *loss < least) {
      least = *loss;
      chosen.rounds = round;
    }
    if (round - chosen.rounds >= kLuflowPatienceRounds) break;
  }
  const auto json = booster->json(chosen.rounds);
  if (!json.ok()) return json.error();
  const auto best = Booster::load(*json);
  if (!best.ok()) return best.error();
  const auto scores = best->predict(held_back);
  if (!scores.ok()) return scores.error();
  std::vector<Scored> scored(held_back.count());
  for (std::size_t i = 0; i < scored.size(); ++i) {
    scored[i] = {(*scores)[i], held_back.labels[i] > 0, held_back.weights[i]};
  }
  for (const CurvePoint& point : precision_recall_curve(std::move(scored))) {
    if (point.f1() > chosen.at.f1()) chosen.at = point;
  }
  return chosen;
}

base::Result<std::string> trained_rounds(const LabelledRows& rows, std::size_t rounds) {
  auto booster = Booster::create(rows, nullptr, BoostOptions{});
  if (!booster.ok()) return booster.error();
  for (std::size_t round = 0; round < rounds; ++round) {
    if (const auto done = booster->train_round(); !done.ok()) return done.error();
  }
  return booster->json();
}

base::Result<std::vector<LuflowDay>> read_luflow_days(const std::string& folder) {
  const auto paths = luflow_days_in(folder);
  if (!paths.ok()) return paths.error();
  if (paths->size() > kLuflowDaysMax) {
    return Error{ErrorCode::too_large,
                 folder + ": over " + std::to_string(kLuflowDaysMax) + " days; leave some out"};
  }
  std::vector<LuflowDay> days;
  for (const std::string& path : *paths) {
    auto day = read_luflow_day(path);
    if (!day.ok()) return day.error();
    days.push_back(std::move(*day));
  }
  return days;
}

std::string figure_row(const std::string& name, const Confusion& confusion) {
  return "| " + name + " | " + whole_figure(confusion.total()) + " | " +
         whole_figure(confusion.of_truth(1)) + " | " + figure(confusion.precision(1)) + " | " +
         figure(confusion.recall(1)) + " | " + figure(confusion.f1(1)) + " | " +
         figure(confusion.benign_false_positive_rate()) + " |\n";
}

constexpr const char* kFigureHead =
    "| | flows | malicious | precision | recall | F1 | benign FPR |\n"
    "|---|--:|--:|--:|--:|--:|--:|\n";

struct FigureOfColumns {
  std::string whole;  // rows
  std::string days;   // rows
  std::string chosen;
};

base::Result<FigureOfColumns> figure_of(const std::vector<LuflowDay>& learnt,
                                        const std::vector<LuflowDay>& judged, LuflowColumns columns,
                                        const std::string& name) {
  const auto model = train_luflow(learnt, columns);
  if (!model.ok()) return model.error();
  std::vector<Scored> all;
  FigureOfColumns text;
  for (const LuflowDay& day : judged) {
    const auto scores = luflow_scores(*model, day);
    if (!scores.ok()) return scores.error();
    text.days += figure_row(day.name, luflow_confusion(*scores, model->threshold));
    all.insert(all.end(), scores->begin(), scores->end());
  }
  text.whole = figure_row("**" + name + "**", luflow_confusion(all, model->threshold)) +
               figure_row(name + ", were the threshold " + figure(kLuflowPlainThreshold),
                          luflow_confusion(all, kLuflowPlainThreshold));
  text.chosen = "- " + name + ": " + std::to_string(model->rounds) + " rounds, malicious from " +
                figure(model->threshold) + ", F1 " + figure(model->held_back_f1) +
                " on the day that was held back (weighted); average precision on eval/ " +
                figure(average_precision(precision_recall_curve(std::move(all)))) + ".\n";
  return text;
}

std::string days_line(const char* what, const std::vector<LuflowDay>& days) {
  double flows = 0;
  double outliers = 0;
  for (const LuflowDay& day : days) {
    flows += static_cast<double>(day.flows.size());
    outliers += static_cast<double>(day.outliers);
  }
  return what + std::to_string(days.size()) + " days, " + days.front().name + " to " +
         days.back().name + ": " + whole_figure(flows) + " flows, all of them (" +
         whole_figure(outliers) + " rows labelled `outlier` dropped)";
}

}  // namespace

base::Result<LuflowModel> train_luflow(const std::vector<LuflowDay>& days, LuflowColumns columns) {
  if (days.size() < 2) {
    return Error{ErrorCode::invalid_argument, "LUFlow: two days are needed, one is held back"};
  }
  LabelledRows learnt;
  for (std::size_t i = 0; i + 1 < days.size(); ++i) append_day(days[i], columns, {}, learnt);
  LabelledRows last;
  append_day(days.back(), columns, {}, last);
  const double share = malicious_share(learnt);
  const double share_of_last = malicious_share(last);
  if (!(share > 0 && share < 1 && share_of_last > 0 && share_of_last < 1)) {
    return Error{ErrorCode::invalid_argument,
                 "LUFlow: the last day of train/ and those before it need benign and malicious "
                 "flows each"};
  }
  LabelledRows held_back;
  const ClassWeights weights = {(1 - share) / (1 - share_of_last), share / share_of_last};
  append_day(days.back(), columns, weights, held_back);
  const auto chosen = choose_on(held_back, learnt);
  if (!chosen.ok()) return chosen.error();
  append_day(days.back(), columns, {}, learnt);
  auto xgboost = trained_rounds(learnt, chosen->rounds);
  if (!xgboost.ok()) return xgboost.error();
  return LuflowModel{columns, std::move(*xgboost), chosen->rounds,
                     static_cast<double>(chosen->at.threshold), chosen->at.f1()};
}

base::Result<std::vector<Scored>> luflow_scores(const LuflowModel& model, const LuflowDay& day) {
  if (day.flows.empty()) return std::vector<Scored>();
  const auto booster = Booster::load(model.xgboost);
  if (!booster.ok()) return booster.error();
  LabelledRows rows;
  append_day(day, model.columns, {}, rows);
  const auto probabilities = booster->predict(rows);
  if (!probabilities.ok()) return probabilities.error();
  std::vector<Scored> scores(day.flows.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] = {(*probabilities)[i], day.flows[i].malicious, 1};
  }
  return scores;
}

Confusion luflow_confusion(const std::vector<Scored>& scores, double threshold) {
  Confusion confusion(2);
  for (const Scored& one : scores) {
    const bool accused = static_cast<double>(one.score) >= threshold;
    confusion.add(one.positive ? 1 : 0, accused ? 1 : 0);
  }
  return confusion;
}

base::Result<std::string> luflow_text(const std::string& folder, const Say& say) {
  if (!std::filesystem::is_directory(folder)) {
    return "Not measured: there is no folder " + folder + ".\n\n";
  }
  const auto learnt = read_luflow_days(folder + "/train");
  if (!learnt.ok()) return learnt.error();
  const auto judged = read_luflow_days(folder + "/eval");
  if (!judged.ok()) return judged.error();
  say("LUFlow: " + std::to_string(learnt->size()) + " days to learn, " +
      std::to_string(judged->size()) + " to judge");
  const std::string told =
      std::to_string(kLuflowInputs.size()) + " of our " + std::to_string(kInputs) + " inputs";
  const auto ours = figure_of(*learnt, *judged, LuflowColumns::inputs, told);
  if (!ours.ok()) return ours.error();
  const auto more = figure_of(*learnt, *judged, LuflowColumns::inputs_and_own,
                              "the same and LUFlow's `entropy` and `total_entropy`");
  if (!more.ok()) return more.error();
  return "Models of LUFlow's own days, not the model that ships: it tells malicious from benign by "
         "what the table says of a flow, without ports.\n\n" +
         days_line("Trained on ", *learnt) + ", of which " + learnt->back().name +
         " was held back to choose rounds and threshold.\n" + days_line("Judged on ", *judged) +
         ".\n\n" + kFigureHead + ours->whole + more->whole +
         "| baseline: XGBoost without ports | – | – | – | – | " + figure(kLuflowBaselineF1) +
         " | – |\n\nBy day, " + told + ":\n\n" + kFigureHead + ours->days +
         "\nBy day, with the entropies:\n\n" + kFigureHead + more->days +
         "\nWhat was chosen on train/:\n\n" + ours->chosen + more->chosen + "\n";
}

}  // namespace mlguard::ml_detector
