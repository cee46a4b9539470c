#include "ml_detector/config_schema.h"

namespace mlguard::ml_detector {

using agent::ConfigType;

const agent::ConfigSchema& config_schema() {
  static const agent::ConfigSchema schema = {
      {"ingest.endpoint", ConfigType::text, 1, 200},
      {"model.name", ConfigType::text, 1, 63},
      {"model.path", ConfigType::text, 0, 4'096},
      {"thresholds.detect", ConfigType::real, 0, 1},
      {"thresholds.block", ConfigType::real, 0, 1},
      {"rules.enabled", ConfigType::boolean},
      {"rules.ttl_s", ConfigType::whole, 1, 30 * 24 * 3'600},
      {"rules.per_minute_max", ConfigType::whole, 0, 100'000},
      {"allowlist", ConfigType::cidr_list, 0, 10'000},
  };
  return schema;
}

}  // namespace mlguard::ml_detector
