#include "ml_detector/xgboost_json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "base/json_check.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;
using nlohmann::json;

// What is missing or wrong is told by throwing within this file: json does so itself.
struct Bad {
  Error error;
};
[[noreturn]] void corrupt(const std::string& what) {
  throw Bad{{ErrorCode::corrupt, "bad_trees", "XGBoost's part of the model: " + what}};
}
[[noreturn]] void unsupported(const char* reason, const std::string& what) {
  throw Bad{{ErrorCode::unsupported, reason, "XGBoost's part of the model: " + what}};
}

// Numbers stand as text in the parameters: "3E-1".
template <class Number>
Number number_in(const json& object, const char* name) {
  const std::string text = object.at(name).get<std::string>();
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    corrupt(std::string(name) + " is \"" + text.substr(0, 32) + "\"");
  }
  return value;
}

template <class Value>
std::vector<Value> column(const json& tree, const char* name, std::size_t size) {
  const json& values = tree.at(name);
  if (!values.is_array() || values.size() != size) {
    corrupt(std::string(name) + " has not " + std::to_string(size) + " entries");
  }
  // json would cast a fraction, or 1e90, to a whole number.
  if constexpr (std::is_integral_v<Value>) {
    for (const json& value : values) {
      if (!value.is_number_integer()) corrupt(std::string(name) + " holds what is no whole number");
    }
  }
  return values.get<std::vector<Value>>();
}

// Indices that do not fit into 32 bits are refused here, not cut.
std::vector<std::int32_t> indices(const json& tree, const char* name, std::size_t size) {
  std::vector<std::int32_t> narrow;
  for (const auto value : column<std::int64_t>(tree, name, size)) {
    if (value < -1 || value > std::numeric_limits<std::int32_t>::max()) {
      corrupt(std::string(name) + " holds " + std::to_string(value));
    }
    narrow.push_back(static_cast<std::int32_t>(value));
  }
  return narrow;
}

Tree tree_of(const json& source) {
  const std::size_t size = source.at("left_children").size();
  if (size == 0 || size > kTreeNodesMax) corrupt("a tree of " + std::to_string(size) + " nodes");
  const auto left = indices(source, "left_children", size);
  const auto right = indices(source, "right_children", size);
  const auto feature = indices(source, "split_indices", size);
  const auto value = column<double>(source, "split_conditions", size);
  const auto missing_left = column<std::int64_t>(source, "default_left", size);
  const auto cover = column<double>(source, "sum_hessian", size);
  for (const std::int64_t kind : column<std::int64_t>(source, "split_type", size)) {
    if (kind != 0) unsupported("categories", "splits by category are not served");
  }
  Tree tree(size);
  for (std::size_t i = 0; i < size; ++i) {
    if (feature[i] < 0) corrupt("split_indices holds " + std::to_string(feature[i]));
    tree[i] = {left[i],
               right[i],
               static_cast<std::uint32_t>(feature[i]),
               static_cast<float>(value[i]),
               missing_left[i] != 0,
               static_cast<float>(cover[i])};
  }
  return tree;
}

void read_objective(const json& learner, XgboostModel& model) {
  const std::string objective = learner.at("objective").at("name").get<std::string>();
  const json& parameters = learner.at("learner_model_param");
  const auto base_score = number_in<float>(parameters, "base_score");
  const auto classes = number_in<std::size_t>(parameters, "num_class");
  if (objective == "binary:logistic") {
    if (!(base_score > 0 && base_score < 1)) corrupt("base_score is no probability");
    model.objective = Objective::logistic;
    model.forest.outputs = 1;
    model.forest.base_margin = -std::log(1.0F / base_score - 1.0F);
    model.classes = 2;
  } else if (objective == "multi:softprob") {
    model.objective = Objective::softmax;
    model.forest.outputs = classes;
    model.forest.base_margin = base_score;
    model.classes = classes;
    if (classes < 2) corrupt("num_class is " + std::to_string(classes));
  } else {
    unsupported("objective", "the objective " + objective.substr(0, 64) +
                                 " is not served; binary:logistic and multi:softprob are");
  }
}

XgboostModel model_of(const json& document) {
  const json& learner = document.at("learner");
  const json& booster = learner.at("gradient_booster");
  if (booster.at("name") != "gbtree") unsupported("booster", "only gbtree is served");
  XgboostModel model;
  read_objective(learner, model);
  model.forest.features = number_in<std::size_t>(learner.at("learner_model_param"), "num_feature");
  const json& trees = booster.at("model").at("trees");
  if (!trees.is_array() || trees.size() > kForestTreesMax) corrupt("too many trees");
  for (const json& tree : trees) model.forest.trees.push_back(tree_of(tree));
  for (const std::int32_t output : indices(booster.at("model"), "tree_info", trees.size())) {
    if (output < 0) corrupt("tree_info holds a negative number");
    model.forest.output_of_tree.push_back(static_cast<std::uint32_t>(output));
  }
  return model;
}

}  // namespace

base::Result<XgboostModel> parse_xgboost(std::string_view text) {
  const base::Status sound = base::check_json(text);
  if (!sound.ok()) return sound.error();
  try {
    return model_of(json::parse(text));
  } catch (const Bad& bad) {
    return bad.error;
  } catch (const json::exception& error) {
    return Error{ErrorCode::corrupt, "bad_trees",
                 std::string("XGBoost's part of the model: ") + error.what()};
  }
}

}  // namespace mlguard::ml_detector
