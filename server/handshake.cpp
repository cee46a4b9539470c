#include "server/handshake.h"

#include <memory>
#include <utility>

#include "base/ids.h"
#include "base/logging.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

// The name that an enrolling client gets in logs and in the audit trail. Agents cannot choose one
// that looks like another role's; operators may be called as they like, as a DNS label.
std::string name_for(const base::Token& token, const std::string& wished) {
  if (!token.component.empty()) return token.component;
  const bool proper = base::check_component_name(wished).ok();
  const bool agent = token.role != base::Role::operator_ && token.role != base::Role::peer;
  if (proper && (!agent || base::name_fits_role(wished, token.role))) return wished;
  return base::to_string(token.role);
}

// So that a client that was given one endpoint finds the rest: voters first.
void name_the_others(const replicator::CoreStatus& core, wire::HandshakeWelcome& welcome) {
  if (core.membership.members.size() < 2) return;
  for (const replicator::MemberKind kind :
       {replicator::MemberKind::voter, replicator::MemberKind::learner}) {
    for (const replicator::Member& member : core.membership.members) {
      if (member.kind != kind || welcome.endpoints.size() >= wire::kWelcomeEndpointsMax) continue;
      welcome.endpoints.push_back(member.id);
    }
  }
  welcome.leader = core.leader;
}

// What is wrong with a token that is to be used now.
Result<void> usable(const base::Token& token, std::int64_t now_ms) {
  if (token.revoked) {
    return Error{ErrorCode::permission_denied, "token_revoked",
                 "this join token was revoked: ask the operator for a new one"};
  }
  if (token.expires_at_ms != 0 && token.expires_at_ms <= now_ms) {
    return Error{ErrorCode::permission_denied, "token_expired",
                 "this join token has expired: ask the operator for a new one"};
  }
  if (token.uses_left == 0) {
    return Error{ErrorCode::permission_denied, "token_used",
                 "this join token was used already: ask the operator for a new one"};
  }
  return {};
}

}  // namespace

Handshaker::Handshaker(ApiContext& api)
    : api_(api),
      cluster_keys_(api.cluster.server_keys()),
      operator_key_(api.cluster.operator_keys().public_key.hex()),
      peer_key_(api.cluster.peer_keys().public_key.hex()),
      node_id_(api.engine.status().node_id) {}

HandshakeAnswer Handshaker::answer(const HttpRequest& request) {
  if (!api_.handshakes.allow(request.peer, api_.clock.monotonic_ms())) {
    return {plain_answer(error_answer(refused(
        HandshakeOutcome::limited,
        {ErrorCode::resource_exhausted, "too_many_handshakes",
         "too many handshakes from this address: keep the session, or wait a few seconds"})))};
  }
  Result<HttpAnswer> answered = try_answer(request);
  if (!answered) {
    log_refusal(api_, request.peer, "handshake refused",
                {{"from", request.peer.text}, {"reason", answered.error().reason}});
    const std::string& reason = answered.error().reason;
    return {plain_answer(error_answer(answered.error())),
            reason == "not_enrolled" || reason == "no_token"};
  }
  api_.metrics.handshake(HandshakeOutcome::ok);
  return {std::move(*answered)};
}

Error Handshaker::refused(HandshakeOutcome outcome, Error error) {
  api_.metrics.handshake(outcome);
  return error;
}

Result<HttpAnswer> Handshaker::try_answer(const HttpRequest& request) {
  Result<wire::ServerHandshake> handshake =
      wire::ServerHandshake::read(cluster_keys_, request.body);
  if (!handshake) return refused(HandshakeOutcome::failed, handshake.error());
  Result<wire::HandshakeHello> hello = wire::decode_hello(handshake->payload());
  if (!hello) return refused(HandshakeOutcome::malformed, hello.error());
  const std::uint64_t epoch = api_.sessions.epoch();
  Result<Party> party =
      find_party(handshake->client_public_key().hex(), hello->token_id, hello->name);
  if (!party) return party.error();

  wire::HandshakeWelcome welcome;
  welcome.node_id = node_id_;
  welcome.role = party->identity.role;
  welcome.server = "etcd-server/" + std::string(kServerVersion);
  welcome.session_idle_ms = api_.settings.session_idle_ms;
  name_the_others(api_.replica.view()->core, welcome);
  Result<wire::ServerHandshake::Finished> finished =
      handshake->finish(party->psk, wire::encode(welcome));
  if (!finished) return refused(HandshakeOutcome::failed, finished.error());
  auto session = std::make_shared<Session>(std::move(finished->channel), std::move(party->identity),
                                           std::move(party->token_id));
  if (base::Status added = api_.sessions.add(session, epoch); !added) {
    return refused(HandshakeOutcome::full, added.error());
  }
  base::log_debug("session begun", {{"who", session->identity.name},
                                    {"role", base::to_string(session->identity.role)},
                                    {"client", hello->client},
                                    {"from", request.peer.text}});
  HttpAnswer answer;
  answer.content_type = wire::kSealedContentType;
  answer.body = std::move(finished->message2);
  return answer;
}

Result<Handshaker::Party> Handshaker::find_party(const std::string& key,
                                                 const std::string& token_id,
                                                 const std::string& wished_name) {
  Party party;
  if (key == operator_key_) {
    party.identity = {base::Role::operator_, "operator", key, ""};
    return party;
  }
  if (key == peer_key_) {
    party.identity = {base::Role::peer, wished_name.empty() ? "peer" : wished_name, key, ""};
    return party;
  }
  Result<std::unique_ptr<db::Reader>> reader = api_.engine.read();
  if (!reader) return refused(HandshakeOutcome::failed, reader.error());
  Result<std::optional<base::Identity>> known = (*reader)->identity(key);
  if (!known) return refused(HandshakeOutcome::failed, known.error());
  if (known->has_value() && (*known)->revoked) {
    return refused(HandshakeOutcome::revoked,
                   {ErrorCode::unauthenticated, "revoked",
                    "this credential was revoked: enrol again with a new join token"});
  }
  if (!token_id.empty()) {
    const bool by_it = known->has_value() && (*known)->token_id == token_id;
    return party_of_token(**reader, key, token_id, wished_name, by_it);
  }
  if (!known->has_value()) {
    return refused(HandshakeOutcome::not_enrolled,
                   {ErrorCode::unauthenticated, "not_enrolled",
                    "this key is not enrolled here: enrol with a join token "
                    "(ml-guard token create, then --join or ml-guard enroll)"});
  }
  party.identity = {(*known)->role, (*known)->name, key, (*known)->component};
  return party;
}

Result<Handshaker::Party> Handshaker::party_of_token(db::Reader& reader, const std::string& key,
                                                     const std::string& token_id,
                                                     const std::string& wished_name,
                                                     bool already_enrolled_by_it) {
  Result<std::optional<base::Token>> found = reader.token(token_id);
  if (!found) return refused(HandshakeOutcome::token, found.error());
  if (!found->has_value()) {
    return refused(HandshakeOutcome::token,
                   {ErrorCode::unauthenticated, "no_token",
                    "this join token is not known here: was it made on another cluster?"});
  }
  const base::Token& token = **found;
  // A client whose answer got lost enrols again with the same key: the token's use was its own.
  if (!already_enrolled_by_it) {
    if (Result<void> fine = usable(token, api_.clock.wall_ms()); !fine) {
      return refused(HandshakeOutcome::token, fine.error());
    }
  }
  Result<wire::Key> psk = api_.cluster.open_psk(token.id, token.sealed_psk);
  if (!psk) return refused(HandshakeOutcome::token, psk.error());
  Party party;
  party.identity = {token.role, name_for(token, wished_name), key, token.component};
  party.psk = *psk;
  party.token_id = token.id;
  return party;
}

}  // namespace mlguard::server
