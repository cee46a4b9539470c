#include "ml_detector/table_figures.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "ml_detector/inputs.h"
#include "ml_detector/report.h"
#include "ml_detector/table_sources.h"
#include "ml_detector/table_trainer.h"

namespace mlguard::ml_detector {
namespace {

using Tables = std::vector<const FlowTable*>;

constexpr const char* kRowHead =
    "| | flows | malicious | precision | recall | F1 | benign FPR |\n"
    "|---|--:|--:|--:|--:|--:|--:|\n";
constexpr const char* kSplitHead =
    "| judged | flows | malicious | precision | recall | F1 | benign FPR | average precision "
    "| rounds | malicious from |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";

std::string figure_row(const std::string& name, const Confusion& confusion) {
  return "| " + name + " | " + whole_figure(confusion.total()) + " | " +
         whole_figure(confusion.of_truth(1)) + " | " + figure(confusion.precision(1)) + " | " +
         figure(confusion.recall(1)) + " | " + figure(confusion.f1(1)) + " | " +
         figure(confusion.benign_false_positive_rate()) + " |";
}

std::string whole(std::size_t count) { return whole_figure(static_cast<double>(count)); }

std::string chosen_line(const std::string& name, const TableModel& model) {
  const ThresholdChoice& at = model.threshold;
  return "- " + name + ": " + std::to_string(model.rounds) + " rounds; F1 of what was left out " +
         figure(at.best_f1) + " at best (from " + figure(at.best_threshold) + ", standard error " +
         figure(at.standard_error) + "), within it from " + figure(at.least) + " to " +
         figure(at.most) + "; chosen " + figure(at.threshold) + " (F1 " + figure(at.f1) + ")";
}

std::string inputs_line(const TableSource& source) {
  return std::to_string(source.inputs.size()) + " of our " + std::to_string(kInputs) + " inputs";
}

Tables all_of(const std::vector<FlowTable>& tables) {
  Tables all;
  for (const FlowTable& table : tables) all.push_back(&table);
  return all;
}

std::string not_measured(const std::string& folder) {
  return "Not measured: there is no folder " + folder + ".\n\n";
}

struct FigureOfColumns {
  std::string whole;   // a row
  std::string tables;  // rows
  std::string chosen;  // a line
};

base::Result<FigureOfColumns> figure_of(const TableSource& source, const Tables& learnt,
                                        const Tables& judged, TableColumns columns,
                                        const std::string& name) {
  const auto model = train_on_tables(source, learnt, columns);
  if (!model.ok()) return model.error();
  const double threshold = model->threshold.threshold;
  std::vector<Scored> all;
  FigureOfColumns text;
  for (const FlowTable* table : judged) {
    const auto scores = table_scores(source, *model, *table);
    if (!scores.ok()) return scores.error();
    text.tables += figure_row(table->name, confusion_at(*scores, threshold)) + "\n";
    all.insert(all.end(), scores->begin(), scores->end());
  }
  text.whole = figure_row("**" + name + "**", confusion_at(all, threshold)) + "\n";
  text.chosen = chosen_line(name, *model) + "; average precision on eval/ " +
                figure(average_precision(precision_recall_curve(std::move(all)))) + ".\n";
  return text;
}

std::string days_line(const char* what, const std::vector<FlowTable>& days) {
  std::size_t flows = 0;
  std::size_t outliers = 0;
  for (const FlowTable& day : days) {
    flows += day.flows();
    outliers += day.unknown;
  }
  return what + std::to_string(days.size()) + " days, " + days.front().name + " to " +
         days.back().name + ": " + whole(flows) + " flows, all of them (" + whole(outliers) +
         " rows labelled `outlier` dropped).\n";
}

// Which tables are learnt and which are judged.
struct Split {
  std::string name;
  Tables learnt;
  Tables judged;
};

std::vector<Split> each_left_out(const std::vector<FlowTable>& tables) {
  std::vector<Split> splits;
  for (const FlowTable& out : tables) {
    Split split = {out.name, {}, {&out}};
    for (const FlowTable& table : tables) {
      if (&table != &out) split.learnt.push_back(&table);
    }
    splits.push_back(std::move(split));
  }
  return splits;
}

base::Result<std::string> split_rows(const TableSource& source, const std::vector<Split>& splits,
                                     const Say& say) {
  std::string rows;
  for (const Split& split : splits) {
    say(std::string(source.name) + ": " + split.name);
    const auto model = train_on_tables(source, split.learnt, TableColumns::inputs);
    if (!model.ok()) return model.error();
    std::vector<Scored> all;
    for (const FlowTable* table : split.judged) {
      const auto scores = table_scores(source, *model, *table);
      if (!scores.ok()) return scores.error();
      all.insert(all.end(), scores->begin(), scores->end());
    }
    const double threshold = model->threshold.threshold;
    rows += figure_row(split.name, confusion_at(all, threshold));
    rows += " " + figure(average_precision(precision_recall_curve(std::move(all)))) + " | " +
            std::to_string(model->rounds) + " | " + figure(threshold) + " |\n";
  }
  return rows;
}

std::string dropped_lines(const std::vector<FlowTable>& tables) {
  std::string lines;
  for (const FlowTable& table : tables) {
    lines += "- " + table.name + ": " + whole(table.flows()) + " flows, " +
             whole(table.malicious_flows()) +
             " of them malicious; dropped: " + whole(table.unknown) + " rows of the background, " +
             whole(table.no_packets) + " without a packet.\n";
  }
  return lines;
}

// IoT-23's captures by a model of the others, and the others by one of IoT-23's; none when either
// is not there.
std::vector<Split> between_networks(const std::vector<FlowTable>& tables) {
  Split iot = {"IoT-23, by a model of the other captures", {}, {}};
  Split others = {"the other captures, by a model of IoT-23", {}, {}};
  for (const FlowTable& table : tables) {
    const bool is_iot = table.name.starts_with("iot23");
    (is_iot ? others.learnt : iot.learnt).push_back(&table);
    (is_iot ? iot.judged : others.judged).push_back(&table);
  }
  if (iot.judged.empty() || others.judged.empty()) return {};
  return {iot, others};
}

}  // namespace

base::Result<std::string> luflow_text(const std::string& folder, const Say& say) {
  if (!std::filesystem::is_directory(folder)) return not_measured(folder);
  const TableSource& source = luflow_source();
  const auto learnt = read_tables(source, folder + "/train");
  if (!learnt.ok()) return learnt.error();
  const auto judged = read_tables(source, folder + "/eval");
  if (!judged.ok()) return judged.error();
  say("LUFlow: " + std::to_string(learnt->size()) + " days to learn, " +
      std::to_string(judged->size()) + " to judge");
  const std::string told = inputs_line(source);
  const auto ours = figure_of(source, all_of(*learnt), all_of(*judged), TableColumns::inputs, told);
  if (!ours.ok()) return ours.error();
  const auto more =
      figure_of(source, all_of(*learnt), all_of(*judged), TableColumns::inputs_and_own,
                "the same and LUFlow's `entropy` and `total_entropy`");
  if (!more.ok()) return more.error();
  return "Models of LUFlow's own days, not the model that ships: it tells malicious from benign by "
         "what the table says of a flow, without ports.\n\n" +
         days_line("Trained on ", *learnt) + days_line("Judged on ", *judged) + "\n" + kRowHead +
         ours->whole + more->whole + "| baseline: XGBoost without ports | – | – | – | – | " +
         figure(kLuflowBaselineF1) + " | – |\n\nBy day, " + told + ":\n\n" + kRowHead +
         ours->tables + "\nBy day, with the entropies:\n\n" + kRowHead + more->tables +
         "\nWhat was chosen on train/, each day left out once:\n\n" + ours->chosen + more->chosen +
         "\n";
}

base::Result<std::string> ctu13_text(const std::string& folder, const Say& say) {
  if (!std::filesystem::is_directory(folder)) return not_measured(folder);
  const TableSource& source = ctu13_source();
  const auto tables = read_tables(source, folder);
  if (!tables.ok()) return tables.error();
  const auto rows = split_rows(source, each_left_out(*tables), say);
  if (!rows.ok()) return rows.error();
  return "Each scenario judged by a model of the other ones: another botnet on another day. " +
         inputs_line(source) +
         "; rounds and threshold chosen on the scenarios that are learnt, "
         "each left out once.\n\n" +
         kSplitHead + *rows + "\n" + dropped_lines(*tables) + "\n";
}

base::Result<std::string> zeek_text(const std::string& folder, const Say& say) {
  if (!std::filesystem::is_directory(folder)) return not_measured(folder);
  const TableSource& source = zeek_source();
  const auto tables = read_tables(source, folder);
  if (!tables.ok()) return tables.error();
  std::vector<Split> splits = each_left_out(*tables);
  for (Split& split : between_networks(*tables)) splits.push_back(std::move(split));
  const auto rows = split_rows(source, splits, say);
  if (!rows.ok()) return rows.error();
  return "Each capture judged by a model of all others, then one network by another. " +
         inputs_line(source) +
         "; rounds and threshold chosen on the captures that are learnt, "
         "each left out once.\n\n" +
         kSplitHead + *rows + "\n" + dropped_lines(*tables) + "\n";
}

base::Result<std::string> tables_text(const std::string& folder, const Say& say) {
  const auto luflow = luflow_text(folder + "/luflow", say);
  if (!luflow.ok()) return luflow.error();
  const auto ctu13 = ctu13_text(folder + "/ctu13", say);
  if (!ctu13.ok()) return ctu13.error();
  const auto zeek = zeek_text(folder + "/zeek", say);
  if (!zeek.ok()) return zeek.error();
  return "### LUFlow\n\n" + *luflow + "### CTU-13\n\n" + *ctu13 + "### Zeek\n\n" + *zeek;
}

}  // namespace mlguard::ml_detector
