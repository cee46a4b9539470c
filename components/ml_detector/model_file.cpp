#include "ml_detector/model_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/files.h"
#include "base/json_check.h"
#include "base/sha256.h"
#include "ml_detector/inputs.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;
using nlohmann::json;

constexpr std::size_t kClassNameCharsMax = 63;

Error bad_model(const std::string& what) { return {ErrorCode::corrupt, "bad_model", what}; }

bool is_name(const std::string& text, std::size_t chars_max) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= chars_max && std::all_of(text.begin(), text.end(), fits);
}

base::Status check_names(const char* field, const std::vector<std::string>& names,
                         std::size_t most) {
  if (names.empty() || names.size() > most) {
    return bad_model(std::string(field) + " has " + std::to_string(names.size()) +
                     " entries; 1 to " + std::to_string(most) + " can be");
  }
  for (const std::string& name : names) {
    if (!is_name(name, kClassNameCharsMax))
      return bad_model(std::string(field) + " has a bad name");
  }
  if (std::set<std::string>(names.begin(), names.end()).size() != names.size()) {
    return bad_model(std::string(field) + " has a name twice");
  }
  return {};
}

// May throw json::exception, which parse() turns into an error.
base::Result<ModelInfo> info_of(const json& document) {
  if (document.at("format") != kModelFormat) {
    return Error{ErrorCode::unsupported, "model_format", "this is no model of ml-guard"};
  }
  if (document.at("format_version") != kModelFormatVersion) {
    return Error{ErrorCode::unsupported, "model_format",
                 "format_version is not " + std::to_string(kModelFormatVersion) +
                     ": the model was made for another version of ml-guard"};
  }
  ModelInfo info;
  info.name = document.at("name").get<std::string>();
  if (!is_name(info.name, kModelNameCharsMax)) return bad_model("name is not a name");
  info.inputs = document.at("inputs").get<std::vector<std::string>>();
  info.classes = document.at("classes").get<std::vector<std::string>>();
  const base::Status inputs = check_names("inputs", info.inputs, kForestFeaturesMax);
  if (!inputs.ok()) return inputs.error();
  const base::Status classes = check_names("classes", info.classes, kForestOutputsMax);
  if (!classes.ok()) return classes.error();
  if (info.classes.size() < 2 || info.classes.front() != kBenign) {
    return bad_model("classes has to begin with benign, and to hold an attack");
  }
  info.thresholds.assign(info.classes.size(), 1);
  const json& thresholds = document.at("thresholds");
  for (std::size_t i = 1; i < info.classes.size(); ++i) {
    info.thresholds[i] = thresholds.at(info.classes[i]).get<float>();
    if (!(info.thresholds[i] > 0 && info.thresholds[i] < 1)) {
      return bad_model("thresholds." + info.classes[i] + " is not between 0 and 1");
    }
  }
  if (!document.at("training").is_object() || !document.at("metrics").is_object()) {
    return bad_model("training and metrics have to be objects");
  }
  info.training = document.at("training").dump();
  info.metrics = document.at("metrics").dump();
  return info;
}

base::Result<std::vector<std::size_t>> places_of(const std::vector<std::string>& inputs) {
  std::vector<std::size_t> places;
  for (const std::string& name : inputs) {
    const std::optional<std::size_t> place = find_input(name);
    if (!place) {
      return Error{ErrorCode::unsupported, "model_inputs",
                   "the model looks at " + name + ", which this build does not compute"};
    }
    places.push_back(*place);
  }
  return places;
}

}  // namespace

Model::Model(ModelInfo info, XgboostModel trained, Forest forest, std::vector<std::size_t> places)
    : info_(std::move(info)),
      objective_(trained.objective),
      trained_(std::move(trained.forest)),
      forest_(std::move(forest)),
      input_places_(std::move(places)) {}

base::Result<Model> Model::load(const std::string& path) {
  const base::Result<std::string> text = base::read_file(path, kModelBytesMax);
  if (!text.ok()) return text.error();
  base::Result<Model> model = parse(*text);
  if (model.ok()) return model;
  const Error& error = model.error();
  return Error{error.code, error.reason, path + ": " + error.message};
}

base::Result<Model> Model::parse(std::string_view text) {
  if (text.size() > kModelBytesMax) {
    return Error{ErrorCode::too_large,
                 "a model has at most " + std::to_string(kModelBytesMax) + " bytes"};
  }
  const base::Status sound = base::check_json(text);
  if (!sound.ok()) return sound.error();
  try {
    const json document = json::parse(text);
    base::Result<ModelInfo> info = info_of(document);
    if (!info.ok()) return info.error();
    auto places = places_of(info->inputs);
    if (!places.ok()) return places.error();
    base::Result<XgboostModel> trained = parse_xgboost(document.at("xgboost").dump());
    if (!trained.ok()) return trained.error();
    if (trained->forest.features != info->inputs.size()) {
      return bad_model("inputs has " + std::to_string(info->inputs.size()) +
                       " entries, the trees know " + std::to_string(trained->forest.features));
    }
    if (trained->classes != info->classes.size()) {
      return bad_model("classes has " + std::to_string(info->classes.size()) +
                       " entries, the trees know " + std::to_string(trained->classes));
    }
    base::Result<Forest> forest = Forest::build(trained->forest);
    if (!forest.ok()) return forest.error();
    base::Sha256 hash;
    hash.update(text);
    info->sha256 = hash.finish();
    return Model(std::move(*info), std::move(*trained), std::move(*forest), std::move(*places));
  } catch (const json::exception& error) {
    return bad_model(error.what());
  }
}

void Model::probabilities_of(const float* margins, float* probabilities) const {
  if (objective_ == Objective::logistic) {
    const float attack = 1.0F / (1.0F + std::exp(-margins[0]));
    probabilities[0] = 1.0F - attack;
    probabilities[1] = attack;
    return;
  }
  const std::size_t count = classes();
  const float most = *std::max_element(margins, margins + count);
  float sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    probabilities[i] = std::exp(margins[i] - most);
    sum += probabilities[i];
  }
  for (std::size_t i = 0; i < count; ++i) probabilities[i] /= sum;
}

void Model::probabilities(const float* row, float* probabilities) const {
  std::array<float, kForestOutputsMax> margins;
  forest_.margins(row, margins.data());
  probabilities_of(margins.data(), probabilities);
}

void Model::probabilities(const float* rows, std::size_t count, float* probabilities) const {
  std::array<float, kForestBatchRows * kForestOutputsMax> margins;
  const std::size_t outputs = forest_.outputs();
  for (std::size_t done = 0; done < count; done += kForestBatchRows) {
    const std::size_t now = std::min(count - done, kForestBatchRows);
    forest_.margins(rows + done * forest_.features(), now, margins.data());
    for (std::size_t i = 0; i < now; ++i) {
      probabilities_of(margins.data() + i * outputs, probabilities + (done + i) * classes());
    }
  }
}

Judgement Model::judge(const float* probabilities) const {
  constexpr float kAtThreshold = 0.5F;
  Judgement judgement;
  for (std::size_t i = 1; i < classes(); ++i) {
    const float threshold = info_.thresholds[i];
    const float p = probabilities[i];
    const float score = p < threshold
                            ? kAtThreshold * p / threshold
                            : kAtThreshold + (1 - kAtThreshold) * (p - threshold) / (1 - threshold);
    if (judgement.nearest_attack != 0 && score <= judgement.score) continue;
    judgement.score = score;
    judgement.nearest_attack = i;
  }
  if (judgement.score >= kAtThreshold) judgement.class_index = judgement.nearest_attack;
  return judgement;
}

std::string model_text(const ModelInfo& info, std::string_view xgboost) {
  nlohmann::ordered_json document;
  document["format"] = kModelFormat;
  document["format_version"] = kModelFormatVersion;
  document["name"] = info.name;
  document["inputs"] = info.inputs;
  document["classes"] = info.classes;
  for (std::size_t i = 1; i < info.classes.size(); ++i) {
    document["thresholds"][info.classes[i]] = info.thresholds[i];
  }
  document["training"] = nlohmann::ordered_json::parse(info.training);
  document["metrics"] = nlohmann::ordered_json::parse(info.metrics);
  document["xgboost"] = nlohmann::ordered_json::parse(xgboost);
  return document.dump() + "\n";
}

}  // namespace mlguard::ml_detector
