#include <array>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "base/time_format.h"
#include "rag/records_of.h"
#include "rag/redaction.h"

namespace mlguard::rag {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kComponents = "components/";
constexpr std::size_t kExplanationsMax = 16;  // reasons and features that are told

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string number_text(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", number);
  return text.data();
}

// A member as a person reads it: text without quotes, numbers as they were sent.
std::string said(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return {};
  return found->is_string() ? redacted(found->get_ref<const std::string&>())
                            : redacted(dumped(*found));
}

// Secrets hidden in every text of it.
Json hidden_throughout(const Json& json, const std::string& name, int depth) {
  constexpr int kDepthMax = 16;
  if (depth > kDepthMax) return Json(nullptr);
  if (json.is_string()) return Json(redacted_value(name, json.get_ref<const std::string&>()));
  if (json.is_object()) {
    Json made = Json::object();
    for (const auto& [key, value] : json.items()) {
      made[redacted(key)] = hidden_throughout(value, key, depth + 1);
    }
    return made;
  }
  if (json.is_array()) {
    Json made = Json::array();
    for (const Json& item : json) made.push_back(hidden_throughout(item, name, depth + 1));
    return made;
  }
  return json.is_number() && is_secret_name(name) ? Json(std::string(kHidden)) : json;
}

std::string redacted_json(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? dumped(hidden_throughout(json, "", 0)) : std::string();
}

// What docs/detection.md says of each.
std::string not_blocked_text(const std::string& why) {
  static const std::map<std::string, std::string> words = {
      {"low_score", "its score is below the threshold for blocking"},
      {"few_flows", "the model alone says so, of too few flows"},
      {"disabled", "the detector's rules are disabled (rules.enabled)"},
      {"c2_servers_off", "servers of beacons are only reported (rules.block_c2_servers)"},
      {"no_source", "it comes from many addresses, and whom they name is chance"},
      {"already_blocked", "its source is blocked already"},
      {"special_address", "its source is no host's address"},
      {"own_address", "its source is this host or an instance of the control plane"},
      {"allowlisted", "its source is on the allowlist"},
      {"home", "its source is an address of home, and the evidence is not proven"},
      {"known_server", "its source served somebody lately, and the evidence may be forged"},
      {"rate", "there were too many new rules in this minute"},
      {"prefix_rate", "there were too many new rules for this network in this hour"}};
  const auto found = words.find(why);
  return found == words.end() ? why : found->second + " (" + why + ")";
}

void add_explanation(const Json& detail, std::string& text) {
  const std::string by = said(detail, "by");
  const std::string layer = said(detail, "layer");
  if (!by.empty()) text += "\nSaid by " + by + (layer.empty() ? "" : " (" + layer + ")") + ".";
  if (const std::string score = said(detail, "rule_score"); !score.empty()) {
    text += " The rule's score is " + score + ".";
  }
  if (const std::string score = said(detail, "model_score"); !score.empty()) {
    text += " The model's score is " + score + ".";
  }
  if (const std::string flows = said(detail, "flows"); !flows.empty()) {
    text += " Flows since the last report: " + flows + ".";
  }
  std::size_t told = 0;
  if (const auto reasons = detail.find("reasons"); reasons != detail.end() && reasons->is_array()) {
    for (const Json& reason : *reasons) {
      if (!reason.is_object() || ++told > kExplanationsMax) break;
      text += "\nBecause " + said(reason, "what") + " was " + said(reason, "value") +
              ", with a limit of " + said(reason, "limit") + ".";
    }
  }
  if (const auto inputs = detail.find("features"); inputs != detail.end() && inputs->is_array()) {
    for (const Json& input : *inputs) {
      if (!input.is_object() || ++told > kExplanationsMax) break;
      const std::string value = said(input, "value");
      text += "\nThe model saw " + said(input, "name") + " = " +
              (value.empty() ? "missing" : value) + ", which adds " + said(input, "added") + ".";
    }
  }
  const std::string evidence = said(detail, "evidence");
  if (evidence == "forgeable") {
    text += "\nThe evidence is forgeable: somebody else could have sent these packets.";
  } else if (!evidence.empty()) {
    text += "\nThe evidence is " + evidence + ": the source answered the server.";
  }
}

std::string subject_component(const std::string& subject) {
  for (const std::string_view prefix : {kComponents, std::string_view("config/")}) {
    if (subject.rfind(prefix, 0) == 0) return subject.substr(prefix.size());
  }
  return {};
}

// "healthy → dead" → dead.
std::string state_after(const std::string& transition) {
  const std::size_t arrow = transition.rfind(' ');
  return arrow == std::string::npos ? transition : transition.substr(arrow + 1);
}

std::string state_before(const std::string& transition) {
  return transition.substr(0, transition.find(' '));
}

// "config put" of "config.put".
std::string spaced(std::string action) {
  for (char& letter : action) {
    if (letter == '.' || letter == '_') letter = ' ';
  }
  return action;
}

Record health_record(const ComponentState& state) {
  const base::Component& component = state.component;
  const std::string by_age = base::to_string(component.health);
  const bool degraded = state.says == "degraded" && component.health <= base::Health::late;
  Record record;
  record.table = Table::health;
  record.key = component.name;
  record.component = component.name;
  record.kind = base::to_string(component.role);
  record.at_ms = state.last_heartbeat_ms;
  record.value = degraded ? "degraded" : by_age;
  record.title = component.name + " is " + record.value;
  record.text = "Component " + component.name + " is " + by_age + ".";
  record.text += state.last_heartbeat_ms == 0 ? " It has sent no heartbeat yet."
                                              : " Its last heartbeat came at " +
                                                    base::iso_time(state.last_heartbeat_ms) + ".";
  if (!state.says.empty()) record.text += " It says of itself: " + redacted(state.says) + ".";
  if (!state.problem.empty()) record.text += "\nProblem: " + redacted(state.problem);
  if (state.config_version != 0) {
    record.text += "\nThe configuration in force for it is version " +
                   std::to_string(state.config_version) + ".";
  }
  for (const base::Applied& applied : state.applied) {
    record.text += "\nIt applied " + redacted(applied.resource) + " " +
                   std::to_string(applied.revision) + " at " +
                   base::iso_time(applied.applied_at_ms) + ".";
  }
  record.detail = redacted_json(state.detail);
  return record;
}

}  // namespace

Record record_of(const StoredDetection& stored) {
  const base::Detection& detection = stored.detection;
  Record record;
  record.table = Table::detection;
  record.key = detection.id;
  record.revision = stored.revision;
  record.at_ms = detection.detected_at_ms;
  record.component = detection.component;
  record.kind = redacted(detection.kind);
  record.address = detection.source_ip;
  record.score = detection.score;
  record.related = detection.rule_id;
  if (!detection.destination_ip.empty()) {
    const bool six = detection.destination_ip.find(':') != std::string::npos;
    record.destination = six ? "[" + detection.destination_ip + "]" : detection.destination_ip;
    if (detection.destination_port == 0) record.destination = detection.destination_ip;
    if (detection.destination_port != 0) {
      record.destination += ":" + std::to_string(detection.destination_port);
    }
  }
  const std::string from = detection.source_ip.empty() ? "many sources" : detection.source_ip;
  const std::string to = record.destination.empty() ? "" : " to " + record.destination;
  record.title = record.kind + " from " + from + to;
  record.text = "Detection " + detection.id + ": " + record.kind + " from " + from + to +
                ", score " + number_text(detection.score) + ", seen by " + detection.component +
                " at " + base::iso_time(detection.detected_at_ms) + ".";
  const Json detail = Json::parse(detection.detail, nullptr, false);
  if (detail.is_object()) add_explanation(detail, record.text);
  const std::string why_not = detail.is_object() ? said(detail, "not_blocked") : std::string();
  if (!detection.rule_id.empty()) {
    record.text += "\nIt was blocked by rule " + detection.rule_id + ".";
  } else if (!why_not.empty()) {
    record.text += "\nIt was not blocked: " + not_blocked_text(why_not) + ".";
  }
  record.detail = redacted_json(detection.detail);
  return record;
}

Record record_of(const base::AuditRecord& audit) {
  Record record;
  record.table = Table::audit;
  record.key = std::to_string(audit.id);
  record.revision = audit.id;
  record.at_ms = audit.at_ms;
  record.kind = audit.action;
  record.actor = redacted(audit.actor);
  record.path = redacted(audit.subject);
  record.component = subject_component(record.path);
  record.title = record.actor + ": " + spaced(audit.action) + " " + record.path;
  record.text = "At " + base::iso_time(audit.at_ms) + " " + record.actor + " did " + audit.action +
                (record.path.empty() ? "" : " on " + record.path) + ".";
  if (!audit.detail.empty()) record.text += "\n" + redacted(audit.detail);
  return record;
}

std::vector<Record> health_transitions(const base::AuditRecord& audit) {
  if (audit.action != "health" || audit.subject.rfind(kComponents, 0) != 0) return {};
  Record record;
  record.table = Table::health;
  record.component = audit.subject.substr(kComponents.size());
  record.key = record.component + "@" + std::to_string(audit.id);
  record.revision = audit.id;
  record.at_ms = audit.at_ms;
  record.value = state_after(audit.detail);
  record.title = record.component + " became " + record.value;
  record.text = "Component " + record.component + " went from " + state_before(audit.detail) +
                " to " + record.value + " at " + base::iso_time(audit.at_ms) + ".";
  return {record};
}

std::vector<Record> records_of(const base::Change& change) {
  if (change.resource == "heartbeats" || change.resource == "maintenance") return {};
  Record record;
  record.table = Table::change;
  record.key = std::to_string(change.revision);
  record.revision = change.revision;
  record.at_ms = change.at_ms;
  record.kind = redacted(change.resource);
  record.actor = redacted(change.author);
  record.component = subject_component(record.kind);
  record.title = redacted(change.summary);
  record.text = "Revision " + record.key + " at " + base::iso_time(change.at_ms) + ", by " +
                record.actor + ": " + record.title + ".";
  return {record};
}

std::vector<Record> records_of(const ComponentState& state) {
  const base::Component& component = state.component;
  Record record;
  record.table = Table::component;
  record.key = component.name;
  record.component = component.name;
  record.kind = base::to_string(component.role);
  record.at_ms = component.registered_at_ms;
  record.title = "component " + component.name;
  record.text = "Component " + component.name + " has the role " + record.kind;
  if (!component.version.empty()) record.text += ", version " + redacted(component.version);
  if (!component.address.empty()) record.text += ", at " + redacted(component.address);
  record.text += ". It registered at " + base::iso_time(component.registered_at_ms) + ".";
  return {record, health_record(state)};
}

}  // namespace mlguard::rag
