#include "sniffer/config_schema.h"

namespace mlguard::sniffer {

using agent::ConfigType;

const agent::ConfigSchema& config_schema() {
  static const agent::ConfigSchema schema = {
      {"capture.interfaces", ConfigType::text_list, 1, 64},
      {"capture.sample_one_in", ConfigType::whole, 1, 1'000},
      {"flow.idle_timeout_s", ConfigType::whole, 1, 600},
      {"flow.active_timeout_s", ConfigType::whole, 1, 3'600},
      {"flow.flows_max", ConfigType::whole, 1'024, 16'777'216},
      {"export.endpoint", ConfigType::text, 1, 200},
      {"export.batch_flows", ConfigType::whole, 1, 10'000},
      {"export.batch_wait_ms", ConfigType::whole, 1, 10'000},
  };
  return schema;
}

}  // namespace mlguard::sniffer
