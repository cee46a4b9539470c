// What ml-guard exits with. Documented in the man page from the same table. Stateless.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace mlguard::cli {

enum class ExitCode : int {
  ok = 0,
  failed = 1,
  usage = 2,
  unreachable = 3,
  not_permitted = 4,
  not_found = 5,
  precondition_failed = 6,
  no_quorum = 7,
};

struct ExitCodeMeaning {
  ExitCode code;
  const char* meaning;
};
const std::vector<ExitCodeMeaning>& exit_code_meanings();

// Reasons that the CLI itself gives; what the server may answer stands in docs/wire-format.md.
inline constexpr const char* kReasonUsage = "usage";                 // bad flags or arguments
inline constexpr const char* kReasonNoCredential = "no_credential";  // nothing to authenticate with
inline constexpr const char* kReasonNoServer = "no_server";          // nobody listens

ExitCode exit_code_of(const base::Error& error);

// A mistake in what was typed: exit code 2.
base::Error usage_error(std::string message);

}  // namespace mlguard::cli
