// What the detector tells in its heartbeat: counters of every step, as JSON. Stateless; safe from
// any thread.
#pragma once

#include <cstdint>
#include <string>

#include "ml_detector/judge.h"
#include "ml_detector/outbox.h"
#include "pipeline/flow_receiver.h"

namespace mlguard::ml_detector {

struct DetailSources {
  pipeline::FlowReceiverCounters receiver;
  JudgeCounters judge;
  PolicyCounters policy;
  OutboxCounters outbox;
  std::size_t rules_in_force = 0;      // own ones, as the control plane has them
  std::uint64_t rules_taken_away = 0;  // by operators
  bool has_key = false;
  bool fast_rules = true;
  std::uint64_t reports_lost = 0;  // while the disk took nothing
  std::string model_name;          // empty: no model
  std::string model_sha256;
};

// At most base::kDetailBytesMax.
std::string detail_json(const DetailSources& sources);

}  // namespace mlguard::ml_detector
