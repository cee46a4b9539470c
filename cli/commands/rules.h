// The parts of `ml-guard rules` that others need: what `ml-guard ask` has approved runs as if it
// had been typed. Internal to commands/. Not for sharing between threads.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/context.h"

namespace mlguard::cli {

// Filled from the command line; each subcommand uses its own part.
struct RulesOptions {
  std::vector<std::string> cidrs;
  std::string reason;
  std::string ttl;
  std::string action = "drop";
  std::string id;
  double score = 1;
  std::vector<std::string> ids;
  std::size_t limit = 100;
  std::string after;
};

base::Status rules_add(Context& context, const RulesOptions& options);
// By ids or networks.
base::Status rules_rm(Context& context, const RulesOptions& options);
// The rules of that id, or of that network. Error: not_found / "no_rule".
base::Result<std::vector<base::Rule>> find_rules(Context& context, const std::string& typed);

}  // namespace mlguard::cli
