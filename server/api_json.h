// The JSON of answers that only the server makes (what both sides share stands in wire/messages.h).
// Stateless; safe from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/model.h"
#include "db/engine.h"
#include "replicator/replicator.h"
#include "replicator/segment_writer.h"
#include "server/backup_store.h"
#include "server/health_watch.h"
#include "wire/cluster_messages.h"

namespace mlguard::server {

// {"components":[{"name","role","version","address","status","last_heartbeat",…}]}
std::string encode_components(const std::vector<ComponentHealth>& components);

// One component with what is known about it beyond the list.
struct ComponentDetails {
  ComponentHealth health;
  std::uint64_t config_version = 0;  // 0: none.
  std::vector<base::Applied> applied;
  bool with_heartbeat_detail = false;
};
std::string encode_component(const ComponentDetails& details);

// {"status":"ok"|"degraded","components":{name:{"status","last_heartbeat","age_ms"}}}
std::string encode_health(const std::vector<ComponentHealth>& components, bool store_healthy,
                          bool expiry_suspended);

struct StatusReport {
  db::EngineStatus engine;
  std::shared_ptr<const replicator::ClusterView> cluster;
  std::int64_t age_ms = 0;
  std::optional<replicator::ShipStatus> shipping;  // With --ship-to.
  std::string found_at;  // Instead of the name among peers; empty: that name.
  std::string cluster_id;
  std::string version;
  std::int64_t uptime_ms = 0;
};
std::string encode_status(const StatusReport& report);

// All members, with what this instance knows of each.
std::vector<wire::MemberInfo> member_infos(const replicator::ClusterView& view);

std::string encode_info(std::string_view version, const std::vector<std::string>& routes);
std::string encode_rules_page(const std::vector<base::Rule>& rules, std::string_view next_after);
std::string encode_stored_detections(const std::vector<db::StoredDetection>& detections);
std::string encode_applied_list(const std::vector<base::Applied>& applied);
std::string encode_tokens(const std::vector<base::Token>& tokens, std::int64_t now_ms);
std::string encode_identities(const std::vector<base::Identity>& identities);
std::string encode_audit(const std::vector<base::AuditRecord>& records);
std::string encode_enrolled(base::Role role, std::string_view name, std::string_view component);
std::string encode_verify(const db::VerifyReport& report);
std::string encode_backup(const Backup& backup);
std::string encode_backups(const std::vector<Backup>& backups);

}  // namespace mlguard::server
