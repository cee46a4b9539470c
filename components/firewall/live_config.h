// LiveConfig: the firewall's configuration document as values. docs/configuration.md explains each
// key; config_schema.h has their limits. Plain data and one function; safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::firewall {

struct LiveConfig {
  bool dry_run = false;
  std::string table = "ml_guard";
  int priority = -310;
  bool xdp = false;
  std::vector<std::string> interfaces;
  std::size_t rules_max = 500'000;
  std::vector<std::string> allowlist = {"127.0.0.0/8", "::1/128"};
  bool operator==(const LiveConfig&) const = default;
};

// Keys that the document leaves out have the values above. Errors: check_config's;
// invalid_argument / "invalid_table", "mapped_address".
base::Result<LiveConfig> parse_live_config(std::string_view document);

// The "allowlist" of the global configuration. Errors: as above.
base::Result<std::vector<std::string>> parse_global_allowlist(std::string_view document);

}  // namespace mlguard::firewall
