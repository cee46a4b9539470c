// The part of docs/model-card.md that is measured, and its pictures: `ml-detector evaluate --card`
// writes them anew, so that no figure is typed by hand. Stateless; safe from any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "ml_detector/corpus.h"
#include "ml_detector/evaluation.h"
#include "ml_detector/model_file.h"

namespace mlguard::ml_detector {

// What stands between these two lines of the card is replaced.
inline constexpr const char* kMeasuredBegin = "<!-- measured: begin -->";
inline constexpr const char* kMeasuredEnd = "<!-- measured: end -->";

// Precision over recall as SVG, a line for each class and one for attack or not.
std::string precision_recall_svg(const Evaluation& evaluation);
// Which inputs the trees ask for most, by the training weight that passes there.
std::string input_table_text(const Model& model, std::size_t most);
// Where the captures come from: repository, commit, class, number.
std::string provenance_table(const Corpus& train);
// Everything that is measured, as Markdown. `picture`: where the card finds the SVG;
// `served`: of served.h.
std::string measured_text(const Evaluation& evaluation, const Model& model, const Corpus& train,
                          const std::string& picture, const std::string& served);
// Error: corrupt when the card lacks the two lines.
base::Result<std::string> with_measured(const std::string& card, const std::string& measured);

}  // namespace mlguard::ml_detector
