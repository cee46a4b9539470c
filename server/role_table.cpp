#include "server/role_table.h"

namespace mlguard::server {

const char* to_string(Verb verb) {
  switch (verb) {
    case Verb::status_read: return "read the status";
    case Verb::enrol: return "enrol";
    case Verb::component_register: return "register or unregister";
    case Verb::component_heartbeat: return "send heartbeats for";
    case Verb::component_remove: return "remove";
    case Verb::config_read: return "read the configuration of";
    case Verb::config_list: return "list all configurations";
    case Verb::config_write: return "put the configuration of";
    case Verb::config_manage: return "roll back or delete the configuration of";
    case Verb::rules_read: return "read rules";
    case Verb::rules_write: return "write rules";
    case Verb::rules_allow: return "write allow rules";
    case Verb::detections_write: return "report detections";
    case Verb::detections_read: return "read detections";
    case Verb::applied_write: return "report what is applied by";
    case Verb::applied_read: return "read what components applied";
    case Verb::changes_read: return "read the change log";
    case Verb::audit_read: return "read the audit trail";
    case Verb::tokens_manage: return "manage join tokens";
    case Verb::identities_manage: return "manage identities";
    case Verb::pipeline_keys_read: return "read pipeline keys";
    case Verb::pipeline_keys_use: return "use pipeline keys";
    case Verb::pipeline_keys_rotate: return "rotate pipeline keys";
    case Verb::models_read: return "read models";
    case Verb::models_write: return "push or remove models";
    case Verb::backup: return "make backups";
    case Verb::verify: return "verify the database";
    case Verb::cluster_read: return "read members and conflicts";
    case Verb::cluster_manage: return "manage members and leadership";
    case Verb::questions_ask: return "ask questions";
    case Verb::questions_answer: return "answer questions";
    case Verb::replicate: return "replicate";
  }
  return "do this";
}

base::Error not_permitted(base::Role role, Verb verb, std::string_view subject) {
  std::string message =
      "the role '" + std::string(base::to_string(role)) + "' may not " + to_string(verb);
  if (!subject.empty()) message += " '" + std::string(subject) + "'";
  message += ": use an operator's credential";
  if (reach(role, verb) == Reach::own || reach(role, verb) == Reach::own_or_global) {
    message += ", or the one of that component itself";
  }
  return {base::ErrorCode::permission_denied, "role_not_permitted", message};
}

}  // namespace mlguard::server
