// The handshake of channel.h: IKpsk2 over noise.h, and the session id in front of the server's
// payload.
#include <utility>

#include "base/ids.h"
#include "wire/channel.h"
#include "wire/noise.h"
#include "wire/session_keys.h"

namespace mlguard::wire {

namespace {

// Both sides mix this in, so that another protocol over the same keys cannot be confused with ours.
constexpr std::string_view kPrologue = "mlguard-wire-1";

base::Error too_long(std::size_t bytes) {
  return {base::ErrorCode::too_large, "a handshake message of " + std::to_string(bytes) +
                                          " bytes is over the limit of " +
                                          std::to_string(kHandshakeBytesMax)};
}

HandshakeSetup setup_for(NoiseSide side, const KeyPair& own) {
  HandshakeSetup setup;
  setup.side = side;
  setup.prologue = kPrologue;
  setup.own_static = own;
  return setup;
}

SessionKeys session_keys(const HandshakeState& noise, std::string session_id) {
  const SymmetricState::TransportKeys keys = noise.split();
  return {keys.initiator_to_responder, keys.responder_to_initiator, std::move(session_id)};
}

}  // namespace

// ---- ClientHandshake -----------------------------------------------------------------------

struct ClientHandshake::State {
  explicit State(const HandshakeSetup& setup) : noise(setup) {}
  HandshakeState noise;
  std::string message1;
};

ClientHandshake::ClientHandshake(std::unique_ptr<State> state) : state_(std::move(state)) {}
ClientHandshake::ClientHandshake(ClientHandshake&&) noexcept = default;
ClientHandshake& ClientHandshake::operator=(ClientHandshake&&) noexcept = default;
ClientHandshake::~ClientHandshake() = default;

const std::string& ClientHandshake::message1() const { return state_->message1; }

base::Result<ClientHandshake> ClientHandshake::start(const ClientIdentity& identity,
                                                     std::string_view payload) {
  HandshakeSetup setup = setup_for(NoiseSide::initiator, identity.own);
  setup.remote_static = identity.cluster_public_key;
  setup.psk = identity.psk;
  auto state = std::make_unique<State>(setup);
  base::Result<std::string> message = state->noise.write_message(payload);
  if (!message.ok()) return message.error();
  if (message->size() > kHandshakeBytesMax) return too_long(message->size());
  state->message1 = std::move(*message);
  return ClientHandshake(std::move(state));
}

base::Result<ClientHandshake::Finished> ClientHandshake::finish(std::string_view message2) {
  if (message2.size() > kHandshakeBytesMax) return too_long(message2.size());
  base::Result<std::string> payload = state_->noise.read_message(message2);
  if (!payload.ok()) return payload.error();
  if (payload->size() < kSessionIdBytes) {
    return base::Error{base::ErrorCode::unauthenticated, "handshake_failed",
                       "the server's handshake message has no session id"};
  }
  std::string session = base::to_hex(std::string_view(*payload).substr(0, kSessionIdBytes));
  payload->erase(0, kSessionIdBytes);
  return Finished{ClientChannel(session_keys(state_->noise, std::move(session))),
                  std::move(*payload)};
}

// ---- ServerHandshake -----------------------------------------------------------------------

struct ServerHandshake::State {
  explicit State(const HandshakeSetup& setup) : noise(setup) {}
  HandshakeState noise;
  std::string payload;
};

ServerHandshake::ServerHandshake(std::unique_ptr<State> state) : state_(std::move(state)) {}
ServerHandshake::ServerHandshake(ServerHandshake&&) noexcept = default;
ServerHandshake& ServerHandshake::operator=(ServerHandshake&&) noexcept = default;
ServerHandshake::~ServerHandshake() = default;

const Key& ServerHandshake::client_public_key() const { return state_->noise.remote_static(); }
const std::string& ServerHandshake::payload() const { return state_->payload; }

base::Result<ServerHandshake> ServerHandshake::read(const KeyPair& cluster,
                                                    std::string_view message1) {
  if (message1.size() > kHandshakeBytesMax) return too_long(message1.size());
  auto state = std::make_unique<State>(setup_for(NoiseSide::responder, cluster));
  base::Result<std::string> payload = state->noise.read_message(message1);
  if (!payload.ok()) return payload.error();
  state->payload = std::move(*payload);
  return ServerHandshake(std::move(state));
}

base::Result<ServerHandshake::Finished> ServerHandshake::finish(const Key& psk,
                                                                std::string_view payload) {
  state_->noise.set_psk(psk);
  std::string session = base::random_hex(kSessionIdBytes);
  std::string framed = *base::from_hex(session);
  framed.append(payload);
  base::Result<std::string> message = state_->noise.write_message(framed);
  if (!message.ok()) return message.error();
  if (message->size() > kHandshakeBytesMax) return too_long(message->size());
  return Finished{std::move(*message),
                  ServerChannel(session_keys(state_->noise, std::move(session)))};
}

}  // namespace mlguard::wire
