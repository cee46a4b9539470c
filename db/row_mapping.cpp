#include "db/row_mapping.h"

namespace mlguard::db {

base::Component component_of(const Query& row) {
  base::Component component;
  component.name = row.text(0);
  component.instance_id = row.text(1);
  if (auto role = base::parse_role(row.bytes(2)); role.ok()) component.role = *role;
  component.version = row.text(3);
  component.address = row.text(4);
  component.public_key = row.text(5);
  component.registered_at_ms = row.integer(6);
  if (auto health = base::parse_health(row.bytes(7)); health.ok()) component.health = *health;
  component.health_since_ms = row.integer(8);
  return component;
}

base::Heartbeat heartbeat_of(const Query& row) {
  base::Heartbeat beat;
  beat.component = row.text(0);
  beat.instance_id = row.text(1);
  beat.seq = row.unsigned_integer(2);
  beat.sent_at_ms = row.integer(3);
  beat.received_at_ms = row.integer(4);
  beat.status = row.text(5);
  beat.detail = row.text(6);
  return beat;
}

base::Rule rule_of(const Query& row) {
  base::Rule rule;
  rule.id = row.text(0);
  rule.cidr = row.text(1);
  rule.action = row.text(2);
  rule.reason = row.text(3);
  rule.score = row.real(4);
  rule.source = row.text(5);
  rule.created_at_ms = row.integer(6);
  rule.expires_at_ms = row.integer(7);
  rule.revision = row.unsigned_integer(8);
  return rule;
}

base::Token token_of(const Query& row) {
  base::Token token;
  token.id = row.text(0);
  if (auto role = base::parse_role(row.bytes(1)); role.ok()) token.role = *role;
  token.component = row.text(2);
  token.sealed_psk = row.text(3);
  token.uses_left = static_cast<std::uint32_t>(row.unsigned_integer(4));
  token.created_at_ms = row.integer(5);
  token.expires_at_ms = row.integer(6);
  token.revoked = row.truth(7);
  token.author = row.text(8);
  return token;
}

base::Identity identity_of(const Query& row) {
  base::Identity identity;
  identity.public_key = row.text(0);
  if (auto role = base::parse_role(row.bytes(1)); role.ok()) identity.role = *role;
  identity.name = row.text(2);
  identity.component = row.text(3);
  identity.token_id = row.text(4);
  identity.enrolled_at_ms = row.integer(5);
  identity.revoked = row.truth(6);
  return identity;
}

StoredDetection detection_of(const Query& row) {
  StoredDetection stored;
  base::Detection& detection = stored.detection;
  detection.id = row.text(0);
  detection.component = row.text(1);
  detection.kind = row.text(2);
  detection.source_ip = row.text(3);
  detection.destination_ip = row.text(4);
  detection.destination_port = static_cast<std::uint16_t>(row.integer(5));
  detection.score = row.real(6);
  detection.detail = row.text(7);
  detection.rule_id = row.text(8);
  detection.detected_at_ms = row.integer(9);
  stored.revision = row.unsigned_integer(10);
  return stored;
}

StoredPipelineKey pipeline_key_of(const Query& row) {
  StoredPipelineKey stored;
  stored.key.id = row.unsigned_integer(0);
  stored.sealed_secret = row.text(1);
  stored.key.active_from_ms = row.integer(2);
  stored.key.retires_at_ms = row.integer(3);
  stored.key.author = row.text(4);
  return stored;
}

std::uint64_t pipeline_keys_revision(Connection& db) {
  return static_cast<std::uint64_t>(db.integer_of("SELECT max(revision) FROM pipeline_key"));
}

std::string select(const char* columns, const char* rest) {
  return std::string("SELECT ") + columns + " " + rest;
}

}  // namespace mlguard::db
