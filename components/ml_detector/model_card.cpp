#include "ml_detector/model_card.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "ml_detector/report.h"

namespace mlguard::ml_detector {
namespace {

constexpr double kLeft = 60;
constexpr double kTop = 20;
constexpr double kSide = 380;
// More would not be seen.
constexpr double kPixelsBetweenPoints = 1.5;
// Okabe and Ito's colours, which can be told apart without seeing red and green.
constexpr std::array<const char*, kTrafficClassCount> kColours = {"#000000", "#0072b2", "#d55e00",
                                                                  "#009e73", "#cc79a7", "#e69f00"};

std::string format(const char* pattern, double a, double b) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), pattern, a, b);
  return text.data();
}

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
  return "<text" + format(" x=\"%.1f\" y=\"%.1f\"", x, y) + " text-anchor=\"" + anchor + "\">" +
         text + "</text>\n";
}

std::string line_at(double x1, double y1, double x2, double y2, const char* colour, double width) {
  return "<line" + format(" x1=\"%.1f\" y1=\"%.1f\"", x1, y1) +
         format(" x2=\"%.1f\" y2=\"%.1f\"", x2, y2) + " stroke=\"" + colour + "\"" +
         format(" stroke-width=\"%.1f\"", width, 0) + "/>\n";
}

double x_of(double recall) { return kLeft + kSide * recall; }
double y_of(double precision) { return kTop + kSide * (1 - precision); }

std::string grid() {
  std::string svg;
  constexpr int kSteps = 5;
  for (int i = 0; i <= kSteps; ++i) {
    const double at = static_cast<double>(i) / kSteps;
    svg += line_at(x_of(at), y_of(0), x_of(at), y_of(1), "#dddddd", 1);
    svg += line_at(x_of(0), y_of(at), x_of(1), y_of(at), "#dddddd", 1);
    svg += text_at(x_of(at), y_of(0) + 18, "middle", format("%.1f", at, 0));
    svg += text_at(x_of(0) - 8, y_of(at) + 4, "end", format("%.1f", at, 0));
  }
  svg += text_at(x_of(0.5), y_of(0) + 38, "middle", "recall");
  svg += "<text transform=\"rotate(-90)\"" +
         format(" x=\"%.1f\" y=\"%.1f\"", -y_of(0.5), kLeft - 42) +
         " text-anchor=\"middle\">precision</text>\n";
  return svg;
}

// Steps, as average precision counts them.
std::string curve_line(const std::vector<CurvePoint>& curve, const char* colour) {
  std::string path;
  double drawn_x = -1;
  double drawn_y = -1;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const double x = x_of(curve[i].recall);
    const double y = y_of(curve[i].precision);
    const double moved = std::max(std::abs(x - drawn_x), std::abs(y - drawn_y));
    if (i > 0 && i + 1 < curve.size() && moved < kPixelsBetweenPoints) continue;
    path += format(i == 0 ? "M%.1f %.1f" : "L%.1f %.1f", x, y);
    drawn_x = x;
    drawn_y = y;
  }
  return "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"2\"/>\n";
}

}  // namespace

std::string precision_recall_svg(const Evaluation& evaluation) {
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"450\" "
      "font-family=\"sans-serif\" font-size=\"13\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n" +
      grid();
  double legend_y = kTop + 20;
  for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
    const auto& curve = evaluation.curves[c];
    if (curve.empty()) continue;
    svg += curve_line(curve, kColours[c]);
    const std::string name = c == 0 ? "any attack" : std::string(kTrafficClasses[c]);
    const double x = x_of(1) + 20;
    svg += line_at(x, legend_y - 4, x + 22, legend_y - 4, kColours[c], 3);
    svg += text_at(x + 30, legend_y, "start", name + " (" + figure(average_precision(curve)) + ")");
    legend_y += 24;
  }
  svg += text_at(x_of(1) + 20, legend_y + 6, "start", "in brackets: average precision");
  return svg + "</svg>\n";
}

std::string input_table_text(const Model& model, std::size_t most) {
  std::vector<double> cover(model.trained().features, 0);
  double all = 0;
  for (const Tree& tree : model.trained().trees) {
    for (const TreeNode& node : tree) {
      if (node.left < 0) continue;
      cover[node.feature] += static_cast<double>(node.cover);
      all += static_cast<double>(node.cover);
    }
  }
  std::vector<std::size_t> order(cover.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cover[a] > cover[b]; });
  if (order.size() > most) order.resize(most);
  std::string text = "| input | share |\n|---|--:|\n";
  for (const std::size_t i : order) {
    text += "| `" + model.info().inputs[i] + "` | " + figure(cover[i] / all) + " |\n";
  }
  return text;
}

std::string provenance_table(const Corpus& train) {
  constexpr std::size_t kCommitDigits = 40;
  constexpr std::size_t kCommitDigitsShown = 12;
  std::map<std::tuple<std::string, std::string, std::string>, std::size_t> captures;
  for (const CorpusFile& file : train.files) {
    const bool is_hash = file.commit.size() == kCommitDigits;
    const std::string commit = is_hash ? file.commit.substr(0, kCommitDigitsShown) : file.commit;
    ++captures[{file.repository, commit, file.main_class}];
  }
  std::string text = "| repository | commit | class | captures |\n|---|---|---|--:|\n";
  for (const auto& [key, count] : captures) {
    text += "| " + std::get<0>(key) + " | " + std::get<1>(key) + " | " + std::get<2>(key) + " | " +
            std::to_string(count) + " |\n";
  }
  return text;
}

std::string measured_text(const Evaluation& evaluation, const Model& model, const Corpus& train,
                          const std::string& picture, const std::string& served) {
  constexpr std::size_t kInputsShown = 15;
  std::string text = "\nModel `" + model.info().name + "`, sha256 `" + model.info().sha256 + "`, " +
                     std::to_string(model.forest().trees()) + " trees of depth " +
                     std::to_string(model.forest().depth()) + ".\n\n";
  text += "### On the captures of eval/\n\n" + summary_table(evaluation) + "\n";
  const std::array<std::pair<Layers, const char*>, kLayers> both = {
      {{Layers::detector, "The detector:"}, {Layers::model, "The model alone:"}}};
  for (const auto& [layers, name] : both) {
    const Confusion& confusion = evaluation.of(layers).confusion;
    text += name + ("\n\n" + class_table(confusion)) + "\n" + confusion_table(confusion) + "\n";
  }
  text += "![Precision over recall](" + picture + ")\n\n";
  text += "### Everyday captures, as served\n\n" + served;
  text +=
      "### By capture\n\nThe detector; \"by rules\" counts flows of all classes in the "
      "capture.\n\n";
  text += capture_table(evaluation, Layers::detector) + "\n";
  text +=
      "### What the trees ask for most\n\nBy the share of the training weight that passes.\n\n" +
      input_table_text(model, kInputsShown) + "\n";
  text += "### Thresholds\n\n| class | probability from which a flow counts as it |\n|---|--:|\n";
  for (std::size_t c = 1; c < model.classes(); ++c) {
    text += "| " + model.info().classes[c] + " | " +
            figure(static_cast<double>(model.info().thresholds[c])) + " |\n";
  }
  text += "\n### Trained on\n\n" + provenance_table(train);
  text += "\nArchive sha256 `" + train.archive_sha256 + "`, labels.tsv sha256 `" +
          train.labels_sha256 + "`.\n\n";
  return text;
}

base::Result<std::string> with_measured(const std::string& card, const std::string& measured) {
  const std::string begin = kMeasuredBegin;
  const std::size_t from = card.find(begin);
  const std::size_t to = card.find(kMeasuredEnd);
  if (from == std::string::npos || to == std::string::npos || to < from) {
    return base::Error{base::ErrorCode::corrupt,
                       "the card lacks the lines " + begin + " and " + kMeasuredEnd};
  }
  return card.substr(0, from + begin.size()) + "\n" + measured + card.substr(to);
}

}  // namespace mlguard::ml_detector
