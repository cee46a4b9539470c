// Configurations: put, delete, roll back. config holds every version, config_active the one in
// force; a deleted configuration keeps its last number there, so that none is used twice.
#include <algorithm>

#include "base/ids.h"
#include "base/json_check.h"
#include "db/commands.h"
#include "db/digest.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

// Old versions removed by one put at the most; more than one, so that a lowered limit takes effect.
constexpr int kVersionsPurgedPerPut = 8;

struct Active {
  std::uint64_t version = 0;  // 0: none in force.
  std::uint64_t last = 0;     // The highest number ever given.
  bool known = false;         // config_active has a row, be it a tombstone.
};

Active active_of(const CommandContext& context, const std::string& component) {
  Active active;
  {
    Query query =
        context.db.query("SELECT version, deleted FROM config_active WHERE component = ?");
    query.bind(component);
    if (query.step()) {
      active.known = true;
      active.last = query.unsigned_integer(0);
      if (!query.truth(1)) active.version = active.last;
    }
  }
  // The history may know a higher number: the tombstone may have been cleared away, or a merge
  // brought a version that is not in force.
  Query query = context.db.query("SELECT max(version) FROM config WHERE component = ?");
  query.bind(component);
  if (query.step()) active.last = std::max(active.last, query.unsigned_integer(0));
  return active;
}

base::Status check_expected(const std::string& component, const Active& active,
                            const std::optional<std::uint64_t>& expected) {
  if (!expected || *expected == active.version) return {};
  const std::string now = active.version == 0 ? "has no active version"
                                              : "is at version " + std::to_string(active.version);
  const std::string wanted = *expected == 0
                                 ? "none was to exist"
                                 : "version " + std::to_string(*expected) + " was expected";
  return Error{ErrorCode::precondition_failed, "version_mismatch",
               "the configuration of " + component + " " + now + ", but " + wanted +
                   "; read it again, apply your change to that, and retry"};
}

Error no_config(const std::string& component) {
  return {ErrorCode::not_found, "no_config",
          component + " has no configuration; put one with: ml-guard config put " + component +
              " FILE"};
}

base::Status check_put(const PutConfig& command) {
  if (auto name = base::check_component_name(command.component); !name.ok()) return name;
  if (command.document.size() > base::kConfigBytesMax) {
    return Error{ErrorCode::too_large, "config_too_large",
                 "the document has " + std::to_string(command.document.size()) +
                     " bytes; at most " + std::to_string(base::kConfigBytesMax) + " are allowed"};
  }
  if (auto comment =
          check_text(command.comment, base::kCommentCharsMax, "the comment", "invalid_comment");
      !comment.ok()) {
    return comment;
  }
  auto json = base::check_json(command.document);
  if (!json.ok()) {
    return Error{json.error().code, json.error().reason,
                 "the document is no valid JSON: " + json.error().message};
  }
  return {};
}

std::string resource_of(const std::string& component) { return "config/" + component; }

// Makes `version` the one in force and clears away what is beyond the limit.
void activate(const CommandContext& context, const std::string& component, const Active& before,
              std::uint64_t version) {
  if (before.known) {
    context.db.run(
        "UPDATE config_active SET version = ?, hlc = ?, origin = ?, deleted = 0 WHERE component = "
        "?",
        version, context.hlc, context.origin, component);
  } else {
    add_row(context, TableId::config_active, component, version);
  }
  const std::uint64_t kept = std::max<std::uint64_t>(context.retention.config_versions_max, 1);
  if (version > kept) {
    context.db.run(
        "DELETE FROM config WHERE component = ? AND version IN (SELECT version FROM config WHERE "
        "component = ? AND version <= ? ORDER BY version LIMIT ?)",
        component, component, version - kept, kVersionsPurgedPerPut);
  }
}

}  // namespace

Outcome run(const CommandContext& context, const PutConfig& command) {
  if (auto checked = check_put(command); !checked.ok()) return checked.error();
  const Active active = active_of(context, command.component);
  if (auto expected = check_expected(command.component, active, command.expected_version);
      !expected.ok()) {
    return expected.error();
  }

  const std::uint64_t version = active.last + 1;
  const Digest hash = sha256(command.document);
  add_row(context, TableId::config, command.component, version, command.document,
          Blob{digest_bytes(hash)}, context.author, command.comment, context.now_ms,
          context.revision);
  activate(context, command.component, active, version);
  const std::string resource = resource_of(command.component);
  const std::string summary = "version " + std::to_string(version) + " of the configuration of " +
                              command.component + " put, " +
                              std::to_string(command.document.size()) + " bytes";
  add_audit(context, "config.put", resource,
            "version " + std::to_string(version) +
                (command.comment.empty() ? "" : ": " + command.comment));
  return CommandOutcome{resource, summary, version, {}};
}

Outcome run(const CommandContext& context, const DeleteConfig& command) {
  if (auto name = base::check_component_name(command.component); !name.ok()) return name.error();
  const Active active = active_of(context, command.component);
  if (active.version == 0) return no_config(command.component);
  if (auto expected = check_expected(command.component, active, command.expected_version);
      !expected.ok()) {
    return expected.error();
  }

  context.db.run("UPDATE config_active SET deleted = 1, hlc = ?, origin = ? WHERE component = ?",
                 context.hlc, context.origin, command.component);
  const std::string resource = resource_of(command.component);
  add_audit(context, "config.delete", resource,
            "version " + std::to_string(active.version) + " was active");
  return CommandOutcome{
      resource, "configuration of " + command.component + " deleted, its history stays", 0, {}};
}

Outcome run(const CommandContext& context, const RollbackConfig& command) {
  if (auto name = base::check_component_name(command.component); !name.ok()) return name.error();
  if (auto comment =
          check_text(command.comment, base::kCommentCharsMax, "the comment", "invalid_comment");
      !comment.ok()) {
    return comment.error();
  }
  const Active active = active_of(context, command.component);
  if (active.last == 0) return no_config(command.component);
  if (auto expected = check_expected(command.component, active, command.expected_version);
      !expected.ok()) {
    return expected.error();
  }
  {
    Query query = context.db.query("SELECT 1 FROM config WHERE component = ? AND version = ?");
    query.bind_all(command.component, command.to_version);
    if (!query.step()) {
      return Error{ErrorCode::not_found, "no_version",
                   command.component + " has no version " + std::to_string(command.to_version) +
                       "; see: ml-guard config history " + command.component};
    }
  }

  const std::uint64_t version = active.last + 1;
  const std::string to = std::to_string(command.to_version);
  const std::string comment =
      command.comment.empty() ? "rollback to version " + to : command.comment;
  // Copied inside SQLite: the document may have megabytes.
  context.db.run(
      "INSERT INTO config SELECT component, ?, document, sha256, ?, ?, ?, ?, ?, ?, 0 FROM config "
      "WHERE component = ? AND version = ?",
      version, context.author, comment, context.now_ms, context.revision, context.hlc,
      context.origin, command.component, command.to_version);
  activate(context, command.component, active, version);
  const std::string resource = resource_of(command.component);
  const std::string summary = "configuration of " + command.component + " rolled back to version " +
                              to + ", as version " + std::to_string(version);
  add_audit(context, "config.rollback", resource,
            "to version " + to + " as version " + std::to_string(version));
  return CommandOutcome{resource, summary, version, {}};
}

}  // namespace mlguard::db
