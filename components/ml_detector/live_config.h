// DetectorConfig: the ml-detector's configuration document as values. docs/configuration.md
// explains each key; config_schema.h has their limits. Plain data and one function; safe from any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ml_detector/fast_rules.h"
#include "ml_detector/policy.h"

namespace mlguard::ml_detector {

struct DetectorConfig {
  std::string endpoint = "tcp://127.0.0.1:5571";
  // Which model: the one with this sha256, from the control plane; else the file; else the
  // installed one of this name. None of them there: no model.
  std::string model_sha256;
  std::string model_path;
  std::string model_name = "flows-v3";
  FastRuleLimits fast_rules;
  PolicySettings policy;
};

// Keys that the document leaves out have the values above. Errors: check_config's, and
// invalid_argument / "invalid_value" for ports and hashes that are none.
base::Result<DetectorConfig> parse_detector_config(std::string_view document);

// The networks that the global configuration lets nobody block. Errors: check_config's.
base::Result<std::vector<Network>> parse_shared_allowlist(std::string_view global_document);

}  // namespace mlguard::ml_detector
