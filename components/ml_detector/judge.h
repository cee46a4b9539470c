// Judge: flows in, reports out: fast rules and model, then the policy. What the live detector does
// with a batch, without sockets, disks and threads; also what is measured.
//
// A flow that a fast rule accuses keeps the rule's class. The model judges all others, whose class
// counts from the policy's `detect` on; and of accused ones those that are told, so that its score
// and its reasons stand beside the rule's. (A flood accuses nearly every flow, when time is short.)
//
// One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/flow_record.h"
#include "ml_detector/explain.h"
#include "ml_detector/fast_rules.h"
#include "ml_detector/known_servers.h"
#include "ml_detector/model_file.h"
#include "ml_detector/policy.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kFeaturesTold = 5;

// A model and what explains its verdicts. Never changes.
struct LoadedModel {
  explicit LoadedModel(Model model_in) : model(std::move(model_in)), explainer(model.trained()) {}
  Model model;
  Explainer explainer;
};

// What a verdict rests on, as the detail of a detection tells it: a JSON object.
struct ToldReport {
  Report report;
  std::string detail;
};

struct JudgeCounters {
  std::uint64_t flows = 0;
  std::uint64_t rule_verdicts = 0;   // flows that a fast rule accused
  std::uint64_t model_verdicts = 0;  // others, that the model put into a class but benign
};

class Judge {
 public:
  Judge(const FastRuleLimits& limits, PolicySettings settings, std::uint64_t seed, Now now);

  void set_limits(const FastRuleLimits& limits) { rules_.set_limits(limits); }
  void set_settings(PolicySettings settings, Now now);
  // From the next flow on. nullptr: fast rules only. Shared: whoever loads models holds on to it.
  void set_model(std::shared_ptr<const LoadedModel> model) { model_ = std::move(model); }
  const LoadedModel* model() const { return model_.get(); }

  // REQUIRES: each record passes pipeline::check_flow.
  std::vector<ToldReport> look(const std::vector<flow::FlowRecord>& flows, Now now);
  // What is due by time alone.
  std::vector<ToldReport> due(Now now);

  Policy& policy() { return policy_; }
  KnownServers& servers() { return servers_; }
  const PolicyCounters& policy_counters() const { return policy_.counters(); }
  const JudgeCounters& counters() const { return counters_; }

 private:
  struct Row {
    const float* inputs = nullptr;  // the model's; nullptr: no model looked
    Judgement judgement;
  };

  // Of a chunk: rules first, then the model on what they left.
  void look_at_chunk(const flow::FlowRecord* flows, std::size_t count, Now now,
                     std::vector<ToldReport>& told);
  void add_inputs(const flow::FlowRecord& record);
  // Of everything that was added.
  void judge_rows();
  Row row_at(std::size_t index) const;
  void decide(const flow::FlowRecord& record, Verdict& verdict, Row row, Now now,
              std::vector<ToldReport>& told);
  Verdict model_verdict(const flow::FlowRecord& record, const Row& row) const;
  std::string detail_of(const Report& report, const Row& row) const;

  FastRules rules_;
  KnownServers servers_;
  Policy policy_;
  std::shared_ptr<const LoadedModel> model_;
  std::vector<std::optional<Verdict>> accused_;  // of a chunk, by the rules
  std::vector<float> inputs_;                    // of rows of that chunk, as the next
  std::vector<float> probabilities_;
  JudgeCounters counters_;
};

}  // namespace mlguard::ml_detector
