#include "firewall/config_schema.h"

namespace mlguard::firewall {

using agent::ConfigType;

const agent::ConfigSchema& config_schema() {
  static const agent::ConfigSchema schema = {
      {"dry_run", ConfigType::boolean},
      {"nftables.table", ConfigType::text, 1, 63},
      {"nftables.priority", ConfigType::whole, -400, 400},
      {"xdp.enabled", ConfigType::boolean},
      {"xdp.interfaces", ConfigType::text_list, 0, 64},
      {"rules_max", ConfigType::whole, 1, 1'000'000},
      {"allowlist", ConfigType::cidr_list, 0, 10'000},
  };
  return schema;
}

}  // namespace mlguard::firewall
