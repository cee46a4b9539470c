#include "server/api_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/time_format.h"
#include "wire/cluster_messages.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using Json = nlohmann::ordered_json;

// Text from agents may be no UTF-8: it is replaced, never an exception.
std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// "2026-…Z", or null for never.
Json time_or_null(std::int64_t at_ms) {
  return at_ms == 0 ? Json(nullptr) : Json(base::iso_time(at_ms));
}

// What the component says of itself with its beats ("ok", "degraded"); null before the first.
Json said_status(const ComponentHealth& health) {
  const base::Heartbeat& last = health.lease.last;
  return last.status.empty() || last.received_at_ms == 0 ? Json(nullptr) : Json(last.status);
}

Json component_json(const ComponentHealth& health) {
  const base::Component& component = health.lease.component;
  return {{"name", component.name},
          {"role", base::to_string(component.role)},
          {"version", component.version},
          {"address", component.address},
          {"status", base::to_string(health.health)},
          {"says", said_status(health)},
          {"last_heartbeat", time_or_null(health.lease.last.received_at_ms)},
          {"age_ms", health.age_ms},
          {"registered_at", time_or_null(component.registered_at_ms)},
          {"instance_id", component.instance_id}};
}

Json applied_json(const base::Applied& applied) {
  return {{"component", applied.component},
          {"resource", applied.resource},
          {"revision", applied.revision},
          {"digest", applied.digest},
          {"applied_at", time_or_null(applied.applied_at_ms)}};
}

Json backup_json(const Backup& backup) {
  return {{"id", backup.id},
          {"size", backup.bytes},
          {"sha256", backup.sha256},
          {"revision", backup.revision},
          {"created_at", time_or_null(backup.created_at_ms)}};
}

const char* token_state(const base::Token& token, std::int64_t now_ms) {
  if (token.revoked) return "revoked";
  if (token.uses_left == 0) return "used";
  if (token.expires_at_ms != 0 && token.expires_at_ms <= now_ms) return "expired";
  return "usable";
}

}  // namespace

std::string encode_components(const std::vector<ComponentHealth>& components) {
  Json list = Json::array();
  for (const ComponentHealth& health : components) list.push_back(component_json(health));
  return to_text({{"components", std::move(list)}});
}

std::string encode_component(const ComponentDetails& details) {
  Json json = component_json(details.health);
  const base::Heartbeat& last = details.health.lease.last;
  Json beat = {
      {"seq", last.seq}, {"sent_at", time_or_null(last.sent_at_ms)}, {"status", last.status}};
  if (details.with_heartbeat_detail && !last.detail.empty()) {
    Json detail = Json::parse(last.detail, nullptr, false);
    beat["detail"] = detail.is_discarded() ? Json(last.detail) : std::move(detail);
  }
  json["heartbeat"] = std::move(beat);
  json["config_version"] =
      details.config_version == 0 ? Json(nullptr) : Json(details.config_version);
  Json applied = Json::array();
  for (const base::Applied& one : details.applied) applied.push_back(applied_json(one));
  json["applied"] = std::move(applied);
  return to_text(json);
}

std::string encode_health(const std::vector<ComponentHealth>& components, bool store_healthy,
                          bool expiry_suspended) {
  Json by_name = Json::object();
  bool degraded = !store_healthy;
  for (const ComponentHealth& health : components) {
    if (health.health >= base::Health::stale || said_status(health) == "degraded") degraded = true;
    by_name[health.lease.component.name] = {
        {"status", base::to_string(health.health)},
        {"says", said_status(health)},
        {"last_heartbeat", time_or_null(health.lease.last.received_at_ms)},
        {"age_ms", health.age_ms}};
  }
  return to_text({{"status", degraded ? "degraded" : "ok"},
                  {"components", std::move(by_name)},
                  {"store", store_healthy ? "ok" : "failing"},
                  {"expiry_suspended", expiry_suspended}});
}

std::vector<wire::MemberInfo> member_infos(const replicator::ClusterView& view) {
  const replicator::CoreStatus& core = view.core;
  std::vector<wire::MemberInfo> infos;
  for (const replicator::Member& member : core.membership.members) {
    wire::MemberInfo info;
    info.address = member.id;
    const bool votes = member.kind == replicator::MemberKind::voter;
    info.kind = votes ? wire::MemberKind::voter : wire::MemberKind::learner;
    info.leader = member.id == core.leader;
    if (member.id == core.self) {
      info.match = core.tail.revision;
      info.lag = 0;
      info.silent_ms = 0;
    }
    for (const replicator::PeerStatus& peer : core.peers) {
      if (peer.id != member.id) continue;
      info.match = peer.match;
      info.lag = core.tail.revision - std::min(peer.match, core.tail.revision);
      info.silent_ms = peer.silent_ms;
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

std::string encode_status(const StatusReport& report) {
  const db::EngineStatus& engine = report.engine;
  const replicator::CoreStatus& core = report.cluster->core;
  wire::NodeStatus status;
  status.node = engine.node_id;
  const auto shown = [&](const std::string& name) {
    return name == core.self && !report.found_at.empty() ? report.found_at : name;
  };
  status.address = shown(core.self);
  const bool stands = core.role == replicator::Role::pre_candidate;
  status.role = stands ? "candidate" : replicator::to_string(core.role);
  status.leader = shown(core.leader);
  status.term = engine.term;
  status.revision = engine.revision;
  status.committed = engine.committed;
  status.age_ms = report.age_ms;
  status.digest = engine.digest;
  status.state_digest = engine.state_digest;
  for (wire::MemberInfo& info : member_infos(*report.cluster)) {
    if (info.address != core.self) status.peers.push_back(std::move(info));
  }
  Json json = Json::parse(wire::encode(status));
  for (Json& peer : json["peers"]) {
    const auto trouble = report.cluster->trouble.find(peer["address"].get<std::string>());
    if (trouble != report.cluster->trouble.end()) peer["problem"] = trouble->second;
  }
  json.update({{"oldest_revision", engine.oldest_revision},
               {"cluster_id", report.cluster_id},
               {"uptime_s", report.uptime_ms / 1'000},
               {"version", report.version},
               {"bytes_on_disk", engine.bytes_on_disk},
               {"healthy", engine.healthy},
               {"problem", engine.problem}});
  if (const auto& shipping = report.shipping) {
    json["shipping"] = {{"shipped", shipping->shipped},
                        {"generation", shipping->generation},
                        {"segments", shipping->segments},
                        {"snapshots", shipping->snapshots},
                        {"problem", shipping->problem ? shipping->problem->message : ""}};
  }
  return to_text(json);
}

std::string encode_info(std::string_view version, const std::vector<std::string>& routes) {
  return to_text({{"name", "ml-guard"}, {"version", version}, {"api", routes}});
}

std::string encode_rules_page(const std::vector<base::Rule>& rules, std::string_view next_after) {
  if (next_after.empty()) return wire::encode_rules(rules);
  Json json = Json::parse(wire::encode_rules(rules));
  json["next_after"] = next_after;
  return to_text(json);
}

std::string encode_stored_detections(const std::vector<db::StoredDetection>& detections) {
  std::vector<base::Detection> plain;
  std::vector<std::uint64_t> revisions;
  for (const db::StoredDetection& stored : detections) {
    plain.push_back(stored.detection);
    revisions.push_back(stored.revision);
  }
  return wire::encode_detections(plain, revisions);
}

std::string encode_applied_list(const std::vector<base::Applied>& applied) {
  Json list = Json::array();
  for (const base::Applied& one : applied) list.push_back(applied_json(one));
  return to_text({{"applied", std::move(list)}});
}

std::string encode_tokens(const std::vector<base::Token>& tokens, std::int64_t now_ms) {
  Json list = Json::array();
  for (const base::Token& token : tokens) {
    list.push_back({{"id", token.id},
                    {"role", base::to_string(token.role)},
                    {"component", token.component},
                    {"state", token_state(token, now_ms)},
                    {"uses_left", token.uses_left},
                    {"created_at", time_or_null(token.created_at_ms)},
                    {"expires_at", time_or_null(token.expires_at_ms)},
                    {"revoked", token.revoked},
                    {"author", token.author}});
  }
  return to_text({{"tokens", std::move(list)}});
}

std::string encode_identities(const std::vector<base::Identity>& identities) {
  Json list = Json::array();
  for (const base::Identity& identity : identities) {
    list.push_back({{"public_key", identity.public_key},
                    {"role", base::to_string(identity.role)},
                    {"name", identity.name},
                    {"component", identity.component},
                    {"token_id", identity.token_id},
                    {"enrolled_at", time_or_null(identity.enrolled_at_ms)},
                    {"revoked", identity.revoked}});
  }
  return to_text({{"identities", std::move(list)}});
}

std::string encode_audit(const std::vector<base::AuditRecord>& records) {
  Json list = Json::array();
  for (const base::AuditRecord& record : records) {
    list.push_back({{"id", record.id},
                    {"at", time_or_null(record.at_ms)},
                    {"actor", record.actor},
                    {"action", record.action},
                    {"subject", record.subject},
                    {"detail", record.detail}});
  }
  return to_text({{"audit", std::move(list)}});
}

std::string encode_enrolled(base::Role role, std::string_view name, std::string_view component) {
  return to_text({{"status", "ok"},
                  {"role", base::to_string(role)},
                  {"name", name},
                  {"component", component}});
}

std::string encode_verify(const db::VerifyReport& report) {
  return to_text({{"status", report.problems.empty() ? "ok" : "problems"},
                  {"entries_checked", report.entries_checked},
                  {"rows_checked", report.rows_checked},
                  {"first_revision", report.first_revision},
                  {"last_revision", report.last_revision},
                  {"state_digest", report.state_digest},
                  {"problems", report.problems}});
}

std::string encode_backup(const Backup& backup) {
  Json json = backup_json(backup);
  json["status"] = "ok";
  return to_text(json);
}

std::string encode_backups(const std::vector<Backup>& backups) {
  Json list = Json::array();
  for (const Backup& backup : backups) list.push_back(backup_json(backup));
  return to_text({{"backups", std::move(list)}});
}

}  // namespace mlguard::server
