// What a question asks for. docs/rag.md ("What can be asked") shows an example of each; the names
// are part of the answer's JSON and of the evaluation's question files.
//
// Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "rag/question.h"

namespace mlguard::rag {

enum class Intent {
  status_overall,
  unhealthy,
  component_health,
  components_list,
  config_value,
  config_author,
  config_history,
  config_diff,
  why_blocked,
  is_blocked,
  block_end,
  who_blocked,
  timeline,
  rules_list,
  rules_count,
  changes_since,
  top_sources,
  detections_list,
  detections_count,
  latest_attack,
  model_info,
  audit_refused,
  actor_actions,
  cluster_changes,
  help,
  propose,
  act_refused,
  passages,
};
inline constexpr std::size_t kIntents = 28;
const char* to_string(Intent intent);
std::optional<Intent> intent_named(std::string_view name);

// By rules over words and by likeness to written examples (rag/intent_model.h), weighed together.
Intent recognise(const Slots& slots);
// By the rules alone; `passages` where none of them is sure.
Intent recognise_by_rules(const Slots& slots);

// "how do I …", "what does … mean": the documentation's, whatever words stand in it.
bool asks_documentation(const Slots& slots);

}  // namespace mlguard::rag
