#include "tests/unit/server/sealed_client.h"

#include <utility>

#include "wire/api_error.h"
#include "wire/messages.h"

namespace mlguard::server::test {

base::Result<SealedClient> SealedClient::connect(std::uint16_t port,
                                                 const wire::ClientIdentity& identity,
                                                 const std::string& token_id,
                                                 const std::string& name) {
  wire::HandshakeHello hello;
  hello.token_id = token_id;
  hello.client = "test";
  hello.name = name;
  auto handshake = wire::ClientHandshake::start(identity, wire::encode(hello));
  if (!handshake) return handshake.error();
  RawClient raw(port);
  const auto answer = raw.request("POST", "/v1/session", {}, handshake->message1());
  if (!answer) return base::Error{base::ErrorCode::unavailable, "no answer"};
  if (answer->status != 200) return wire::decode_error(answer->status, answer->body);
  auto finished = handshake->finish(answer->body);
  if (!finished) return finished.error();
  return SealedClient(std::move(raw), std::move(finished->channel));
}

wire::ClientChannel::Request SealedClient::seal(const std::string& method,
                                                const std::string& target, const std::string& body,
                                                const std::vector<wire::Field>& fields) {
  return channel_.seal(method, target, {fields, body}).value();
}

void SealedClient::send(const std::string& method, const std::string& target,
                        const wire::Sealed& sealed) {
  std::string text = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  text += "X-Session: " + sealed.session + "\r\n";
  if (!sealed.seal.empty()) text += "X-Seal: " + sealed.seal + "\r\n";
  if (sealed.original_size) {
    text += "X-Original-Size: " + std::to_string(*sealed.original_size) + "\r\n";
  }
  if (method != "GET") text += "Content-Length: " + std::to_string(sealed.body.size()) + "\r\n";
  raw_.send(text + "\r\n" + sealed.body);
}

Answer SealedClient::receive(std::uint64_t counter, std::chrono::milliseconds timeout) {
  Answer answer;
  const auto raw = raw_.receive(timeout);
  if (!raw) return answer;
  answer.status = raw->status;
  answer.sealed = raw->headers.count("x-sealed") > 0;
  if (!answer.sealed) {
    answer.message.body = raw->body;
    return answer;
  }
  wire::Sealed sealed;
  sealed.body = raw->body;
  const auto size = raw->headers.find("x-original-size");
  if (size != raw->headers.end()) sealed.original_size = std::stoul(size->second);
  answer.compressed = sealed.original_size.has_value();
  auto opened = channel_.open(counter, raw->status, sealed);
  if (!opened) {
    answer.status = -1;
    answer.message.body = opened.error().message;
    return answer;
  }
  answer.message = std::move(*opened);
  return answer;
}

Answer SealedClient::call(const std::string& method, const std::string& target,
                          const std::string& body, const std::vector<wire::Field>& fields) {
  const wire::ClientChannel::Request request = seal(method, target, body, fields);
  send(method, target, request.sealed);
  return receive(request.counter);
}

wire::ClientIdentity operator_identity(const wire::ClusterKey& cluster) {
  return {cluster.server_keys().public_key, cluster.operator_keys(), {}};
}

}  // namespace mlguard::server::test
