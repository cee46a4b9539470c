// Retention in bounded steps: the engine runs Maintain every second, and again at once while there
// is more to do. What is removed for good travels to followers as purge images.
#include <algorithm>

#include "db/commands.h"
#include "db/hybrid_clock.h"

namespace mlguard::db {

namespace {

constexpr std::int64_t kMaintainRowsMax = 500;  // per kind and step

std::vector<std::string> expired_rules(const CommandContext& context) {
  std::vector<std::string> ids;
  Query query = context.db.query(
      "SELECT id FROM rule WHERE deleted = 0 AND expires_at > 0 AND expires_at <= ? ORDER BY "
      "expires_at LIMIT ?");
  query.bind_all(context.now_ms, kMaintainRowsMax);
  while (query.step()) ids.push_back(query.text(0));
  return ids;
}

CommandOutcome expire(const CommandContext& context, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    context.db.run("UPDATE rule SET deleted = 1, revision = ?, hlc = ?, origin = ? WHERE id = ?",
                   context.revision, context.hlc, context.origin, id);
  }
  const std::string what = count_of(ids.size(), "rule") + " expired";
  add_audit(context, "rules.expire",
            ids.size() == 1 ? "rules/" + ids.front() : std::string("rules"), what);
  return CommandOutcome{"rules", what, 0, {}};
}

std::size_t purge_tombstones(const CommandContext& context) {
  static constexpr const char* kPurges[] = {
      "DELETE FROM component WHERE name IN (SELECT name FROM component WHERE deleted = 1 AND hlc < "
      "? LIMIT ?)",
      "DELETE FROM heartbeat WHERE component IN (SELECT component FROM heartbeat WHERE deleted = 1 "
      "AND hlc < ? LIMIT ?)",
      "DELETE FROM config_active WHERE component IN (SELECT component FROM config_active WHERE "
      "deleted = 1 AND hlc < ? LIMIT ?)",
      "DELETE FROM rule WHERE id IN (SELECT id FROM rule WHERE deleted = 1 AND hlc < ? LIMIT ?)",
      "DELETE FROM applied WHERE (component, resource) IN (SELECT component, resource FROM applied "
      "WHERE deleted = 1 AND hlc < ? LIMIT ?)",
      "DELETE FROM token WHERE id IN (SELECT id FROM token WHERE deleted = 1 AND hlc < ? LIMIT ?)",
      "DELETE FROM member WHERE address IN (SELECT address FROM member WHERE deleted = 1 AND hlc < "
      "? LIMIT ?)",
      "DELETE FROM pipeline_key WHERE id IN (SELECT id FROM pipeline_key WHERE deleted = 1 AND hlc "
      "< ? LIMIT ?)",
      "DELETE FROM model_part WHERE (sha256, part) IN (SELECT sha256, part FROM model_part WHERE "
      "deleted = 1 AND hlc < ? LIMIT ?)",
  };
  const std::int64_t before_ms =
      std::max<std::int64_t>(context.now_ms - context.retention.tombstone_ms, 0);
  const std::uint64_t before = static_cast<std::uint64_t>(before_ms) << kHlcCounterBits;
  std::size_t purged = 0;
  for (const char* sql : kPurges) {
    purged += static_cast<std::size_t>(context.db.run(sql, before, kMaintainRowsMax));
  }
  return purged;
}

// A token that can no longer be used is shown for as long as tombstones are kept, then it goes.
std::size_t bury_expired_tokens(const CommandContext& context) {
  return static_cast<std::size_t>(context.db.run(
      "UPDATE token SET deleted = 1, hlc = ?, origin = ? WHERE id IN (SELECT id FROM token WHERE "
      "deleted = 0 AND expires_at > 0 AND expires_at <= ? LIMIT ?)",
      context.hlc, context.origin, context.now_ms - context.retention.tombstone_ms,
      kMaintainRowsMax));
}

// What it sealed is not taken any more: the secret goes at once.
std::size_t bury_retired_keys(const CommandContext& context) {
  return static_cast<std::size_t>(context.db.run(
      "UPDATE pipeline_key SET deleted = 1, sealed_secret = '', revision = ?, hlc = ?, origin = ? "
      "WHERE deleted = 0 AND retires_at > 0 AND retires_at <= ?",
      context.revision, context.hlc, context.origin, context.now_ms));
}

std::size_t purge_detections(const CommandContext& context) {
  if (context.state.detections <= context.retention.detections_max) return 0;
  const std::uint64_t excess = context.state.detections - context.retention.detections_max;
  return static_cast<std::size_t>(context.db.run(
      "DELETE FROM detection WHERE id IN (SELECT id FROM detection ORDER BY revision LIMIT ?)",
      std::min<std::uint64_t>(excess, kMaintainRowsMax)));
}

std::size_t purge_audit(const CommandContext& context) {
  // The oldest stand first; only those are looked at, not the whole table.
  return static_cast<std::size_t>(context.db.run(
      "DELETE FROM audit WHERE (id, node) IN (SELECT id, node FROM (SELECT id, node, at FROM audit "
      "ORDER BY id, node LIMIT ?) WHERE at < ?)",
      kMaintainRowsMax, context.now_ms - context.retention.audit_ms));
}

// Losers of merges are kept as long as audit records.
std::size_t purge_conflicts(const CommandContext& context) {
  return static_cast<std::size_t>(context.db.run(
      "DELETE FROM conflict WHERE (table_name, row_key, lost_hlc, lost_origin) IN (SELECT "
      "table_name, row_key, lost_hlc, lost_origin FROM conflict WHERE recorded_at < ? ORDER BY "
      "recorded_at LIMIT ?)",
      context.now_ms - context.retention.audit_ms, kMaintainRowsMax));
}

}  // namespace

Outcome run(const CommandContext& context, const Maintain& /*command*/) {
  // Followers of the rule stream listen for "rules", so that an expiry is an entry of its own.
  if (const auto expired = expired_rules(context); !expired.empty()) {
    return expire(context, expired);
  }
  const std::size_t tombstones = purge_tombstones(context);
  const std::size_t tokens = bury_expired_tokens(context);
  const std::size_t keys = bury_retired_keys(context);
  const std::size_t detections = purge_detections(context);
  const std::size_t audits = purge_audit(context);
  const std::size_t conflicts = purge_conflicts(context);
  std::string what;
  const auto mention = [&what](std::size_t count, const char* noun) {
    if (count > 0) what += (what.empty() ? "" : ", ") + count_of(count, noun);
  };
  mention(tombstones, "tombstone");
  mention(tokens, "expired token");
  mention(keys, "retired pipeline key");
  mention(detections, "old detection");
  mention(audits, "old audit record");
  mention(conflicts, "old conflict");
  return CommandOutcome{"maintenance", "cleared away " + what, 0, {}};
}

}  // namespace mlguard::db
