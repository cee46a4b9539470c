#include "ml_detector/within_scenario.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ml_detector/model_file.h"

namespace mlguard::ml_detector {
namespace {

// By capture: when the first flow begins that is not learnt.
std::vector<std::uint64_t> cuts_of(const Examples& examples) {
  std::vector<std::vector<std::uint64_t>> begins(examples.captures.size());
  for (const Example& example : examples.flows) {
    if (!example.early) begins[example.capture].push_back(example.first_ns);
  }
  std::vector<std::uint64_t> cuts;
  cuts.reserve(begins.size());
  for (auto& of_capture : begins) {
    std::sort(of_capture.begin(), of_capture.end());
    const double learnt = std::ceil(kLearntShare * static_cast<double>(of_capture.size()));
    const auto place = static_cast<std::size_t>(learnt);
    cuts.push_back(place < of_capture.size() ? of_capture[place] : ~std::uint64_t{0});
  }
  return cuts;
}

}  // namespace

ByTime cut_by_time(const Examples& examples) {
  ByTime parts;
  parts.earlier.captures = examples.captures;
  parts.later.captures = examples.captures;
  const std::vector<std::uint64_t> cuts = cuts_of(examples);
  for (const Example& example : examples.flows) {
    if (examples.is_variant(example)) continue;
    const bool is_later = example.first_ns >= cuts[example.capture];
    (is_later ? parts.later : parts.earlier).flows.push_back(example);
  }
  return parts;
}

base::Result<Evaluation> within_scenario(const Examples& examples, const TrainOptions& options,
                                         const Say& say) {
  const ByTime parts = cut_by_time(examples);
  const auto text = train_plainly(parts.earlier, options, kWithinRounds, say);
  if (!text.ok()) return text.error();
  const auto model = Model::parse(*text);
  if (!model.ok()) return model.error();
  return evaluate(parts.later, probabilities_of(parts.later, *model), *model);
}

}  // namespace mlguard::ml_detector
