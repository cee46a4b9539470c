#include "support/sealed_client.h"

#include <cstdlib>

#include "wire/api_error.h"
#include "wire/messages.h"

namespace mlguard::support {

using base::Error;
using base::ErrorCode;

wire::ClientIdentity identity_of(const wire::Credential& credential) {
  return {credential.cluster_public_key, wire::KeyPair::from_secret(credential.private_key),
          wire::Key{}};
}

wire::ClientIdentity identity_of(const wire::JoinToken& token, const wire::KeyPair& own) {
  return {token.cluster_public_key, own, token.psk};
}

std::string sealed_http(std::string_view method, std::string_view target,
                        const wire::Sealed& sealed) {
  Headers headers = {{"X-Session", sealed.session}};
  if (!sealed.seal.empty()) headers.emplace_back("X-Seal", sealed.seal);
  if (sealed.original_size) {
    headers.emplace_back("X-Original-Size", std::to_string(*sealed.original_size));
  }
  if (!sealed.body.empty()) headers.emplace_back("Content-Type", "application/octet-stream");
  return http_request(method, target, headers, sealed.body);
}

base::Result<wire::Message> open_reply(const wire::ClientChannel& channel, std::uint64_t counter,
                                       const HttpReply& reply) {
  if (reply.status == 0) return Error(ErrorCode::unavailable, "no answer");
  if (reply.header("x-sealed") != "1") return wire::decode_error(reply.status, reply.body);
  wire::Sealed sealed;
  sealed.body = reply.body;
  const std::string size = reply.header("x-original-size");
  if (!size.empty()) sealed.original_size = std::strtoull(size.c_str(), nullptr, 10);
  return channel.open(counter, reply.status, sealed);
}

base::Result<wire::ClientChannel> handshake(TcpClient& connection,
                                            const wire::ClientIdentity& identity,
                                            std::string_view hello) {
  base::Result<wire::ClientHandshake> begun = wire::ClientHandshake::start(identity, hello);
  if (!begun) return begun.error();
  if (!connection.send(http_request("POST", "/v1/session", {}, begun->message1()))) {
    return Error(ErrorCode::unavailable, "the server closed during the handshake");
  }
  const HttpReply reply = read_reply(connection, kHttpTimeoutMs);
  if (reply.status != 200) return wire::decode_error(reply.status, reply.body);
  base::Result<wire::ClientHandshake::Finished> finished = begun->finish(reply.body);
  if (!finished) return finished.error();
  return std::move(finished->channel);
}

SealedClient::SealedClient(std::uint16_t port, TcpClient connection, wire::ClientChannel channel)
    : port_(port), connection_(std::move(connection)), channel_(std::move(channel)) {}

base::Result<SealedClient> SealedClient::open(std::uint16_t port,
                                              const wire::ClientIdentity& identity,
                                              const std::string& token_id) {
  std::optional<TcpClient> connection = TcpClient::connect(port);
  if (!connection) return Error(ErrorCode::unavailable, "nobody listens");
  wire::HandshakeHello hello;
  hello.token_id = token_id;
  hello.client = "test/0.1.0";
  base::Result<wire::ClientChannel> channel = handshake(*connection, identity, wire::encode(hello));
  if (!channel) return channel.error();
  return SealedClient(port, std::move(*connection), std::move(*channel));
}

HttpReply SealedClient::send(std::string_view bytes, std::int64_t timeout_ms) {
  if (!connection_) connection_ = TcpClient::connect(port_);
  if (!connection_) return {};
  // Even when not all could be sent: the server may have answered and closed early.
  connection_->send(bytes);
  HttpReply reply = read_reply(*connection_, timeout_ms);
  if (reply.status == 0 || reply.header("connection") == "close") connection_.reset();
  return reply;
}

base::Result<SealedClient::Answer> SealedClient::call(std::string_view method,
                                                      std::string_view target,
                                                      const wire::Message& message) {
  base::Result<wire::ClientChannel::Request> request = channel_.seal(method, target, message);
  if (!request) return request.error();
  const HttpReply reply = send(sealed_http(method, target, request->sealed));
  Answer answer;
  answer.status = reply.status;
  answer.sealed = reply.header("x-sealed") == "1";
  if (!answer.sealed && reply.status != 0) {
    answer.message.body = reply.body;
    return answer;
  }
  base::Result<wire::Message> opened = open_reply(channel_, request->counter, reply);
  if (!opened) return opened.error();
  answer.message = std::move(*opened);
  return answer;
}

std::string SealedClient::Answer::reason() const { return reason_in(message.body); }

std::string reason_in(std::string_view json) {
  constexpr std::string_view kKey = "\"error\":";
  std::size_t at = json.find(kKey);
  if (at == std::string_view::npos) return {};
  at = json.find('"', at + kKey.size());
  if (at == std::string_view::npos) return {};
  const std::size_t end = json.find('"', at + 1);
  return std::string(json.substr(at + 1, end - at - 1));
}

}  // namespace mlguard::support
