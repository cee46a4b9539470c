#include "ml_detector/table_trainer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "ml_detector/booster.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kTableRoundsMax = 300;
constexpr std::size_t kTablePatienceRounds = 20;
constexpr std::size_t kThresholdsMost = 99;
constexpr double kThresholdStep = 0.01;

void append_table(const TableSource& source, const FlowTable& table, TableColumns columns,
                  LabelledRows& rows) {
  const std::size_t all = source.features();
  rows.features = columns == TableColumns::inputs ? source.inputs.size() : all;
  for (std::size_t i = 0; i < table.flows(); ++i) {
    const auto first = table.values.begin() + static_cast<std::ptrdiff_t>(i * all);
    rows.values.insert(rows.values.end(), first,
                       first + static_cast<std::ptrdiff_t>(rows.features));
    rows.labels.push_back(table.malicious[i]);
  }
}

std::vector<Scored> scored(const std::vector<float>& probabilities,
                           const std::vector<float>& labels) {
  std::vector<Scored> scores(labels.size());
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = {probabilities[i], labels[i] > 0, 1};
  return scores;
}

// The models of all tables but one, for each, which grow together: round by round.
class LeftOutTables {
 public:
  static base::Result<LeftOutTables> create(const TableSource& source,
                                            const std::vector<const FlowTable*>& tables,
                                            TableColumns columns) {
    LeftOutTables made;
    for (const FlowTable* out : tables) {
      LabelledRows learnt;
      for (const FlowTable* table : tables) {
        if (table != out) append_table(source, *table, columns, learnt);
      }
      LabelledRows& rows = made.out_.emplace_back();
      append_table(source, *out, columns, rows);
      auto booster = Booster::create(learnt, &rows, BoostOptions{});
      if (!booster.ok()) return booster.error();
      made.boosters_.push_back(std::move(*booster));
    }
    return made;
  }

  // One round more of each; the mean of their losses.
  base::Result<double> train_round() {
    double sum = 0;
    for (Booster& booster : boosters_) {
      if (const auto done = booster.train_round(); !done.ok()) return done.error();
      const auto loss = booster.held_back_loss();
      if (!loss.ok()) return loss.error();
      sum += *loss;
    }
    return sum / static_cast<double>(boosters_.size());
  }

  // By table: what the first `rounds` rounds without it say of it.
  base::Result<std::vector<std::vector<Scored>>> scores(std::size_t rounds) const {
    std::vector<std::vector<Scored>> all;
    for (std::size_t i = 0; i < boosters_.size(); ++i) {
      const auto json = boosters_[i].json(rounds);
      if (!json.ok()) return json.error();
      const auto model = Booster::load(*json);
      if (!model.ok()) return model.error();
      const auto probabilities = model->predict(out_[i]);
      if (!probabilities.ok()) return probabilities.error();
      all.push_back(scored(*probabilities, out_[i].labels));
    }
    return all;
  }

 private:
  std::vector<LabelledRows> out_;
  std::vector<Booster> boosters_;
};

base::Result<std::size_t> choose_rounds(LeftOutTables& left_out) {
  std::size_t best = 0;
  double least = 0;
  for (std::size_t round = 1; round <= kTableRoundsMax; ++round) {
    const auto loss = left_out.train_round();
    if (!loss.ok()) return loss.error();
    if (best == 0 || *loss < least) {
      least = *loss;
      best = round;
    }
    if (round - best >= kTablePatienceRounds) break;
  }
  return best;
}

base::Result<std::string> rounds_on(const LabelledRows& rows, std::size_t rounds) {
  auto booster = Booster::create(rows, nullptr, BoostOptions{});
  if (!booster.ok()) return booster.error();
  for (std::size_t round = 0; round < rounds; ++round) {
    if (const auto done = booster->train_round(); !done.ok()) return done.error();
  }
  return booster->json();
}

// By table, at one threshold, and of all but one.
struct TableCounts {
  double hits = 0;
  double false_alarms = 0;
  double misses = 0;

  void add(const TableCounts& other, double times) {
    hits += times * other.hits;
    false_alarms += times * other.false_alarms;
    misses += times * other.misses;
  }
  // 0 where there is nothing to be found and nothing was said.
  double f1() const {
    const double all = 2 * hits + false_alarms + misses;
    return all > 0 ? 2 * hits / all : 0;
  }
};

TableCounts counts_at(const std::vector<Scored>& scores, double threshold) {
  const Confusion confusion = confusion_at(scores, threshold);
  return {confusion.count(1, 1), confusion.count(0, 1), confusion.count(1, 0)};
}

struct Pooled {
  double f1 = 0;
  double standard_error = 0;
};

// The jackknife: each table left out of the sum in turn.
Pooled pooled_at(const std::vector<std::vector<Scored>>& scores, double threshold) {
  std::vector<TableCounts> tables;
  TableCounts all;
  for (const auto& table : scores) {
    tables.push_back(counts_at(table, threshold));
    all.add(tables.back(), 1);
  }
  const auto n = static_cast<double>(tables.size());
  std::vector<double> without;
  double mean = 0;
  for (const TableCounts& table : tables) {
    TableCounts others = all;
    others.add(table, -1);
    without.push_back(others.f1());
    mean += without.back() / n;
  }
  double squares = 0;
  for (const double f1 : without) squares += (f1 - mean) * (f1 - mean);
  return {all.f1(), std::sqrt((n - 1) / n * squares)};
}

std::size_t tables_with(const std::vector<const FlowTable*>& tables, bool malicious) {
  return static_cast<std::size_t>(
      std::count_if(tables.begin(), tables.end(), [&](const FlowTable* table) {
        const std::size_t found = table->malicious_flows();
        return (malicious ? found : table->flows() - found) > 0;
      }));
}

}  // namespace

ThresholdChoice choose_threshold(const std::vector<std::vector<Scored>>& scores) {
  std::array<Pooled, kThresholdsMost> at;
  const auto threshold_of = [](std::size_t i) {
    return static_cast<double>(i + 1) * kThresholdStep;
  };
  for (std::size_t i = 0; i < at.size(); ++i) at[i] = pooled_at(scores, threshold_of(i));
  const auto found = std::max_element(at.begin(), at.end(),
                                      [](const Pooled& a, const Pooled& b) { return a.f1 < b.f1; });
  const auto best = static_cast<std::size_t>(found - at.begin());
  const double enough = found->f1 - found->standard_error;
  std::size_t chosen = best;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const double distance = std::abs(threshold_of(i) - kPlainThreshold);
    const bool nearer = distance < std::abs(threshold_of(chosen) - kPlainThreshold);
    if (at[i].f1 >= enough && nearer) chosen = i;
  }
  std::size_t least = best;
  while (least > 0 && at[least - 1].f1 >= enough) --least;
  std::size_t most = best;
  while (most + 1 < at.size() && at[most + 1].f1 >= enough) ++most;
  return {threshold_of(chosen),  at[chosen].f1,       threshold_of(best), found->f1,
          found->standard_error, threshold_of(least), threshold_of(most)};
}

base::Result<TableModel> train_on_tables(const TableSource& source,
                                         const std::vector<const FlowTable*>& tables,
                                         TableColumns columns) {
  if (tables_with(tables, false) < 2 || tables_with(tables, true) < 2) {
    return Error{ErrorCode::invalid_argument,
                 std::string(source.name) +
                     ": each table is left out once, so two of them at least must have benign "
                     "flows and two malicious ones: add tables"};
  }
  auto left_out = LeftOutTables::create(source, tables, columns);
  if (!left_out.ok()) return left_out.error();
  const auto rounds = choose_rounds(*left_out);
  if (!rounds.ok()) return rounds.error();
  const auto scores = left_out->scores(*rounds);
  if (!scores.ok()) return scores.error();
  LabelledRows all;
  for (const FlowTable* table : tables) append_table(source, *table, columns, all);
  auto xgboost = rounds_on(all, *rounds);
  if (!xgboost.ok()) return xgboost.error();
  return TableModel{columns, std::move(*xgboost), *rounds, choose_threshold(*scores)};
}

base::Result<std::vector<Scored>> table_scores(const TableSource& source, const TableModel& model,
                                               const FlowTable& table) {
  if (table.flows() == 0) return std::vector<Scored>();
  const auto booster = Booster::load(model.xgboost);
  if (!booster.ok()) return booster.error();
  LabelledRows rows;
  append_table(source, table, model.columns, rows);
  const auto probabilities = booster->predict(rows);
  if (!probabilities.ok()) return probabilities.error();
  return scored(*probabilities, rows.labels);
}

Confusion confusion_at(const std::vector<Scored>& scores, double threshold) {
  Confusion confusion(2);
  for (const Scored& one : scores) {
    const bool accused = static_cast<double>(one.score) >= threshold;
    confusion.add(one.positive ? 1 : 0, accused ? 1 : 0);
  }
  return confusion;
}

}  // namespace mlguard::ml_detector
