#include "ml_detector/config_schema.h"

namespace mlguard::ml_detector {

using agent::ConfigType;

const agent::ConfigSchema& config_schema() {
  static const agent::ConfigSchema schema = {
      {"ingest.endpoint", ConfigType::text, 1, 200},
      {"model.name", ConfigType::text, 1, 63},
      {"model.path", ConfigType::text, 0, 4'096},
      {"model.sha256", ConfigType::text, 0, 64},
      {"thresholds.detect", ConfigType::real, 0, 1},
      {"thresholds.block", ConfigType::real, 0, 1},
      {"thresholds.block_by_model", ConfigType::real, 0, 1},
      {"fast_rules.enabled", ConfigType::boolean},
      {"fast_rules.scan_ports", ConfigType::whole, 2, 65'536},
      {"fast_rules.sweep_hosts", ConfigType::whole, 2, 1'000'000},
      {"fast_rules.scan_half_open", ConfigType::real, 0, 1},
      {"fast_rules.flood_flows", ConfigType::whole, 10, 1'000'000'000},
      {"fast_rules.flood_half_open", ConfigType::real, 0, 1},
      {"fast_rules.brute_force_attempts", ConfigType::whole, 2, 1'000'000},
      {"fast_rules.brute_force_bytes", ConfigType::whole, 1, 1'000'000'000},
      {"fast_rules.brute_force_ports", ConfigType::text_list, 0, 256},
      {"fast_rules.smb_hosts", ConfigType::whole, 2, 1'000'000},
      {"fast_rules.smb_flows", ConfigType::whole, 2, 1'000'000},
      {"fast_rules.beacon_contacts", ConfigType::whole, 4, 1'000'000},
      {"fast_rules.beacon_period_min_s", ConfigType::real, 0.1, 86'400},
      {"fast_rules.beacon_period_max_s", ConfigType::real, 0.1, 86'400},
      {"fast_rules.beacon_jitter", ConfigType::real, 0, 1},
      {"fast_rules.beacon_bytes", ConfigType::whole, 1, 1'000'000'000},
      {"fast_rules.beacon_ports_ignored", ConfigType::text_list, 0, 256},
      {"rules.enabled", ConfigType::boolean},
      {"rules.block_c2_servers", ConfigType::boolean},
      {"rules.ttl_s", ConfigType::whole, 1, 30 * 24 * 3'600},
      {"rules.ttl_max_s", ConfigType::whole, 1, 365 * 24 * 3'600},
      {"rules.forgeable_ttl_s", ConfigType::whole, 1, 30 * 24 * 3'600},
      {"rules.respect_removal_s", ConfigType::whole, 0, 30 * 24 * 3'600},
      {"rules.model_flows_min", ConfigType::whole, 1, 1'000},
      {"rules.per_minute_max", ConfigType::whole, 0, 100'000},
      {"rules.per_prefix_max", ConfigType::whole, 1, 100'000},
      {"reports.interval_s", ConfigType::whole, 1, 86'400},
      {"reports.per_minute_max", ConfigType::whole, 1, 100'000},
      {"allowlist", ConfigType::cidr_list, 0, 10'000},
      {"home", ConfigType::cidr_list, 0, 1'000},
  };
  return schema;
}

}  // namespace mlguard::ml_detector
