#include "ml_detector/live_detail.h"

#include <nlohmann/json.hpp>

#include "base/model.h"

namespace mlguard::ml_detector {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kProblemCharsMax = 200;

Json refused(const pipeline::FlowReceiverCounters& counters) {
  Json by_reason = Json::object();
  for (std::size_t i = 0; i < pipeline::kRefusals; ++i) {
    by_reason[to_string(static_cast<pipeline::Refusal>(i))] = counters.refused[i];
  }
  return by_reason;
}

Json withheld(const PolicyCounters& counters) {
  Json by_reason = Json::object();
  for (std::size_t i = 0; i < kWithheld; ++i) {
    if (counters.withheld[i] > 0) {
      by_reason[to_string(static_cast<Withheld>(i))] = counters.withheld[i];
    }
  }
  return by_reason;
}

Json queue(const OutboxCounters& counters) {
  return {{"rules", counters.rules_queued},
          {"detections", counters.detections_queued},
          {"rules_delivered", counters.rules_delivered},
          {"detections_delivered", counters.detections_delivered},
          {"detections_dropped", counters.detections_dropped},
          {"rules_expired", counters.rules_expired},
          {"refused", counters.refused}};
}

std::string layers(const DetailSources& sources) {
  if (sources.model_name.empty()) {
    return sources.fast_rules ? "fast rules only: no model" : "none: no model, fast rules off";
  }
  return sources.fast_rules ? "fast rules and model" : "model only";
}

}  // namespace

std::string detail_json(const DetailSources& sources) {
  Json json = {{"layers", layers(sources)},
               {"has_key", sources.has_key},
               {"batches", sources.receiver.batches},
               {"flows", sources.judge.flows},
               {"bytes", sources.receiver.bytes},
               {"senders", sources.receiver.senders},
               {"refused", refused(sources.receiver)},
               {"rule_verdicts", sources.judge.rule_verdicts},
               {"model_verdicts", sources.judge.model_verdicts},
               {"reports", sources.policy.reports},
               {"reports_suppressed", sources.policy.reports_suppressed},
               {"reports_lost", sources.reports_lost},
               {"rules", sources.policy.rules},
               {"rules_in_force", sources.rules_in_force},
               {"rules_taken_away", sources.rules_taken_away},
               {"withheld", withheld(sources.policy)},
               {"queue", queue(sources.outbox)}};
  if (!sources.model_name.empty()) {
    json["model"] = {{"name", sources.model_name}, {"sha256", sources.model_sha256}};
  }
  if (!sources.receiver.last_problem.empty()) {
    json["last_bad_batch"] = sources.receiver.last_problem.substr(0, kProblemCharsMax);
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace mlguard::ml_detector
