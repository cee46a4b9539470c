#include <string>
#include <utility>

#include "base/ids.h"
#include "base/logging.h"
#include "server/api_handlers.h"
#include "server/api_json.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::size_t kTokenIdBytes = 8;
constexpr std::size_t kIdentityKeyChars = 2 * wire::kKeyBytes;

Status check_request(const wire::TokenRequest& request) {
  if (request.role == base::Role::peer) {
    return Error{ErrorCode::unsupported, "invalid_role",
                 "servers find each other by cluster.key; they need no join token"};
  }
  if (request.component.empty() || request.role == base::Role::operator_) return {};
  if (Status proper = base::check_component_name(request.component); !proper) return proper;
  if (base::name_fits_role(request.component, request.role)) return {};
  return Error{ErrorCode::invalid_argument, "invalid_name",
               "'" + request.component + "' does not fit the role: call it " +
                   std::string(base::to_string(request.role)) + " or " +
                   base::to_string(request.role) + "-something"};
}

// The token's text cannot be shown twice: its secret is kept sealed, and a repeated request gets
// the first answer of the store, which does not hold it.
ApiAnswer token_answer(const db::WriteResult& result, const wire::TokenReply& reply) {
  if (result.replayed) {
    return error_answer({ErrorCode::conflict, "token_not_shown_again",
                         "this request already made a token, whose text is shown only once: "
                         "revoke it (ml-guard token list, token revoke) and make another"});
  }
  return json_answer(wire::encode(reply));
}

}  // namespace

// The gate has used the token up before this runs; for an enrolled session it changes nothing.
void enrol(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::enrol); !may) {
    return exchange->fail(may.error());
  }
  const Identity& caller = exchange->caller();
  exchange->reply(json_answer(encode_enrolled(caller.role, caller.name, caller.component)));
}

void create_token(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::tokens_manage); !may) {
    return exchange->fail(may.error());
  }
  Result<wire::TokenRequest> request = wire::decode_token_request(exchange->request().message.body);
  if (!request) return exchange->fail(request.error());
  if (Status proper = check_request(*request); !proper) return exchange->fail(proper.error());

  wire::JoinToken join;
  join.cluster_public_key = api.cluster.server_keys().public_key;
  join.token_id = base::random_hex(kTokenIdBytes);
  join.psk = wire::KeyPair::generate().secret;
  base::Token token;
  token.id = join.token_id;
  token.role = request->role;
  token.component = request->component;
  token.sealed_psk = api.cluster.seal_psk(token.id, join.psk);
  token.uses_left = request->uses;
  token.created_at_ms = api.clock.wall_ms();
  token.expires_at_ms = token.created_at_ms + request->ttl_ms;
  token.author = exchange->caller().name;
  wire::TokenReply reply;
  reply.id = token.id;
  reply.token = join.to_text();
  reply.expires_at_ms = token.expires_at_ms;
  reply.role = token.role;
  transact(api, exchange, db::CreateToken{std::move(token)}, {},
           [reply](const db::WriteResult& result) { return token_answer(result, reply); });
}

void list_tokens(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::tokens_manage); !may) {
    return exchange->fail(may.error());
  }
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<base::Token>> tokens = reader.tokens();
    if (!tokens) return tokens.error();
    return json_answer(encode_tokens(*tokens, api.clock.wall_ms()));
  });
}

void revoke_token(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::tokens_manage); !may) {
    return exchange->fail(may.error());
  }
  transact(api, exchange, db::RevokeToken{exchange->request().parameters[0]});
}

void list_identities(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::identities_manage); !may) {
    return exchange->fail(may.error());
  }
  read(api, exchange, [](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<base::Identity>> identities = reader.identities();
    if (!identities) return identities.error();
    return json_answer(encode_identities(*identities));
  });
}

void revoke_identity(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::identities_manage); !may) {
    return exchange->fail(may.error());
  }
  const std::string& key = exchange->request().parameters[0];
  if (key.size() != kIdentityKeyChars || !base::from_hex(key)) {
    return exchange->fail({ErrorCode::invalid_argument, "invalid_key",
                           "an identity is named by its public key, 64 lower-case hex characters; "
                           "GET /v1/identities lists them"});
  }
  transact(api, exchange, db::RevokeIdentity{key}, [&api, key](const db::WriteResult& /*result*/) {
    const std::size_t ended = api.sessions.end_of_key(key);
    base::log_info("identity revoked", {{"key", key}, {"sessions_ended", ended}});
  });
}

}  // namespace mlguard::server
