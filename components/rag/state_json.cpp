#include "rag/state_json.h"

#include <nlohmann/json.hpp>

#include "base/time_format.h"

namespace mlguard::rag {
namespace {

using Json = nlohmann::json;
using base::Error;
using base::ErrorCode;
using base::Result;

constexpr std::size_t kItemsMax = 1'000'000;  // of one recorded list

Error bad_answer(const std::string& what) {
  return {ErrorCode::corrupt, "bad_answer",
          "the control plane's answer is not what it should be: " + what +
              "; are rag and etcd-server of the same version?"};
}

// A field that is absent, null or of another type is empty: none of them is worth no answer.
std::string text_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::uint64_t whole_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}
double number_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}
std::int64_t time_in(const Json& json, const char* name) {
  const auto read = base::parse_iso_time_ms(text_in(json, name));
  return read.ok() ? *read : 0;
}
std::string object_in(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_object()) return {};
  return found->dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The list under `name`, each item an object, made by `make`.
template <class Item, class Make>
Result<std::vector<Item>> list_in(std::string_view text, const char* name, Make&& make) {
  const Json json = Json::parse(text, nullptr, false);
  const auto list = json.is_object() ? json.find(name) : json.end();
  if (!json.is_object() || list == json.end() || !list->is_array() || list->size() > kItemsMax) {
    return bad_answer(std::string("it lacks the list '") + name + "'");
  }
  std::vector<Item> items;
  items.reserve(list->size());
  for (const Json& item : *list) {
    if (!item.is_object()) return bad_answer(std::string("'") + name + "' holds no objects");
    items.push_back(make(item));
  }
  return items;
}

StoredDetection detection_of(const Json& json) {
  StoredDetection stored;
  base::Detection& detection = stored.detection;
  detection.id = text_in(json, "id");
  detection.component = text_in(json, "component");
  detection.kind = text_in(json, "kind");
  detection.source_ip = text_in(json, "source_ip");
  detection.destination_ip = text_in(json, "destination_ip");
  detection.destination_port = static_cast<std::uint16_t>(whole_in(json, "destination_port"));
  detection.score = number_in(json, "score");
  detection.detail = object_in(json, "detail");
  detection.rule_id = text_in(json, "rule_id");
  detection.detected_at_ms = time_in(json, "detected_at");
  stored.revision = whole_in(json, "revision");
  return stored;
}

base::AuditRecord audit_of(const Json& json) {
  base::AuditRecord record;
  record.id = whole_in(json, "id");
  record.at_ms = time_in(json, "at");
  record.actor = text_in(json, "actor");
  record.action = text_in(json, "action");
  record.subject = text_in(json, "subject");
  record.detail = text_in(json, "detail");
  return record;
}

base::Applied applied_of(const Json& json) {
  base::Applied applied;
  applied.component = text_in(json, "component");
  applied.resource = text_in(json, "resource");
  applied.revision = whole_in(json, "revision");
  applied.digest = text_in(json, "digest");
  applied.applied_at_ms = time_in(json, "applied_at");
  return applied;
}

ComponentState component_of(const Json& json) {
  ComponentState state;
  base::Component& component = state.component;
  component.name = text_in(json, "name");
  component.instance_id = text_in(json, "instance_id");
  if (const auto role = base::parse_role(text_in(json, "role")); role.ok()) component.role = *role;
  component.version = text_in(json, "version");
  component.address = text_in(json, "address");
  component.registered_at_ms = time_in(json, "registered_at");
  if (const auto health = base::parse_health(text_in(json, "status")); health.ok()) {
    component.health = *health;
  }
  state.says = text_in(json, "says");
  state.last_heartbeat_ms = time_in(json, "last_heartbeat");
  state.config_version = whole_in(json, "config_version");
  const auto beat = json.find("heartbeat");
  if (beat != json.end() && beat->is_object()) {
    state.detail = object_in(*beat, "detail");
    const auto detail = beat->find("detail");
    if (detail != beat->end() && detail->is_object()) state.problem = text_in(*detail, "problem");
  }
  const auto applied = json.find("applied");
  if (applied != json.end() && applied->is_array()) {
    for (const Json& one : *applied) {
      if (one.is_object()) state.applied.push_back(applied_of(one));
    }
  }
  return state;
}

}  // namespace

Result<StateHead> decode_head(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || text_in(json, "cluster_id").empty()) {
    return bad_answer("it lacks the cluster's id");
  }
  return StateHead{text_in(json, "cluster_id"), whole_in(json, "oldest_revision")};
}

Result<std::vector<StoredDetection>> decode_detections(std::string_view json) {
  return list_in<StoredDetection>(json, "detections", detection_of);
}

Result<std::vector<base::AuditRecord>> decode_audit(std::string_view json) {
  return list_in<base::AuditRecord>(json, "audit", audit_of);
}

Result<std::vector<std::string>> decode_component_names(std::string_view json) {
  return list_in<std::string>(json, "components",
                              [](const Json& item) { return text_in(item, "name"); });
}

Result<ComponentState> decode_component(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || text_in(json, "name").empty()) {
    return bad_answer("it lacks the component's name");
  }
  return component_of(json);
}

Result<std::vector<ComponentState>> decode_components(std::string_view json) {
  return list_in<ComponentState>(json, "components", component_of);
}

}  // namespace mlguard::rag
