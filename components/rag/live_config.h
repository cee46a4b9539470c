// RagConfig: rag's configuration document as values. docs/configuration.md explains each key;
// config_schema.h has their limits. Plain data and one function; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::rag {

enum class AnswerMode { extractive, generative };

struct RagConfig {
  std::int64_t retention_days = 30;
  std::size_t documents_max = 1'000'000;
  AnswerMode mode = AnswerMode::extractive;
  std::string endpoint;
  std::string model;
  std::string api_key_file;  // A path on rag's host: the key itself is in no configuration.
  std::int64_t timeout_s = 30;
  std::size_t passages_max = 8;
};

// Keys that the document leaves out have the values above. Errors: check_config's, and
// invalid_argument / "invalid_value" for an endpoint that is no URL, and for none where one is
// needed.
base::Result<RagConfig> parse_rag_config(std::string_view document);

}  // namespace mlguard::rag
