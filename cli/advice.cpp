#include "cli/advice.h"

#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "cli/probe.h"

namespace mlguard::cli {
namespace {

struct Advice {
  std::string_view reason;
  std::string_view command;  // '%' stands for the subject
};

// By the reasons of docs/wire-format.md. A line with '%' is skipped when there is no subject.
const std::vector<Advice>& table() {
  static const std::vector<Advice> advice = {
      {kReasonNoCredential,
       "ml-guard enroll TOKEN   (on the server: ml-guard token create --role "
       "operator)"},
      {"unsafe_mode", "chmod 600 FILE   (and ask who could have read it)"},
      {"bad_credential", "ml-guard enroll TOKEN"},
      {"not_enrolled",
       "ml-guard enroll TOKEN   (on the server: ml-guard token create --role "
       "operator)"},
      {"handshake_failed", "ml-guard enroll TOKEN   (this credential is of another cluster)"},
      {"token_used", "ml-guard token create --role ROLE   (on the server)"},
      {"token_expired", "ml-guard token create --role ROLE   (on the server)"},
      {"token_revoked", "ml-guard token create --role ROLE   (on the server)"},
      {"invalid_token", "ml-guard enroll mlg1....   (copy the whole token, in one piece)"},
      {"no_token", "ml-guard token list"},
      {"rotation_under_way", "ml-guard pipeline-keys"},
      {"pipeline_keys_moved", "ml-guard pipeline-keys"},
      {"role_not_permitted", "ml-guard --credentials FILE ...   (an operator's)"},
      {"other_cluster", "ml-guard --credentials FILE ...   (of this cluster, or enroll there)"},
      {"permission_denied", "ml-guard --credentials FILE ...   (an operator's)"},
      {"version_mismatch", "ml-guard config history %"},
      {"no_config", "ml-guard config put % FILE   (those that are there: ml-guard config list)"},
      {"no_version", "ml-guard config history %"},
      {"no_such_path", "ml-guard config get %"},
      {"bad_path", "ml-guard config get %"},
      {"invalid_json", "ml-guard config validate FILE"},
      {"unknown_component", "ml-guard components"},
      {"no_rule", "ml-guard rules list"},
      {"no_detection", "ml-guard detections"},
      {"no_rag", "ml-guard token create --role rag   (then, where it shall run: rag --join TOKEN)"},
      {"no_question", "ml-guard ask QUESTION   (again)"},
      {"not_answered", "ml-guard component rag   (how it is), or its log"},
      {"too_many_questions", "ml-guard ask QUESTION   (again, in a moment)"},
      {"not_proposed", "ml-guard ask QUESTION   (again)"},
      {"already_approved", "ml-guard audit   (what was run)"},
      {"not_in_whitelist", "ml-guard --help   (the command that does it)"},
      {"bad_proposal", "ml-guard ask --no-act QUESTION   (what rag found)"},
      {"no_model", "ml-guard model list"},
      {"too_many_models", "ml-guard model list   (and: ml-guard model rm MODEL)"},
      {"model_incomplete", "ml-guard model push FILE"},
      {"model_damaged", "ml-guard model rm MODEL, then ml-guard model push FILE"},
      {"no_route", "ml-guard api GET /info   (lists every route)"},
      {"compacted", "ml-guard changes   (without --after: begins at the oldest one kept)"},
      {"timeout", "ml-guard changes   (shows whether it was done), or again with --timeout 60s"},
      {"outcome_unknown",
       "ml-guard changes   (shows whether it was done), or again with --timeout 60s"},
      {"no_leader",
       "ml-guard status   (who is there), or --consistency local to read what one instance has"},
      {"no_quorum",
       "ml-guard status   (who is there), or --consistency local to read what one instance has"},
      {"no_member", "ml-guard members"},
      {"not_compared", "ml-guard members   (who is silent or behind), then ml-guard verify again"},
  };
  return advice;
}

std::string with_subject(std::string_view command, const std::string& subject) {
  std::string text(command);
  const std::size_t at = text.find('%');
  if (at == std::string::npos) return text;
  return text.replace(at, 1, subject.empty() ? "COMPONENT" : subject);
}

std::string start_a_server(const Settings& settings) {
  if (all_local(settings.endpoints)) {
    return "etcd-server --port " + port_of(settings.endpoints.front()) +
           "   (or, where one runs: ml-guard --endpoints HOST:PORT ...)";
  }
  return "ml-guard --endpoints HOST:PORT ...   (or start one there: etcd-server --port " +
         port_of(settings.endpoints.front()) + ")";
}

}  // namespace

std::string advice_for(const base::Error& error, const std::string& subject,
                       const Settings& settings) {
  if (exit_code_of(error) == ExitCode::unreachable && !settings.endpoints.empty()) {
    return start_a_server(settings);
  }
  for (const Advice& advice : table()) {
    if (advice.reason == error.reason) return with_subject(advice.command, subject);
  }
  return {};
}

}  // namespace mlguard::cli
