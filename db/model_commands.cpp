// Models for ml-detectors: pushed part by part, known by the hash of the whole. What the parts mean
// is the detectors' business: they refuse what is no model.
#include "base/sha256.h"
#include "db/commands.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kShaShown = 12;

Error invalid_model(const std::string& why) {
  return {ErrorCode::invalid_argument, "invalid_model", why};
}

base::Status check_part(const PutModelPart& command) {
  if (!is_model_sha256(command.sha256)) {
    return invalid_model("a model is named by its sha256: 64 lower-case hexadecimal digits");
  }
  if (!is_valid_id(command.name)) {
    return invalid_model("a model needs a name of 1 to 64 of a-z A-Z 0-9 _ . -");
  }
  if (command.parts < 1 || command.parts > kModelPartsMax || command.part >= command.parts) {
    return invalid_model("a model has 1 to " + std::to_string(kModelPartsMax) +
                         " parts, numbered from 0");
  }
  if (command.bytes.empty() || command.bytes.size() > kModelPartBytesMax) {
    return invalid_model("a part has 1 to " + std::to_string(kModelPartBytesMax) + " bytes");
  }
  return {};
}

// Whether the part is there; an Error when what is there belongs to other parts.
base::Result<bool> is_there(const CommandContext& context, const PutModelPart& command) {
  Query query = context.db.query(
      "SELECT part, parts, name, bytes FROM model_part WHERE sha256 = ? AND deleted = 0");
  query.bind(command.sha256);
  bool there = false;
  while (query.step()) {
    if (query.unsigned_integer(1) != command.parts || query.bytes(2) != command.name) {
      return Error{ErrorCode::conflict, "model_differs",
                   "the model " + command.sha256.substr(0, kShaShown) +
                       " was begun with other parts or under another name: remove it first, with  "
                       "ml-guard model rm"};
    }
    there = there || (query.unsigned_integer(0) == command.part && query.bytes(3) == command.bytes);
  }
  return there;
}

base::Status check_room(const CommandContext& context, const PutModelPart& command) {
  Query query = context.db.query(
      "SELECT count(DISTINCT sha256) FROM model_part WHERE deleted = 0 AND sha256 <> ?");
  query.bind(command.sha256);
  if (!query.step() || query.unsigned_integer(0) < kModelsMax) return {};
  return Error{ErrorCode::resource_exhausted, "too_many_models",
               "there are " + std::to_string(kModelsMax) +
                   " models and no more are kept; see  ml-guard model list  and remove one"};
}

// With the part in its place, the whole is what it says, or not whole yet.
base::Result<bool> completes(const CommandContext& context, const PutModelPart& command) {
  {
    Query others = context.db.query(
        "SELECT count(*) FROM model_part WHERE sha256 = ? AND deleted = 0 AND part <> ?");
    others.bind_all(command.sha256, command.part);
    if (!others.step() || others.unsigned_integer(0) + 1 < command.parts) return false;
  }
  Query query = context.db.query(
      "SELECT part, bytes FROM model_part WHERE sha256 = ? AND deleted = 0 AND part <> ? ORDER BY "
      "part");
  query.bind_all(command.sha256, command.part);
  base::Sha256 hash;
  std::uint64_t next = 0;
  const auto add_ours = [&] {
    if (next != command.part) return;
    hash.update(command.bytes);
    ++next;
  };
  add_ours();
  while (query.step()) {
    if (query.unsigned_integer(0) != next) return false;
    hash.update(query.bytes(1));
    ++next;
    add_ours();
  }
  if (next != command.parts) return false;
  if (hash.finish() == command.sha256) return true;
  return Error{ErrorCode::invalid_argument, "model_damaged",
               "the parts together do not hash to " + command.sha256 +
                   ": remove the model and push it again"};
}

}  // namespace

bool is_model_sha256(std::string_view text) {
  constexpr std::size_t kChars = 64;
  return text.size() == kChars &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Outcome run(const CommandContext& context, const PutModelPart& command) {
  if (auto checked = check_part(command); !checked.ok()) return checked.error();
  const auto there = is_there(context, command);
  if (!there.ok()) return there.error();
  if (*there) return CommandOutcome{};
  if (auto room = check_room(context, command); !room.ok()) return room.error();
  const auto complete = completes(context, command);
  if (!complete.ok()) return complete.error();
  put_row(context, TableId::model_part, command.sha256, command.part, command.parts, command.name,
          command.bytes.size(), Blob{command.bytes}, context.author, context.now_ms,
          context.revision);
  const std::string shown = command.name + " (" + command.sha256.substr(0, kShaShown) + ")";
  const std::string what = *complete
                               ? "model " + shown + " is complete"
                               : "model " + shown + ": part " + std::to_string(command.part + 1) +
                                     " of " + std::to_string(command.parts);
  if (*complete) add_audit(context, "models.push", "models/" + command.sha256, what);
  return CommandOutcome{"models/" + command.sha256, what, 0, {}};
}

Outcome run(const CommandContext& context, const RemoveModel& command) {
  const int removed = context.db.run(
      "UPDATE model_part SET deleted = 1, bytes = x'', revision = ?, hlc = ?, origin = ? WHERE "
      "sha256 = ? AND deleted = 0",
      context.revision, context.hlc, context.origin, command.sha256);
  if (removed == 0) {
    return Error{ErrorCode::not_found, "no_model",
                 "there is no model of that hash; see  ml-guard model list"};
  }
  const std::string what = "model " + command.sha256.substr(0, kShaShown) + " removed";
  add_audit(context, "models.remove", "models/" + command.sha256, what);
  return CommandOutcome{"models/" + command.sha256, what, 0, {}};
}

}  // namespace mlguard::db
