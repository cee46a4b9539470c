// Pipeline keys: the next one is announced, and what it replaces retires. Maintain clears retired
// ones away (maintenance.cpp).
#include "base/time_format.h"
#include "db/commands.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kSealedSecretCharsMax = 512;
constexpr std::int64_t kGraceMsMax = 366LL * 24 * 3'600'000;

struct NewestKey {
  std::uint64_t id = 0;  // 0: there is none.
  std::int64_t active_from_ms = 0;
};

// Of those that live: the newest one never retires before its successor is announced.
NewestKey newest_key(const CommandContext& context) {
  Query query = context.db.query(
      "SELECT id, active_from FROM pipeline_key WHERE deleted = 0 ORDER BY id DESC LIMIT 1");
  if (!query.step()) return {};
  return {query.unsigned_integer(0), query.integer(1)};
}

base::Status check_announcement(const AnnouncePipelineKey& command, const NewestKey& newest,
                                std::int64_t now_ms) {
  if (command.sealed_secret.empty() || command.sealed_secret.size() > kSealedSecretCharsMax ||
      command.grace_ms < 1 || command.grace_ms > kGraceMsMax || !command.expected_version) {
    return Error{ErrorCode::invalid_argument, "invalid_pipeline_key",
                 "a pipeline key needs a sealed secret, a grace period and its predecessor's id"};
  }
  if (*command.expected_version != newest.id) {
    return Error{ErrorCode::conflict, "pipeline_keys_moved",
                 "somebody else has just announced pipeline key " + std::to_string(newest.id) +
                     "; see: ml-guard pipeline-keys"};
  }
  if (newest.active_from_ms > now_ms) {
    return Error{ErrorCode::conflict, "rotation_under_way",
                 "pipeline key " + std::to_string(newest.id) +
                     " is announced already and becomes active at " +
                     base::iso_time(newest.active_from_ms) + "; rotate again after that"};
  }
  return {};
}

}  // namespace

Outcome run(const CommandContext& context, const AnnouncePipelineKey& command) {
  const NewestKey newest = newest_key(context);
  if (auto checked = check_announcement(command, newest, context.now_ms); !checked.ok()) {
    return checked.error();
  }
  const bool is_first = newest.id == 0;
  const std::uint64_t id = newest.id + 1;
  const std::int64_t active_from_ms = context.now_ms + (is_first ? 0 : command.grace_ms);
  put_row(context, TableId::pipeline_key, id, command.sealed_secret, active_from_ms, 0,
          context.now_ms, context.author, context.revision);
  if (!is_first) {
    context.db.run(
        "UPDATE pipeline_key SET retires_at = ?, revision = ?, hlc = ?, origin = ? WHERE id = ?",
        active_from_ms + command.grace_ms, context.revision, context.hlc, context.origin,
        newest.id);
  }
  const std::string number = std::to_string(id);
  const std::string when = is_first ? "active at once"
                                    : "active from " + base::iso_time(active_from_ms) + ", key " +
                                          std::to_string(newest.id) + " retires at " +
                                          base::iso_time(active_from_ms + command.grace_ms);
  add_audit(context, "pipeline-keys.announce", "pipeline-keys/" + number, when);
  return CommandOutcome{"pipeline-keys", "pipeline key " + number + " announced: " + when, id, {}};
}

}  // namespace mlguard::db
