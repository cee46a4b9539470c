// Join tokens and the keys that enrolled with them.
#include "base/ids.h"
#include "db/commands.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kPublicKeyHexChars = 64;
constexpr std::size_t kKeyCharsShown = 12;
constexpr std::size_t kSealedPskCharsMax = 512;
constexpr std::size_t kNameCharsMax = 64;

struct TokenRow {
  std::string role;
  std::string component;
  std::uint64_t uses_left = 0;
  std::int64_t expires_at_ms = 0;
  bool revoked = false;
};

std::optional<TokenRow> find_token(const CommandContext& context, const std::string& id) {
  Query query = context.db.query(
      "SELECT role, component, uses_left, expires_at, revoked FROM token WHERE id = ? AND deleted "
      "= 0");
  query.bind(id);
  if (!query.step()) return std::nullopt;
  return TokenRow{query.text(0), query.text(1), query.unsigned_integer(2), query.integer(3),
                  query.truth(4)};
}

Error no_token(const std::string& id) {
  return {ErrorCode::not_found, "no_token",
          "there is no token '" + (is_valid_id(id) ? id : "?") +
              "'; an operator makes one with: ml-guard token create"};
}

base::Status check_usable(const TokenRow& token, std::int64_t now_ms) {
  const auto denied = [](const char* reason, const char* why) {
    return Error{ErrorCode::permission_denied, reason,
                 std::string("the token ") + why +
                     "; ask an operator for a new one (ml-guard token create)"};
  };
  if (token.revoked) return denied("token_revoked", "was revoked");
  if (token.expires_at_ms > 0 && token.expires_at_ms <= now_ms) {
    return denied("token_expired", "has expired");
  }
  if (token.uses_left == 0) return denied("token_used", "has been used");
  return {};
}

std::string key_resource(const std::string& key) {
  return "identities/" + key.substr(0, kKeyCharsShown);
}

bool is_public_key(const std::string& text) {
  return text.size() == kPublicKeyHexChars &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void use_token(const CommandContext& context, const std::string& id) {
  context.db.run("UPDATE token SET uses_left = uses_left - 1, hlc = ?, origin = ? WHERE id = ?",
                 context.hlc, context.origin, id);
}

// True when this key has already been let in by this token and is still welcome.
bool is_enrolled_by(const CommandContext& context, const std::string& key,
                    const std::string& token_id) {
  Query query = context.db.query(
      "SELECT token_id, revoked FROM identity WHERE public_key = ? AND deleted = 0");
  query.bind(key);
  return query.step() && query.bytes(0) == token_id && !query.truth(1);
}

}  // namespace

Outcome run(const CommandContext& context, const CreateToken& command) {
  const base::Token& token = command.token;
  if (!is_valid_id(token.id)) {
    return Error{ErrorCode::invalid_argument, "invalid_token",
                 "a token's id has 1 to 64 of a-z A-Z 0-9 _ . -"};
  }
  if (!token.component.empty()) {
    if (auto name = base::check_component_name(token.component); !name.ok()) return name.error();
  }
  if (token.sealed_psk.empty() || token.sealed_psk.size() > kSealedPskCharsMax ||
      token.uses_left == 0) {
    return Error{ErrorCode::invalid_argument, "invalid_token",
                 "a token needs a sealed key and at least one use"};
  }
  {
    Query query = context.db.query("SELECT 1 FROM token WHERE id = ?");
    query.bind(token.id);
    if (query.step()) {
      return Error{ErrorCode::conflict, "exists",
                   "a token " + token.id + " exists already; make another id"};
    }
  }

  put_row(context, TableId::token, token.id, base::to_string(token.role), token.component,
          token.sealed_psk, token.uses_left,
          token.created_at_ms == 0 ? context.now_ms : token.created_at_ms, token.expires_at_ms,
          token.revoked, token.author.empty() ? context.author : token.author);
  const std::string resource = "tokens/" + token.id;
  const std::string whom = std::string("for role ") + base::to_string(token.role) +
                           (token.component.empty() ? "" : ", component " + token.component);
  add_audit(context, "token.create", resource, whom);
  return CommandOutcome{resource, "token " + token.id + " created " + whom, 0, {}};
}

Outcome run(const CommandContext& context, const RevokeToken& command) {
  const auto token = find_token(context, command.id);
  if (!token) return no_token(command.id);
  if (token->revoked) return CommandOutcome{};
  context.db.run("UPDATE token SET revoked = 1, hlc = ?, origin = ? WHERE id = ?", context.hlc,
                 context.origin, command.id);
  const std::string resource = "tokens/" + command.id;
  add_audit(context, "token.revoke", resource, "");
  return CommandOutcome{resource, "token " + command.id + " revoked", 0, {}};
}

Outcome run(const CommandContext& context, const EnrolIdentity& command) {
  const base::Identity& identity = command.identity;
  if (!is_public_key(identity.public_key)) {
    return Error{ErrorCode::invalid_argument, "invalid_key",
                 "a public key is 64 lower-case hex characters"};
  }
  if (auto name = check_text(identity.name, kNameCharsMax, "the name", "invalid_name");
      !name.ok()) {
    return name.error();
  }
  if (is_enrolled_by(context, identity.public_key, command.token_id)) return CommandOutcome{};
  const auto token = find_token(context, command.token_id);
  if (!token) return no_token(command.token_id);
  if (auto usable = check_usable(*token, context.now_ms); !usable.ok()) return usable.error();

  use_token(context, command.token_id);
  // What the token grants counts, whatever the request says.
  put_row(context, TableId::identity, identity.public_key, token->role, identity.name,
          token->component, command.token_id,
          identity.enrolled_at_ms == 0 ? context.now_ms : identity.enrolled_at_ms, 0);
  const std::string resource = key_resource(identity.public_key);
  const std::string what =
      "key " + identity.public_key.substr(0, kKeyCharsShown) + " enrolled as " + token->role +
      (identity.name.empty() ? "" : " " + identity.name) + " by token " + command.token_id;
  add_audit(context, "identity.enrol", resource, what);
  return CommandOutcome{resource, what, 0, {}};
}

Outcome run(const CommandContext& context, const RevokeIdentity& command) {
  {
    Query query =
        context.db.query("SELECT revoked FROM identity WHERE public_key = ? AND deleted = 0");
    query.bind(command.public_key);
    if (!query.step()) {
      return Error{ErrorCode::not_found, "no_identity",
                   "no enrolled key is " + command.public_key.substr(0, kPublicKeyHexChars)};
    }
    if (query.truth(0)) return CommandOutcome{};
  }
  context.db.run("UPDATE identity SET revoked = 1, hlc = ?, origin = ? WHERE public_key = ?",
                 context.hlc, context.origin, command.public_key);
  const std::string resource = key_resource(command.public_key);
  add_audit(context, "identity.revoke", resource, "");
  return CommandOutcome{
      resource, "key " + command.public_key.substr(0, kKeyCharsShown) + " revoked", 0, {}};
}

}  // namespace mlguard::db
