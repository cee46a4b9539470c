#include "tests/unit/ml_detector/trained_models.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "ml_detector/inputs.h"

namespace mlguard::ml_detector {

LabelledRows made_up_rows(std::size_t count, std::size_t features, std::size_t classes,
                          unsigned seed) {
  constexpr unsigned kSharesOfMissing = 6;
  LabelledRows rows;
  rows.features = features;
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> anything(-10, 10);
  for (std::size_t i = 0; i < count; ++i) {
    float sum = 0;
    for (std::size_t f = 0; f < features; ++f) {
      // Whole numbers are many, so that rows stand on thresholds.
      float value = f % 2 == 0 ? anything(random) : std::round(anything(random));
      if (random() % kSharesOfMissing == 0) value = std::numeric_limits<float>::quiet_NaN();
      rows.values.push_back(value);
      sum += std::isnan(value) ? static_cast<float>(f % 3) * 4 - 4 : value * std::sin(value);
    }
    const auto noisy = std::abs(sum) / 4 + static_cast<float>(random() % 2);
    rows.labels.push_back(static_cast<float>(static_cast<std::size_t>(noisy) % classes));
    rows.weights.push_back(0.25F + static_cast<float>(random() % 8));
  }
  return rows;
}

TrainedModel trained_model(std::size_t classes, std::size_t features, std::size_t rounds,
                           std::size_t depth) {
  BoostOptions options;
  options.classes = classes;
  options.max_depth = depth;
  options.eta = 0.3;
  const LabelledRows rows = made_up_rows(4'000, features, classes, 1);
  Booster booster = std::move(*Booster::create(rows, nullptr, options));
  for (std::size_t i = 0; i < rounds; ++i) {
    if (!booster.train_round().ok()) std::abort();
  }
  std::string xgboost = *booster.json();
  return {std::move(booster), std::move(xgboost)};
}

std::string model_file_text(const std::string& xgboost, std::size_t classes, std::size_t features) {
  ModelInfo info;
  info.name = "made-up";
  for (std::size_t i = 0; i < features; ++i) info.inputs.emplace_back(input_table()[i].name);
  for (std::size_t i = 0; i < classes; ++i) {
    info.classes.push_back(i == 0 ? std::string(kBenign) : "attack_" + std::to_string(i));
    info.thresholds.push_back(0.25F);
  }
  info.training = R"({"seed":1})";
  info.metrics = "{}";
  return model_text(info, xgboost);
}

}  // namespace mlguard::ml_detector
