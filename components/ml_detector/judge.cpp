#include "ml_detector/judge.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/model.h"
#include "ml_detector/inputs.h"

namespace mlguard::ml_detector {
namespace {

using Json = nlohmann::ordered_json;

// A flood of this class from so many sources names none of them (policy.h).
constexpr const char* kFlood = "ddos";
constexpr double kFloodSources = 50;

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

Json reasons_of(const Verdict& verdict) {
  Json reasons = Json::array();
  for (std::size_t i = 0; i < verdict.reason_count; ++i) {
    const Reason& reason = verdict.reasons[i];
    reasons.push_back(
        {{"what", reason.what}, {"value", rounded(reason.value)}, {"limit", reason.limit}});
  }
  return reasons;
}

}  // namespace

Judge::Judge(const FastRuleLimits& limits, PolicySettings settings, std::uint64_t seed, Now now)
    : rules_(seed), servers_(seed), policy_(std::move(settings), seed, now) {
  rules_.set_limits(limits);
}

void Judge::judge_rows(const flow::FlowRecord* flows, std::size_t count) {
  const Model& model = model_->model;
  const std::vector<std::size_t>& places = model.input_places();
  inputs_.resize(kForestBatchRows * places.size());
  probabilities_.resize(kForestBatchRows * model.classes());
  float* into = inputs_.data();
  for (std::size_t i = 0; i < count; ++i) {
    const InputRow all = inputs_of(flows[i]);
    for (const std::size_t place : places) *into++ = all[place];
  }
  model.probabilities(inputs_.data(), count, probabilities_.data());
}

std::vector<ToldReport> Judge::look(const std::vector<flow::FlowRecord>& flows, Now now) {
  std::vector<ToldReport> told;
  for (std::size_t begin = 0; begin < flows.size(); begin += kForestBatchRows) {
    const std::size_t count = std::min(kForestBatchRows, flows.size() - begin);
    if (model_) judge_rows(&flows[begin], count);
    for (std::size_t i = 0; i < count; ++i) {
      Row row;
      if (model_) {
        row.inputs = &inputs_[i * model_->model.input_places().size()];
        row.judgement = model_->model.judge(&probabilities_[i * model_->model.classes()]);
      }
      look_at(flows[begin + i], row, now, told);
    }
  }
  return told;
}

void Judge::look_at(const flow::FlowRecord& record, const Row& row, Now now,
                    std::vector<ToldReport>& told) {
  counters_.flows += 1;
  servers_.look(record);
  std::optional<Verdict> verdict = rules_.look(record);
  const bool model_accuses = row.inputs != nullptr && row.judgement.class_index != 0;
  if (verdict) counters_.rule_verdicts += 1;
  if (model_accuses) counters_.model_verdicts += 1;
  if (!verdict && !model_accuses) return;
  if (!verdict) verdict = model_verdict(record, row);
  if (row.inputs != nullptr) verdict->model_score = static_cast<double>(row.judgement.score);
  std::optional<Report> report = policy_.decide(*verdict, servers_, now);
  if (!report) return;
  std::string detail = detail_of(*report, row);
  told.push_back({std::move(*report), std::move(detail)});
}

Verdict Judge::model_verdict(const flow::FlowRecord& record, const Row& row) const {
  const ModelInfo& info = model_->model.info();
  Verdict verdict;
  verdict.kind = info.classes[row.judgement.class_index];
  verdict.by = info.name;
  verdict.by_model = true;
  verdict.source = flow::Address::of(record.source());
  verdict.destination = flow::Address::of(record.destination());
  verdict.destination_port = record.destination_port();
  verdict.score = static_cast<double>(row.judgement.score);
  verdict.evidence = is_proven(record) ? Evidence::proven : Evidence::forgeable;
  verdict.at_ns = record.last_ns();
  if (verdict.kind == kFlood && verdict.evidence == Evidence::forgeable) {
    verdict.has_source = !(record.windows.destination.hosts >= kFloodSources);
  }
  return verdict;
}

std::string Judge::detail_of(const Report& report, const Row& row) const {
  const Verdict& verdict = report.verdict;
  Json detail = {{"by", verdict.by},
                 {"layer", verdict.by_model ? "model" : "rules"},
                 {"flows", report.flows},
                 {"evidence", verdict.evidence == Evidence::proven ? "proven" : "forgeable"}};
  if (!verdict.by_model) detail["rule_score"] = rounded(verdict.score);
  if (verdict.model_score >= 0) detail["model_score"] = rounded(verdict.model_score);
  if (verdict.reason_count > 0) detail["reasons"] = reasons_of(verdict);
  if (row.inputs != nullptr) {
    const Model& model = model_->model;
    detail["model"] = model.info().name + "@" + model.info().sha256.substr(0, 12);
    // Of one output, a margin speaks for the only attack there is.
    const std::size_t output =
        model.forest().outputs() == 1 ? 0 : row.judgement.nearest_attack;
    Json features = Json::array();
    for (const Contribution& each : model_->explainer.top(row.inputs, output, kFeaturesTold)) {
      Json feature = {{"name", model.info().inputs[each.input]}, {"added", rounded(each.added)}};
      feature["value"] =
          std::isfinite(each.value) ? Json(rounded(static_cast<double>(each.value))) : Json();
      features.push_back(std::move(feature));
    }
    detail["features"] = std::move(features);
  }
  if (!report.block) detail["not_blocked"] = to_string(report.withheld);
  return detail.dump();
}

std::vector<ToldReport> Judge::due(Now now) {
  std::vector<ToldReport> told;
  for (Report& report : policy_.due(now)) {
    std::string detail = detail_of(report, Row{});
    told.push_back({std::move(report), std::move(detail)});
  }
  return told;
}

}  // namespace mlguard::ml_detector
