#include "sniffer/live_config.h"

#include <nlohmann/json.hpp>

#include "sniffer/config_schema.h"

namespace mlguard::sniffer {
namespace {

// Types and ranges were checked by the schema.
template <class Value>
void take(const nlohmann::json& document, const char* object, const char* key, Value& value) {
  const auto found = document.find(object);
  if (found == document.end()) return;
  const auto member = found->find(key);
  if (member != found->end()) value = member->get<Value>();
}

}  // namespace

base::Result<LiveConfig> parse_live_config(std::string_view document) {
  const base::Status checked = agent::check_config(config_schema(), document);
  if (!checked.ok()) return checked.error();
  const nlohmann::json json = nlohmann::json::parse(document, nullptr, false);
  LiveConfig config;
  take(json, "capture", "interfaces", config.interfaces);
  take(json, "capture", "sample_one_in", config.sample_one_in);
  take(json, "flow", "idle_timeout_s", config.idle_timeout_s);
  take(json, "flow", "active_timeout_s", config.active_timeout_s);
  take(json, "flow", "flows_max", config.flows_max);
  take(json, "export", "endpoint", config.endpoint);
  take(json, "export", "batch_flows", config.batch_flows);
  take(json, "export", "batch_wait_ms", config.batch_wait_ms);
  return config;
}

}  // namespace mlguard::sniffer
