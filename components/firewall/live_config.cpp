#include "firewall/live_config.h"

#include <nlohmann/json.hpp>

#include "firewall/config_schema.h"
#include "firewall/network.h"
#include "firewall/nft_enforcer.h"

namespace mlguard::firewall {
namespace {

using nlohmann::json;

// Types and ranges were checked by the schema.
template <class Value>
void take(const json& document, const char* pointer, Value& value) {
  const json::json_pointer at(pointer);
  if (document.contains(at)) value = document.at(at).get<Value>();
}

base::Status check_networks(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    const auto network = parse_network(text);
    if (!network.ok()) return network.error();
  }
  return {};
}

}  // namespace

base::Result<LiveConfig> parse_live_config(std::string_view document) {
  base::Status checked = agent::check_config(config_schema(), document);
  if (!checked.ok()) return checked.error();
  const json parsed = json::parse(document, nullptr, false);
  LiveConfig config;
  take(parsed, "/dry_run", config.dry_run);
  take(parsed, "/nftables/table", config.table);
  take(parsed, "/nftables/priority", config.priority);
  take(parsed, "/xdp/enabled", config.xdp);
  take(parsed, "/xdp/interfaces", config.interfaces);
  take(parsed, "/rules_max", config.rules_max);
  take(parsed, "/allowlist", config.allowlist);
  checked = check_nft_table(config.table);
  if (checked.ok()) checked = check_networks(config.allowlist);
  if (!checked.ok()) return checked.error();
  return config;
}

base::Result<std::vector<std::string>> parse_global_allowlist(std::string_view document) {
  const base::Status checked = agent::check_config(agent::global_schema(), document);
  if (!checked.ok()) return checked.error();
  std::vector<std::string> allowlist;
  take(json::parse(document, nullptr, false), "/allowlist", allowlist);
  const base::Status networks = check_networks(allowlist);
  if (!networks.ok()) return networks.error();
  return allowlist;
}

}  // namespace mlguard::firewall
