// Rows to the nouns of base/model.h: for each table the columns to select, in the order in which
// its function reads them. Internal to db/. Stateless.
#pragma once

#include <string>

#include "base/model.h"
#include "db/connection.h"
#include "db/engine.h"

namespace mlguard::db {

inline constexpr const char* kComponentColumns =
    "name, instance_id, role, version, address, public_key, registered_at, health, "
    "health_since";
base::Component component_of(const Query& row);

inline constexpr const char* kHeartbeatColumns =
    "component, instance_id, seq, sent_at, received_at, status, detail";
base::Heartbeat heartbeat_of(const Query& row);

inline constexpr const char* kRuleColumns =
    "id, cidr, action, reason, score, source, created_at, expires_at, revision, "
    "deleted";
base::Rule rule_of(const Query& row);

inline constexpr const char* kTokenColumns =
    "id, role, component, sealed_psk, uses_left, created_at, expires_at, revoked, author";
base::Token token_of(const Query& row);

inline constexpr const char* kIdentityColumns =
    "public_key, role, name, component, token_id, enrolled_at, revoked";
base::Identity identity_of(const Query& row);

inline constexpr const char* kDetectionColumns =
    "id, component, kind, source_ip, destination_ip, destination_port, score, detail, "
    "rule_id, detected_at, revision";
StoredDetection detection_of(const Query& row);

inline constexpr const char* kPipelineKeyColumns =
    "id, sealed_secret, active_from, retires_at, author";
StoredPipelineKey pipeline_key_of(const Query& row);
// The last that changed a pipeline key, as far as tombstones are kept; 0: there never was one.
std::uint64_t pipeline_keys_revision(Connection& db);

// "SELECT columns rest". Keep the text where it lives as long as the connection: its address is
// the key of the statement cache.
std::string select(const char* columns, const char* rest);

}  // namespace mlguard::db
