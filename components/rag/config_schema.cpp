#include "rag/config_schema.h"

namespace mlguard::rag {

using agent::ConfigType;

const agent::ConfigSchema& config_schema() {
  static const agent::ConfigSchema schema = {
      {"index.retention_days", ConfigType::whole, 1, 3'650},
      {"index.documents_max", ConfigType::whole, 1'000, 100'000'000},
      {"answer.mode", ConfigType::choice, 0, 0, {"extractive", "generative"}},
      {"answer.endpoint", ConfigType::text, 0, 500},
      {"answer.model", ConfigType::text, 0, 200},
      {"answer.api_key_file", ConfigType::text, 0, 500},
      {"answer.timeout_s", ConfigType::whole, 1, 600},
      {"answer.passages_max", ConfigType::whole, 1, 64},
  };
  return schema;
}

}  // namespace mlguard::rag
