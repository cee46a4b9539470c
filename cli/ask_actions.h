// What `ml-guard ask` may do for its operator: this command's own whitelist. A proposal is only
// arguments: each is checked here, the command is built anew from them, and what would change is
// looked up here, so that neither rag nor what it has read can make anything else run.
//
// Not for sharing between threads.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/commands/config.h"
#include "cli/commands/rules.h"
#include "cli/context.h"
#include "wire/ask.h"

namespace mlguard::cli {

// One of the whitelist's actions, ready to run.
struct Action {
  enum class Kind { config_set, config_rollback, rules_add, rules_remove };
  Kind kind = Kind::config_set;
  ConfigOptions config;
  RulesOptions rules;
  std::string command;  // Exactly what runs, as one would type it.
};

// Errors: permission_denied / "not_in_whitelist"; invalid_argument / "bad_proposal" for arguments
// that are missing, unknown or not what they should be.
base::Result<Action> plan_action(const wire::Proposal& proposal, const std::string& question);

struct Change {
  std::string diff;  // In unified form; "-" and "+" lines for rules.
  std::string undo;  // What to type to have it as it was.
};
// What would change, by the state as it is now; sets the action's own compare-and-set. Errors:
// precondition_failed / "version_mismatch" when the configuration has moved since the answer.
base::Result<Change> preview(Context& context, Action& action, const wire::Proposal& proposal);

base::Status run_action(Context& context, const Action& action);

}  // namespace mlguard::cli
