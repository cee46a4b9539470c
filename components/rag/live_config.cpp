#include "rag/live_config.h"

#include <nlohmann/json.hpp>

#include "rag/chat_endpoint.h"
#include "rag/config_schema.h"

namespace mlguard::rag {

namespace {

using Json = nlohmann::json;

// Types and ranges were checked by the schema.
template <class Value>
void take(const Json& document, const char* object, const char* key, Value& value) {
  const auto found = document.find(object);
  if (found == document.end()) return;
  const auto member = found->find(key);
  if (member != found->end()) value = member->get<Value>();
}

}  // namespace

base::Result<RagConfig> parse_rag_config(std::string_view document) {
  const base::Status checked = agent::check_config(config_schema(), document);
  if (!checked.ok()) return checked.error();
  const Json json = Json::parse(document, nullptr, false);
  RagConfig config;
  std::string mode;
  take(json, "index", "retention_days", config.retention_days);
  take(json, "index", "documents_max", config.documents_max);
  take(json, "answer", "mode", mode);
  take(json, "answer", "endpoint", config.endpoint);
  take(json, "answer", "model", config.model);
  take(json, "answer", "api_key_file", config.api_key_file);
  take(json, "answer", "timeout_s", config.timeout_s);
  take(json, "answer", "passages_max", config.passages_max);
  if (mode == "generative") config.mode = AnswerMode::generative;
  if (!config.endpoint.empty() || config.mode == AnswerMode::generative) {
    const base::Status url = check_endpoint_url(config.endpoint);
    if (!url.ok()) return url.error();
  }
  return config;
}

}  // namespace mlguard::rag
