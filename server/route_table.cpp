#include "server/route_table.h"

#include "server/api_handlers.h"

namespace mlguard::server {

namespace {

constexpr std::size_t kNoBody = 0;
constexpr std::size_t kSmall = kSmallBodyBytesMax;
constexpr std::size_t kConfig = base::kConfigBytesMax + 1024;  // The store names the exact limit.
constexpr std::size_t kBatch = 8 * 1024 * 1024;                // Detections with details.

constexpr Access kPlain = Access::plain_or_sealed;
constexpr Access kSealed = Access::sealed;
constexpr Where kLoop = Where::loop;
constexpr Where kPool = Where::pool;
constexpr By kAny = By::any;
constexpr By kReader = By::reader;
constexpr By kLeader = By::leader;

// Of the cluster itself, and what its instances ask of each other.
std::vector<Route> cluster_routes() {
  return {
      {"GET", "/v1/members", "members", kSealed, kLoop, kLeader, kNoBody, list_members},
      {"POST", "/v1/members", "member_add", kSealed, kLoop, kLeader, kSmall, add_member},
      {"DELETE", "/v1/members/{}", "member_remove", kSealed, kLoop, kLeader, kNoBody,
       remove_member},
      {"POST", "/v1/leader", "leader_transfer", kSealed, kLoop, kLeader, kSmall,
       transfer_leadership},
      {"GET", "/v1/conflicts", "conflicts", kSealed, kPool, kReader, kNoBody, list_conflicts},
      {"POST", "/v1/peer", "peer", kSealed, kLoop, kAny, wire::kPlainBodyBytesMax, peer_message},
      // Answered by the gate itself: it hands the request inside to its own handler.
      {"POST", "/v1/peer/forward", "peer_forward", Access::forward, kLoop, kAny,
       wire::kPlainBodyBytesMax, nullptr},
      {"GET", "/v1/peer/leads", "peer_leads", kSealed, kLoop, kAny, kNoBody, peer_leads},
      {"GET", "/v1/peer/tail", "peer_tail", kSealed, kLoop, kAny, kNoBody, peer_tail},
      {"POST", "/v1/peer/enrol", "peer_enrol", kSealed, kLoop, kAny, kSmall, peer_enrol},
      {"POST", "/v1/peer/audit", "peer_audit", kSealed, kLoop, kAny, kSmall, peer_audit},
  };
}

std::vector<Route> state_routes() {
  return {
      // Answered by the gate itself: it makes the session that all others need.
      {"POST", "/v1/session", "session", Access::handshake, kLoop, kAny, wire::kHandshakeBytesMax,
       nullptr},
      {"POST", "/heartbeat", "heartbeat", kSealed, kLoop, kLeader, kSmall, heartbeat},
      {"POST", "/register", "register", kSealed, kLoop, kLeader, kSmall, register_component},
      {"POST", "/unregister", "unregister", kSealed, kLoop, kLeader, kSmall, unregister_component},
      {"GET", "/health", "health", kPlain, kPool, kReader, kNoBody, get_health},
      {"GET", "/components", "components", kPlain, kPool, kReader, kNoBody, list_components},
      {"GET", "/components/{}", "component", kPlain, kPool, kReader, kNoBody, get_component},
      {"GET", "/status", "status", kPlain, kLoop, kAny, kNoBody, get_status},
      {"GET", "/metrics", "metrics", kPlain, kPool, kAny, kNoBody, get_metrics},
      {"GET", "/info", "info", kPlain, kLoop, kAny, kNoBody, get_info},
      {"POST", "/v1/enrol", "enrol", kSealed, kLoop, kAny, kSmall, enrol},
      {"GET", "/v1/config/{}", "config_get", kSealed, kLoop, kReader, kNoBody, get_config},
      {"PUT", "/v1/config/{}", "config_put", kSealed, kLoop, kLeader, kConfig, put_config},
      {"DELETE", "/v1/config/{}", "config_delete", kSealed, kLoop, kLeader, kNoBody, delete_config},
      {"GET", "/v1/config", "config_list", kSealed, kPool, kReader, kNoBody, list_configs},
      {"GET", "/v1/config/{}/versions", "config_history", kSealed, kPool, kReader, kNoBody,
       list_config_versions},
      {"GET", "/v1/config/{}/versions/{}", "config_version", kSealed, kLoop, kReader, kNoBody,
       get_config_version},
      {"POST", "/v1/config/{}/rollback", "config_rollback", kSealed, kLoop, kLeader, kSmall,
       rollback_config},
      {"GET", "/v1/rules/stream", "rules_stream", kSealed, kPool, kAny, kNoBody, stream_rules},
      {"GET", "/v1/rules", "rules_list", kSealed, kPool, kReader, kNoBody, list_rules},
      {"POST", "/v1/rules", "rules_put", kSealed, kPool, kLeader, kBatch, put_rules},
      {"GET", "/v1/rules/{}", "rule_get", kSealed, kLoop, kReader, kNoBody, get_rule},
      {"DELETE", "/v1/rules/{}", "rule_remove", kSealed, kLoop, kLeader, kNoBody, remove_rule},
      {"GET", "/v1/detections", "detections_list", kSealed, kPool, kReader, kNoBody,
       list_detections},
      {"POST", "/v1/detections", "detections_put", kSealed, kPool, kLeader, kBatch, put_detections},
      {"GET", "/v1/applied", "applied_list", kSealed, kPool, kReader, kNoBody, list_applied},
      {"POST", "/v1/applied", "applied_put", kSealed, kLoop, kLeader, kSmall, put_applied},
      {"GET", "/v1/watch", "watch", kSealed, kLoop, kAny, kNoBody, watch_changes},
      {"GET", "/v1/changes", "changes", kSealed, kPool, kAny, kNoBody, list_changes},
      {"GET", "/v1/audit", "audit", kSealed, kPool, kReader, kNoBody, list_audit},
      {"GET", "/v1/tokens", "tokens_list", kSealed, kPool, kReader, kNoBody, list_tokens},
      {"POST", "/v1/tokens", "token_create", kSealed, kLoop, kLeader, kSmall, create_token},
      {"DELETE", "/v1/tokens/{}", "token_revoke", kSealed, kLoop, kLeader, kNoBody, revoke_token},
      {"GET", "/v1/identities", "identities", kSealed, kPool, kReader, kNoBody, list_identities},
      {"DELETE", "/v1/identities/{}", "identity_revoke", kSealed, kLoop, kLeader, kNoBody,
       revoke_identity},
      {"GET", "/v1/pipeline-keys", "pipeline_keys", kSealed, kPool, kReader, kNoBody,
       list_pipeline_keys},
      {"POST", "/v1/pipeline-keys/rotate", "pipeline_keys_rotate", kSealed, kPool, kLeader, kSmall,
       rotate_pipeline_keys},
      {"GET", "/v1/models", "models", kSealed, kPool, kReader, kNoBody, list_models},
      {"GET", "/v1/models/{}", "model", kSealed, kPool, kReader, kNoBody, get_model},
      {"DELETE", "/v1/models/{}", "model_remove", kSealed, kLoop, kLeader, kNoBody, remove_model},
      {"GET", "/v1/models/{}/parts/{}", "model_part", kSealed, kPool, kReader, kNoBody,
       get_model_part},
      {"PUT", "/v1/models/{}/parts/{}", "model_part_put", kSealed, kPool, kLeader, kConfig,
       put_model_part},
      {"DELETE", "/v1/components/{}", "component_remove", kSealed, kLoop, kLeader, kNoBody,
       remove_component},
      {"GET", "/v1/verify", "verify", kSealed, kPool, kAny, kNoBody, verify_store},
      {"GET", "/v1/backups", "backup_list", kSealed, kLoop, kAny, kNoBody, list_backups},
      {"POST", "/v1/backups", "backup_make", kSealed, kPool, kAny, kSmall, make_backup},
      {"GET", "/v1/backups/{}", "backup_get", kSealed, kPool, kAny, kNoBody, get_backup},
      {"DELETE", "/v1/backups/{}", "backup_delete", kSealed, kPool, kAny, kNoBody, delete_backup},
  };
}

// Questions to rag live in the leader's memory.
std::vector<Route> question_routes() {
  return {
      {"POST", "/v1/questions", "question_ask", kSealed, kLoop, kLeader, kSmall, ask_question},
      {"GET", "/v1/questions/next", "question_next", kSealed, kLoop, kLeader, kNoBody,
       next_question},
      {"POST", "/v1/questions/{}/answer", "question_answer", kSealed, kPool, kLeader,
       2 * wire::kAnswerJsonBytesMax, answer_question},
      {"GET", "/v1/questions/{}", "question_news", kSealed, kPool, kLeader, kNoBody, read_answer},
      {"POST", "/v1/questions/{}/approve", "question_approve", kSealed, kLoop, kLeader, kSmall,
       approve_proposal},
  };
}

}  // namespace

const std::vector<Route>& routes() {
  static const std::vector<Route> table = [] {
    std::vector<Route> all = state_routes();
    const std::vector<Route> of_cluster = cluster_routes();
    all.insert(all.end(), of_cluster.begin(), of_cluster.end());
    const std::vector<Route> of_questions = question_routes();
    all.insert(all.end(), of_questions.begin(), of_questions.end());
    return all;
  }();
  return table;
}

}  // namespace mlguard::server
