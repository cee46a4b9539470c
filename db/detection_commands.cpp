// What detectors saw, and what agents say they run.
#include <cmath>
#include <unordered_set>

#include "base/ids.h"
#include "base/json_check.h"
#include "db/cidr.h"
#include "db/commands.h"

namespace mlguard::db {

namespace {

using base::Detection;
using base::Error;
using base::ErrorCode;

constexpr std::size_t kKindCharsMax = 64;
constexpr std::size_t kDigestCharsMax = 128;

Error invalid_detection(const Detection& detection, const std::string& why) {
  const std::string name = is_valid_id(detection.id) ? "detection " + detection.id : "a detection";
  return {ErrorCode::invalid_argument, "invalid_detection", name + " " + why};
}

base::Status canonicalise(const Detection& detection, std::string& address) {
  if (address.empty()) return {};
  auto canonical = canonical_address(address);
  if (!canonical.ok())
    return invalid_detection(detection, "has a bad address: " + canonical.error().message);
  address = std::move(canonical).value();
  return {};
}

base::Status check_and_complete(Detection& detection, const CommandContext& context) {
  if (!is_valid_id(detection.id)) {
    return invalid_detection(detection, "needs an id of 1 to 64 of a-z A-Z 0-9 _ . -");
  }
  if (!is_valid_id(detection.kind) || detection.kind.size() > kKindCharsMax) {
    return invalid_detection(detection, "needs a kind such as portscan");
  }
  if (!detection.rule_id.empty() && !is_valid_id(detection.rule_id)) {
    return invalid_detection(detection, "names a rule with a bad id");
  }
  if (!std::isfinite(detection.score) || detection.score < 0 || detection.score > 1) {
    return invalid_detection(detection, "has a score outside 0 to 1");
  }
  if (detection.detail.size() > base::kDetailBytesMax) {
    return Error{ErrorCode::too_large, "detail_too_large",
                 "the detail of detection " + detection.id + " has " +
                     std::to_string(detection.detail.size()) + " bytes; at most " +
                     std::to_string(base::kDetailBytesMax) + " are kept"};
  }
  if (!detection.detail.empty()) {
    if (auto json = base::check_json(detection.detail); !json.ok()) {
      return invalid_detection(detection, "has a detail that is no JSON: " + json.error().message);
    }
  }
  if (auto source = canonicalise(detection, detection.source_ip); !source.ok()) return source;
  if (detection.component.empty()) detection.component = context.author;
  if (detection.detected_at_ms == 0) detection.detected_at_ms = context.now_ms;
  return canonicalise(detection, detection.destination_ip);
}

bool is_known(const CommandContext& context, const std::string& id) {
  Query query = context.db.query("SELECT 1 FROM detection WHERE id = ?");
  query.bind(id);
  return query.step();
}

}  // namespace

Outcome run(const CommandContext& context, const PutDetections& command) {
  if (command.detections.empty() || command.detections.size() > base::kDetectionsPerWriteMax) {
    return Error{ErrorCode::invalid_argument, "invalid_detection",
                 "send 1 to " + std::to_string(base::kDetectionsPerWriteMax) +
                     " detections in one request, not " +
                     std::to_string(command.detections.size())};
  }
  std::vector<Detection> fresh;
  std::unordered_set<std::string_view> seen;
  for (const Detection& given : command.detections) {
    Detection detection = given;
    if (auto checked = check_and_complete(detection, context); !checked.ok()) {
      return checked.error();
    }
    if (!seen.insert(given.id).second || is_known(context, given.id)) continue;
    fresh.push_back(std::move(detection));
  }
  if (fresh.empty()) return CommandOutcome{};

  for (const Detection& each : fresh) {
    add_row(context, TableId::detection, each.id, each.component, each.kind, each.source_ip,
            each.destination_ip, each.destination_port, each.score, each.detail, each.rule_id,
            each.detected_at_ms, context.revision);
  }
  const Detection& first = fresh.front();
  const std::string what = fresh.size() == 1
                               ? first.kind + " detected, from " + first.source_ip
                               : count_of(fresh.size(), "detection") + " by " + first.component;
  return CommandOutcome{"detections", what, 0, {}};
}

Outcome run(const CommandContext& context, const RecordApplied& command) {
  const base::Applied& applied = command.applied;
  if (auto name = base::check_component_name(applied.component); !name.ok()) return name.error();
  if (applied.resource != "config" && applied.resource != "global" && applied.resource != "rules") {
    return Error{ErrorCode::invalid_argument, "invalid_resource",
                 "what is applied is config, global or rules"};
  }
  if (auto digest = check_text(applied.digest, kDigestCharsMax, "the digest", "invalid_digest");
      !digest.ok()) {
    return digest.error();
  }
  if (auto note = check_text(applied.note, base::kCommentCharsMax, "the note", "invalid_note");
      !note.ok()) {
    return note.error();
  }
  // An agent found and repaired what somebody did to it: that is for the audit trail.
  if (!applied.note.empty()) {
    add_audit(context, applied.resource + ".repaired", "components/" + applied.component,
              applied.note);
  }
  {
    Query query = context.db.query(
        "SELECT revision, digest FROM applied WHERE component = ? AND resource = ? AND deleted = "
        "0");
    query.bind_all(applied.component, applied.resource);
    if (query.step() && query.unsigned_integer(0) == applied.revision &&
        query.bytes(1) == applied.digest) {
      if (applied.note.empty()) return CommandOutcome{};
      return CommandOutcome{"applied/" + applied.component,
                            applied.component + " repaired its " + applied.resource,
                            0,
                            {}};
    }
  }
  put_row(context, TableId::applied, applied.component, applied.resource, applied.revision,
          applied.digest, applied.applied_at_ms == 0 ? context.now_ms : applied.applied_at_ms);
  return CommandOutcome{"applied/" + applied.component,
                        applied.component + " applied " + applied.resource + " of revision " +
                            std::to_string(applied.revision),
                        0,
                        {}};
}

}  // namespace mlguard::db
