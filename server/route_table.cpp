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

}  // namespace

const std::vector<Route>& routes() {
  static const std::vector<Route> table = {
      // Answered by the gate itself: it makes the session that all others need.
      {"POST", "/v1/session", "session", Access::handshake, kLoop, wire::kHandshakeBytesMax,
       nullptr},
      {"POST", "/heartbeat", "heartbeat", kSealed, kLoop, kSmall, heartbeat},
      {"POST", "/register", "register", kSealed, kLoop, kSmall, register_component},
      {"POST", "/unregister", "unregister", kSealed, kLoop, kSmall, unregister_component},
      {"GET", "/health", "health", kPlain, kPool, kNoBody, get_health},
      {"GET", "/components", "components", kPlain, kPool, kNoBody, list_components},
      {"GET", "/components/{}", "component", kPlain, kPool, kNoBody, get_component},
      {"GET", "/status", "status", kPlain, kLoop, kNoBody, get_status},
      {"GET", "/metrics", "metrics", kPlain, kPool, kNoBody, get_metrics},
      {"GET", "/info", "info", kPlain, kLoop, kNoBody, get_info},
      {"POST", "/v1/enrol", "enrol", kSealed, kLoop, kSmall, enrol},
      {"GET", "/v1/config/{}", "config_get", kSealed, kLoop, kNoBody, get_config},
      {"PUT", "/v1/config/{}", "config_put", kSealed, kLoop, kConfig, put_config},
      {"DELETE", "/v1/config/{}", "config_delete", kSealed, kLoop, kNoBody, delete_config},
      {"GET", "/v1/config", "config_list", kSealed, kPool, kNoBody, list_configs},
      {"GET", "/v1/config/{}/versions", "config_history", kSealed, kPool, kNoBody,
       list_config_versions},
      {"GET", "/v1/config/{}/versions/{}", "config_version", kSealed, kLoop, kNoBody,
       get_config_version},
      {"POST", "/v1/config/{}/rollback", "config_rollback", kSealed, kLoop, kSmall,
       rollback_config},
      {"GET", "/v1/rules/stream", "rules_stream", kSealed, kPool, kNoBody, stream_rules},
      {"GET", "/v1/rules", "rules_list", kSealed, kPool, kNoBody, list_rules},
      {"POST", "/v1/rules", "rules_put", kSealed, kPool, kBatch, put_rules},
      {"GET", "/v1/rules/{}", "rule_get", kSealed, kLoop, kNoBody, get_rule},
      {"DELETE", "/v1/rules/{}", "rule_remove", kSealed, kLoop, kNoBody, remove_rule},
      {"GET", "/v1/detections", "detections_list", kSealed, kPool, kNoBody, list_detections},
      {"POST", "/v1/detections", "detections_put", kSealed, kPool, kBatch, put_detections},
      {"GET", "/v1/applied", "applied_list", kSealed, kPool, kNoBody, list_applied},
      {"POST", "/v1/applied", "applied_put", kSealed, kLoop, kSmall, put_applied},
      {"GET", "/v1/watch", "watch", kSealed, kLoop, kNoBody, watch_changes},
      {"GET", "/v1/changes", "changes", kSealed, kPool, kNoBody, list_changes},
      {"GET", "/v1/audit", "audit", kSealed, kPool, kNoBody, list_audit},
      {"GET", "/v1/tokens", "tokens_list", kSealed, kPool, kNoBody, list_tokens},
      {"POST", "/v1/tokens", "token_create", kSealed, kLoop, kSmall, create_token},
      {"DELETE", "/v1/tokens/{}", "token_revoke", kSealed, kLoop, kNoBody, revoke_token},
      {"GET", "/v1/identities", "identities", kSealed, kPool, kNoBody, list_identities},
      {"DELETE", "/v1/identities/{}", "identity_revoke", kSealed, kLoop, kNoBody, revoke_identity},
      {"DELETE", "/v1/components/{}", "component_remove", kSealed, kLoop, kNoBody,
       remove_component},
      {"GET", "/v1/verify", "verify", kSealed, kPool, kNoBody, verify_store},
      {"GET", "/v1/backups", "backup_list", kSealed, kLoop, kNoBody, list_backups},
      {"POST", "/v1/backups", "backup_make", kSealed, kPool, kSmall, make_backup},
      {"GET", "/v1/backups/{}", "backup_get", kSealed, kPool, kNoBody, get_backup},
      {"DELETE", "/v1/backups/{}", "backup_delete", kSealed, kPool, kNoBody, delete_backup},
  };
  return table;
}

}  // namespace mlguard::server
