#include "ml_detector/live_config.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "ml_detector/config_schema.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;
using base::Status;
using Json = nlohmann::json;

constexpr std::size_t kSha256Chars = 64;

// Types and ranges were checked by the schema.
template <class Value>
void take(const Json& document, const char* object, const char* key, Value& value) {
  const auto found = document.find(object);
  if (found == document.end()) return;
  const auto member = found->find(key);
  if (member != found->end()) value = member->get<Value>();
}

void take_networks(const Json& document, const char* key, std::vector<Network>& networks) {
  const auto found = document.find(key);
  if (found == document.end()) return;
  for (const std::string text : *found) {
    if (const auto network = parse_network(text)) networks.push_back(*network);
  }
}

Error invalid_value(const std::string& path, const std::string& must) {
  return {ErrorCode::invalid_argument, "invalid_value", "'" + path + "' must be " + must};
}

Status take_ports(const Json& document, const char* key, std::vector<std::uint16_t>& ports) {
  std::vector<std::string> texts;
  const auto rules = document.find("fast_rules");
  if (rules == document.end() || rules->find(key) == rules->end()) return {};
  take(document, "fast_rules", key, texts);
  ports.clear();
  for (const std::string& text : texts) {
    std::uint16_t port = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || port == 0) {
      return invalid_value(std::string("fast_rules.") + key, "port numbers in quotes, like \"22\"");
    }
    ports.push_back(port);
  }
  return {};
}

Status take_fast_rules(const Json& document, FastRuleLimits& limits) {
  const char* const object = "fast_rules";
  take(document, object, "enabled", limits.enabled);
  take(document, object, "scan_ports", limits.scan_ports);
  take(document, object, "sweep_hosts", limits.sweep_hosts);
  take(document, object, "scan_half_open", limits.scan_half_open);
  take(document, object, "flood_flows", limits.flood_flows);
  take(document, object, "flood_half_open", limits.flood_half_open);
  take(document, object, "brute_force_attempts", limits.brute_force_attempts);
  take(document, object, "brute_force_bytes", limits.brute_force_bytes);
  take(document, object, "smb_hosts", limits.smb_hosts);
  take(document, object, "smb_flows", limits.smb_flows);
  take(document, object, "beacon_contacts", limits.beacon.contacts);
  take(document, object, "beacon_period_min_s", limits.beacon.period_min_s);
  take(document, object, "beacon_period_max_s", limits.beacon.period_max_s);
  take(document, object, "beacon_jitter", limits.beacon.jitter);
  take(document, object, "beacon_bytes", limits.beacon.bytes);
  if (limits.beacon.period_min_s > limits.beacon.period_max_s) {
    return invalid_value("fast_rules.beacon_period_min_s", "at most beacon_period_max_s");
  }
  Status ports = take_ports(document, "brute_force_ports", limits.brute_force_ports);
  return ports.ok() ? take_ports(document, "beacon_ports_ignored", limits.beacon_ports_ignored)
                    : ports;
}

void take_policy(const Json& document, PolicySettings& policy) {
  take(document, "thresholds", "detect", policy.detect);
  take(document, "thresholds", "block", policy.block);
  take(document, "thresholds", "block_by_model", policy.block_by_model);
  take(document, "rules", "enabled", policy.rules_enabled);
  take(document, "rules", "block_c2_servers", policy.block_c2_servers);
  take(document, "rules", "ttl_s", policy.ttl_s);
  take(document, "rules", "ttl_max_s", policy.ttl_max_s);
  take(document, "rules", "forgeable_ttl_s", policy.forgeable_ttl_s);
  take(document, "rules", "respect_removal_s", policy.respect_removal_s);
  take(document, "rules", "model_flows_min", policy.model_flows_min);
  take(document, "rules", "per_minute_max", policy.per_minute_max);
  take(document, "rules", "per_prefix_max", policy.per_prefix_max);
  take(document, "reports", "interval_s", policy.report_interval_s);
  take(document, "reports", "per_minute_max", policy.reports_per_minute_max);
  take_networks(document, "allowlist", policy.allowlist);
  take_networks(document, "home", policy.home);
}

bool is_sha256(const std::string& text) {
  return text.size() == kSha256Chars && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

base::Result<DetectorConfig> parse_detector_config(std::string_view document) {
  const Status checked = agent::check_config(config_schema(), document);
  if (!checked.ok()) return checked.error();
  const Json json = Json::parse(document, nullptr, false);
  DetectorConfig config;
  take(json, "ingest", "endpoint", config.endpoint);
  take(json, "model", "sha256", config.model_sha256);
  take(json, "model", "path", config.model_path);
  take(json, "model", "name", config.model_name);
  if (!config.model_sha256.empty() && !is_sha256(config.model_sha256)) {
    return invalid_value("model.sha256", "64 lower-case hexadecimal digits, or empty");
  }
  const Status rules = take_fast_rules(json, config.fast_rules);
  if (!rules.ok()) return rules.error();
  take_policy(json, config.policy);
  return config;
}

base::Result<std::vector<Network>> parse_shared_allowlist(std::string_view global_document) {
  const Status checked = agent::check_config(agent::global_schema(), global_document);
  if (!checked.ok()) return checked.error();
  std::vector<Network> networks;
  take_networks(Json::parse(global_document, nullptr, false), "allowlist", networks);
  return networks;
}

}  // namespace mlguard::ml_detector
