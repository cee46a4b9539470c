#include "ml_detector/trainer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "ml_detector/evaluation.h"
#include "ml_detector/model_file.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

using Counts = std::vector<std::array<double, kTrafficClassCount>>;

Counts count_rows(const Examples& examples) {
  Counts counts(examples.captures.size());
  for (const Example& example : examples.flows) counts[example.capture][example.class_index] += 1;
  return counts;
}

struct Inputs {
  std::vector<std::string> names;
  std::vector<std::size_t> places;
};

base::Result<Inputs> find_inputs(const std::vector<std::string>& names) {
  Inputs inputs;
  inputs.names = names;
  if (names.empty()) {
    for (const InputName& input : input_table()) inputs.names.emplace_back(input.name);
  }
  for (const std::string& name : inputs.names) {
    const auto place = find_input(name);
    if (!place) return Error{ErrorCode::invalid_argument, "there is no input " + name};
    inputs.places.push_back(*place);
  }
  return inputs;
}

void append(const Example& example, const Inputs& inputs, float weight, LabelledRows& rows) {
  for (const std::size_t place : inputs.places) rows.values.push_back(example.row[place]);
  rows.labels.push_back(static_cast<float>(example.class_index));
  rows.weights.push_back(weight);
}

std::string model_of(const TrainOptions& options, const Inputs& inputs,
                     const std::vector<float>& thresholds, const std::string& training,
                     const std::string& xgboost) {
  ModelInfo info;
  info.name = options.name;
  info.inputs = inputs.names;
  info.classes.assign(kTrafficClasses.begin(), kTrafficClasses.end());
  info.thresholds = thresholds;
  info.training = training;
  info.metrics = "{}";
  return model_text(info, xgboost);
}

// Trains until the loss on what is held back no longer falls; where it was least.
base::Result<std::size_t> train_until_worse(Booster& booster, const TrainOptions& options,
                                            double& least) {
  std::size_t best = 0;
  for (std::size_t round = 1; round <= options.rounds_max; ++round) {
    if (const auto done = booster.train_round(); !done.ok()) return done.error();
    const auto loss = booster.held_back_loss();
    if (!loss.ok()) return loss.error();
    if (best == 0 || *loss < least) {
      least = *loss;
      best = round;
    }
    if (round - best >= options.patience) break;
  }
  return best;
}

std::string loss_line(std::size_t fold, const TrainOptions& options, std::size_t rows,
                      std::size_t rounds, double loss) {
  char line[160];
  std::snprintf(line, sizeof line, "fold %zu of %zu: %zu rows, best after %zu rounds, loss %.4f",
                fold + 1, options.folds, rows, rounds, loss);
  return line;
}

class HeldBackTraining {
 public:
  HeldBackTraining(const Examples& examples, const TrainOptions& options, const Inputs& inputs,
                   const std::vector<float>& weights)
      : examples_(examples), options_(options), inputs_(inputs), weights_(weights) {
    result_.probabilities.assign(examples.flows.size() * kTrafficClassCount, 0);
  }

  base::Result<HeldBackResult> run(const Say& say) {
    for (std::size_t repeat = 0; repeat < options_.repeats; ++repeat) {
      const auto seed = static_cast<std::uint32_t>(options_.seed + repeat);
      fold_of_ = folds_of(examples_.captures, options_.folds, options_.hold_back, seed);
      for (std::size_t fold = 0; fold < options_.folds; ++fold) {
        if (const auto done = run_fold(fold, say); !done.ok()) return done.error();
      }
    }
    return std::move(result_);
  }

 private:
  base::Status run_fold(std::size_t fold, const Say& say) {
    LabelledRows train;
    LabelledRows held_back;
    train.features = held_back.features = inputs_.places.size();
    for (std::size_t i = 0; i < examples_.flows.size(); ++i) {
      const Example& example = examples_.flows[i];
      if (weights_[i] <= 0) continue;
      const bool held = fold_of_[example.capture] == fold;
      if (held && examples_.is_variant(example)) continue;
      append(example, inputs_, weights_[i], held ? held_back : train);
    }
    if (held_back.count() == 0) return {};
    BoostOptions boost = options_.boost;
    boost.classes = kTrafficClassCount;
    boost.seed = options_.seed;
    auto booster = Booster::create(train, &held_back, boost);
    if (!booster.ok()) return booster.error();
    double loss = 0;
    const auto rounds = train_until_worse(*booster, options_, loss);
    if (!rounds.ok()) return rounds.error();
    result_.rounds.push_back(*rounds);
    say(loss_line(fold, options_, train.count(), *rounds, loss));
    const auto json = booster->json(*rounds);
    if (!json.ok()) return json.error();
    return judge_held_back(fold, *json);
  }

  base::Status judge_held_back(std::size_t fold, const std::string& xgboost) {
    const std::vector<float> any(kTrafficClassCount, 0.5F);
    const auto model = Model::parse(model_of(options_, inputs_, any, "{}", xgboost));
    if (!model.ok()) return model.error();
    std::vector<float> row(inputs_.places.size());
    std::array<float, kTrafficClassCount> probabilities;
    for (std::size_t i = 0; i < examples_.flows.size(); ++i) {
      const Example& example = examples_.flows[i];
      if (fold_of_[example.capture] != fold) continue;
      for (std::size_t f = 0; f < row.size(); ++f) row[f] = example.row[inputs_.places[f]];
      model->probabilities(row.data(), probabilities.data());
      for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
        result_.probabilities[i * kTrafficClassCount + c] +=
            probabilities[c] / static_cast<float>(options_.repeats);
      }
    }
    return {};
  }

  const Examples& examples_;
  const TrainOptions& options_;
  const Inputs& inputs_;
  const std::vector<float>& weights_;
  std::vector<std::size_t> fold_of_;
  HeldBackResult result_;
};

// All captures are more than those of one fold: as many more rounds.
std::size_t rounds_for_all(std::vector<std::size_t> rounds, const TrainOptions& options) {
  std::sort(rounds.begin(), rounds.end());
  const double median = static_cast<double>(rounds[rounds.size() / 2]);
  const double more = static_cast<double>(options.folds) / static_cast<double>(options.folds - 1);
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(median * more)));
}

base::Result<std::string> train_on_all(const Examples& examples, const TrainOptions& options,
                                       const Inputs& inputs, const std::vector<float>& weights,
                                       std::size_t rounds, const Say& say) {
  LabelledRows rows;
  rows.features = inputs.places.size();
  for (std::size_t i = 0; i < examples.flows.size(); ++i) {
    if (weights[i] > 0) append(examples.flows[i], inputs, weights[i], rows);
  }
  BoostOptions boost = options.boost;
  boost.classes = kTrafficClassCount;
  boost.seed = options.seed;
  auto booster = Booster::create(rows, nullptr, boost);
  if (!booster.ok()) return booster.error();
  constexpr std::size_t kRoundsBetweenLines = 20;
  for (std::size_t round = 1; round <= rounds; ++round) {
    if (const auto done = booster->train_round(); !done.ok()) return done.error();
    if (round % kRoundsBetweenLines == 0 || round == rounds) {
      say("all captures: round " + std::to_string(round) + " of " + std::to_string(rounds));
    }
  }
  return booster->json();
}

void count_verdicts(const Examples& examples, const std::vector<float>& weights, const Model& model,
                    TrainResult& result) {
  for (std::size_t i = 0; i < examples.flows.size(); ++i) {
    const Example& example = examples.flows[i];
    const Variant variant = examples.captures[example.capture].variant;
    const bool is_mix = variant == Variant::mixed;
    if (weights[i] <= 0 || (examples.is_variant(example) && !is_mix)) continue;
    const Judgement judgement = model.judge(result.held_back.data() + i * kTrafficClassCount);
    const auto weight = static_cast<double>(weights[i]);
    Confusion& confusion = is_mix ? result.mixes : result.weighted;
    confusion.add(example.class_index, judgement.class_index, weight);
    if (!is_mix) result.whole.add(example.class_index, whole_verdict(example, judgement), weight);
  }
}

}  // namespace

std::vector<float> weights_of(const Examples& examples, double class_balance) {
  const Counts counts = count_rows(examples);
  std::array<double, kTrafficClassCount> of_class{};
  for (const auto& capture : counts) {
    for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
      of_class[c] += std::min(capture[c], kFlowsPerCaptureMax);
    }
  }
  const double most = *std::max_element(of_class.begin(), of_class.end());
  Counts seen(examples.captures.size());
  std::vector<float> weights(examples.flows.size(), 0);
  for (std::size_t i = 0; i < examples.flows.size(); ++i) {
    const Example& example = examples.flows[i];
    const std::size_t c = example.class_index;
    const double rows = counts[example.capture][c];
    const double kept = std::min(rows, static_cast<double>(kRowsPerCaptureMax));
    // Evenly spaced: those at which another whole one of the kept has come up.
    const double before = std::floor(seen[example.capture][c] * kept / rows);
    seen[example.capture][c] += 1;
    if (std::floor(seen[example.capture][c] * kept / rows) <= before) continue;
    const double votes = std::min(rows, kFlowsPerCaptureMax) / kept;
    weights[i] = static_cast<float>(votes * std::pow(most / of_class[c], class_balance));
  }
  return weights;
}

std::vector<float> choose_thresholds(const Examples& examples,
                                     const std::vector<float>& probabilities,
                                     const std::vector<float>& weights, double benign_cost) {
  constexpr float kLeast = 0.3F;
  constexpr float kMost = 0.95F;
  std::vector<float> thresholds(kTrafficClassCount, 0.5F);
  for (std::size_t c = 1; c < kTrafficClassCount; ++c) {
    std::vector<Scored> scored;
    for (std::size_t i = 0; i < examples.flows.size(); ++i) {
      const Variant variant = examples.captures[examples.flows[i].capture].variant;
      if (weights[i] <= 0 || variant == Variant::faster || variant == Variant::slower) continue;
      const std::size_t truth = examples.flows[i].class_index;
      const float cost = truth == 0 ? static_cast<float>(benign_cost) : 1.0F;
      scored.push_back({probabilities[i * kTrafficClassCount + c], truth == c, cost * weights[i]});
    }
    double best = -1;
    for (const CurvePoint& point : precision_recall_curve(std::move(scored))) {
      if (point.f1() <= best) continue;
      best = point.f1();
      thresholds[c] = std::clamp(point.threshold, kLeast, kMost);
    }
  }
  return thresholds;
}

base::Result<TrainResult> train(const Examples& examples, const TrainOptions& options,
                                const std::string& training, const Say& say) {
  const auto inputs = find_inputs(options.inputs);
  if (!inputs.ok()) return inputs.error();
  const std::vector<float> weights = weights_of(examples, options.class_balance);
  auto held_back = HeldBackTraining(examples, options, *inputs, weights).run(say);
  if (!held_back.ok()) return held_back.error();
  TrainResult result;
  result.thresholds =
      choose_thresholds(examples, held_back->probabilities, weights, options.benign_cost);
  result.rounds = rounds_for_all(held_back->rounds, options);
  const auto xgboost = train_on_all(examples, options, *inputs, weights, result.rounds, say);
  if (!xgboost.ok()) return xgboost.error();
  result.model = model_of(options, *inputs, result.thresholds, training, *xgboost);
  const auto model = Model::parse(result.model);
  if (!model.ok()) return model.error();
  result.held_back = std::move(held_back->probabilities);
  count_verdicts(examples, weights, *model, result);
  return result;
}

base::Result<std::string> train_plainly(const Examples& examples, const TrainOptions& options,
                                        std::size_t rounds, const Say& say) {
  const auto inputs = find_inputs(options.inputs);
  if (!inputs.ok()) return inputs.error();
  const std::vector<float> weights = weights_of(examples, options.class_balance);
  const auto xgboost = train_on_all(examples, options, *inputs, weights, rounds, say);
  if (!xgboost.ok()) return xgboost.error();
  const std::vector<float> thresholds(kTrafficClassCount, 0.5F);
  return model_of(options, *inputs, thresholds, "{}", *xgboost);
}

}  // namespace mlguard::ml_detector
