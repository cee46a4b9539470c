#include "cli/exit_code.h"

namespace mlguard::cli {

const std::vector<ExitCodeMeaning>& exit_code_meanings() {
  static const std::vector<ExitCodeMeaning> meanings = {
      {ExitCode::ok, "Done."},
      {ExitCode::failed, "The operation failed; the message says why."},
      {ExitCode::usage, "A flag or argument is wrong; nothing was sent."},
      {ExitCode::unreachable, "No endpoint could be reached."},
      {ExitCode::not_permitted, "Not enrolled, or the credential's role may not do this."},
      {ExitCode::not_found, "There is no such component, version, rule or token."},
      {ExitCode::precondition_failed, "Somebody else changed it first; nothing was written."},
      {ExitCode::no_quorum, "There is no leader, or no majority behind it; nothing was done."},
  };
  return meanings;
}

ExitCode exit_code_of(const base::Error& error) {
  using base::ErrorCode;
  // Reasons first: they are finer than the codes.
  if (error.reason == kReasonUsage || error.reason == "invalid_endpoint") return ExitCode::usage;
  if (error.reason == kReasonNoCredential) return ExitCode::not_permitted;
  if (error.reason == "no_leader" || error.reason == "no_quorum") return ExitCode::no_quorum;
  // A server answers, but nobody behind it does.
  if (error.reason == "no_rag" || error.reason == "not_answered") return ExitCode::failed;
  switch (error.code) {
    case ErrorCode::unavailable: return ExitCode::unreachable;
    case ErrorCode::unauthenticated:
    case ErrorCode::permission_denied: return ExitCode::not_permitted;
    case ErrorCode::not_found: return ExitCode::not_found;
    case ErrorCode::precondition_failed: return ExitCode::precondition_failed;
    default: return ExitCode::failed;
  }
}

base::Error usage_error(std::string message) {
  return {base::ErrorCode::invalid_argument, kReasonUsage, std::move(message)};
}

}  // namespace mlguard::cli
