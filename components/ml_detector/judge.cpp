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

// A flood names its source only if that one sends much by itself: whom a few packets name is
// chance, or malice (policy.h).
constexpr const char* kFlood = "ddos";
constexpr double kFloodFlows = 50;  // in the window
constexpr std::uint64_t kFloodPackets = 1'000;

// Four digits behind the point; whole numbers as such.
Json rounded(double value) {
  const double shown = std::round(value * 1e4) / 1e4;
  if (std::abs(shown) < 1e15 && shown == std::floor(shown)) {
    return static_cast<std::int64_t>(shown);
  }
  return shown;
}

Json reasons_of(const Verdict& verdict) {
  Json reasons = Json::array();
  for (std::size_t i = 0; i < verdict.reason_count; ++i) {
    const Reason& reason = verdict.reasons[i];
    reasons.push_back({{"what", reason.what},
                       {"value", rounded(reason.value)},
                       {"limit", rounded(reason.limit)}});
  }
  return reasons;
}

// Beacons call home to a server outside. (The firewall's agents beat at regular intervals, too.)
std::vector<Network> trusted_by(const PolicySettings& settings) {
  std::vector<Network> trusted = settings.home.empty() ? private_networks() : settings.home;
  trusted.insert(trusted.end(), settings.own.begin(), settings.own.end());
  trusted.insert(trusted.end(), settings.allowlist.begin(), settings.allowlist.end());
  return trusted;
}

}  // namespace

Judge::Judge(const FastRuleLimits& limits, PolicySettings settings, std::uint64_t seed, Now now)
    : rules_(seed), servers_(seed), policy_(std::move(settings), seed, now) {
  rules_.set_limits(limits);
  rules_.set_trusted(trusted_by(policy_.settings()));
}

void Judge::set_settings(PolicySettings settings, Now now) {
  policy_.set_settings(std::move(settings), now);
  rules_.set_trusted(trusted_by(policy_.settings()));
}

void Judge::add_inputs(const flow::FlowRecord& record) {
  const InputRow all = inputs_of(record);
  const std::vector<std::size_t>& places = model_->model.input_places();
  const std::size_t begin = inputs_.size();
  inputs_.resize(begin + places.size());
  for (std::size_t i = 0; i < places.size(); ++i) inputs_[begin + i] = all[places[i]];
}

void Judge::judge_rows() {
  const Model& model = model_->model;
  const std::size_t count = inputs_.size() / model.input_places().size();
  probabilities_.resize(count * model.classes());
  if (count > 0) model.probabilities(inputs_.data(), count, probabilities_.data());
}

Judge::Row Judge::row_at(std::size_t index) const {
  const Model& model = model_->model;
  return {&inputs_[index * model.input_places().size()],
          model.judge(&probabilities_[index * model.classes()])};
}

std::vector<ToldReport> Judge::look(const std::vector<flow::FlowRecord>& flows, Now now) {
  std::vector<ToldReport> told;
  for (std::size_t begin = 0; begin < flows.size(); begin += kForestBatchRows) {
    look_at_chunk(&flows[begin], std::min(kForestBatchRows, flows.size() - begin), now, told);
  }
  return told;
}

void Judge::look_at_chunk(const flow::FlowRecord* flows, std::size_t count, Now now,
                          std::vector<ToldReport>& told) {
  accused_.clear();
  inputs_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    servers_.look(flows[i]);
    accused_.push_back(rules_.look(flows[i]));
    if (model_ && !accused_.back()) add_inputs(flows[i]);
  }
  counters_.flows += count;
  if (model_) judge_rows();
  std::size_t rows = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (accused_[i]) {
      counters_.rule_verdicts += 1;
      decide(flows[i], *accused_[i], Row{}, now, told);
      continue;
    }
    if (!model_) continue;
    const Row row = row_at(rows++);
    if (row.judgement.class_index == 0) continue;
    counters_.model_verdicts += 1;
    Verdict verdict = model_verdict(flows[i], row);
    decide(flows[i], verdict, row, now, told);
  }
}

void Judge::decide(const flow::FlowRecord& record, Verdict& verdict, Row row, Now now,
                   std::vector<ToldReport>& told) {
  std::optional<Report> report = policy_.decide(verdict, servers_, now);
  if (!report) return;
  std::vector<float> inputs;
  if (model_ && row.inputs == nullptr) {
    const InputRow all = inputs_of(record);
    for (const std::size_t place : model_->model.input_places()) inputs.push_back(all[place]);
    std::vector<float> probabilities(model_->model.classes());
    model_->model.probabilities(inputs.data(), probabilities.data());
    row = {inputs.data(), model_->model.judge(probabilities.data())};
  }
  if (row.inputs != nullptr) {
    report->verdict.model_score = static_cast<double>(row.judgement.score);
  }
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
  verdict.model_score = verdict.score;
  verdict.evidence = is_proven(record) ? Evidence::proven : Evidence::forgeable;
  verdict.at_ns = record.last_ns();
  if (verdict.kind == kFlood && verdict.evidence == Evidence::forgeable) {
    verdict.has_source =
        record.windows.source.flows >= kFloodFlows || record.forward().packets >= kFloodPackets;
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
    const std::size_t output = model.forest().outputs() == 1 ? 0 : row.judgement.nearest_attack;
    Json features = Json::array();
    for (const Contribution& each : model_->explainer.top(row.inputs, output, kFeaturesTold)) {
      Json feature = {{"name", model.info().inputs[each.input]}, {"added", rounded(each.added)}};
      feature["value"] =
          std::isfinite(each.value) ? rounded(static_cast<double>(each.value)) : Json();
      features.push_back(std::move(feature));
    }
    detail["features"] = std::move(features);
  }
  if (verdict.suspect == Suspect::destination) detail["suspect"] = "destination";
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
