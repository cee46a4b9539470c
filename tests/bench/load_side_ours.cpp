// Our side: sealed requests of one session for each connection, as agents have.
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "bench/load_connection.h"
#include "bench/load_side.h"
#include "wire/api_error.h"
#include "wire/client_session.h"
#include "wire/credentials.h"
#include "wire/messages.h"

namespace mlguard::bench {

namespace {

constexpr const char* kInstance = "bench";
constexpr const char* kWatchWait = "30s";

class OurProtocol final : public Protocol {
 public:
  explicit OurProtocol(wire::Session session) : session_(std::move(session)) {
    beat_.instance_id = kInstance;
    beat_.status = "ok";
    beat_.detail = R"({"packets":123456,"flows":789,"drops":0})";
  }

  base::Status put(std::string_view key, const Document& document, std::string& out) override {
    wire::Message message;
    message.fields.push_back({std::string(wire::kFieldRequestId), next_request_id()});
    message.body = document.plain;
    return append_request("PUT", config_target(key), message, out);
  }

  base::Status get(std::string_view key, Consistency consistency, std::string& out) override {
    config_target(key);
    if (consistency == Consistency::local) target_.append("?consistency=local");
    return append_request("GET", target_, {}, out);
  }

  base::Status watch(std::string_view key, std::string& out) override {
    target_.assign("/v1/watch?resource=config/").append(key).append("&wait=").append(kWatchWait);
    if (seen_ != 0) target_.append("&after=").append(std::to_string(seen_));
    return append_request("GET", target_, {}, out);
  }

  base::Status enlist(std::string_view component, std::string& out) override {
    base::Component wanted;
    wanted.name = component;
    wanted.instance_id = kInstance;
    wanted.version = "bench";
    wire::Message message;
    message.fields.push_back({std::string(wire::kFieldRequestId), next_request_id()});
    message.body = wire::encode_register(wanted);
    return append_request("POST", "/register", message, out);
  }

  base::Status beat(std::string_view component, std::uint64_t seq, std::string& out) override {
    beat_.component = component;
    beat_.seq = seq;
    wire::Message message;
    message.body = wire::encode_heartbeat(beat_);
    return append_request("POST", "/heartbeat", message, out);
  }

  base::Status accept(Answer& answer) override {
    auto opened = open(answer);
    if (!opened.ok()) return std::move(opened).error();
    return {};
  }

  bool watch_streams() const override { return false; }
  base::Result<std::size_t> changes(Answer& answer) override {
    const auto opened = open(answer);
    if (!opened.ok()) return opened.error();
    const auto list = wire::decode_changes(opened->body);
    if (!list.ok()) return list.error();
    seen_ = list->revision;
    return list->changes.size();
  }

 private:
  const std::string& config_target(std::string_view key) {
    target_.assign("/v1/config/").append(key);
    return target_;
  }

  std::string next_request_id() const { return base::request_id(clock_.wall_ms()); }

  base::Status append_request(std::string_view method, std::string_view target,
                              const wire::Message& message, std::string& out) {
    auto request = session_->seal(method, target, message);
    if (!request.ok()) return std::move(request).error();
    counter_ = request->counter;
    const wire::Sealed& sealed = request->sealed;
    out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: bench\r\nX-Session: ");
    out.append(sealed.session);
    if (!sealed.seal.empty()) out.append("\r\nX-Seal: ").append(sealed.seal);
    if (sealed.original_size) {
      out.append("\r\nX-Original-Size: ").append(std::to_string(*sealed.original_size));
    }
    if (!sealed.body.empty()) {
      out.append("\r\nContent-Type: ").append(wire::kSealedContentType);
      out.append("\r\nContent-Length: ").append(std::to_string(sealed.body.size()));
    }
    out.append("\r\n\r\n").append(sealed.body);
    return {};
  }

  base::Result<wire::Message> open(Answer& answer) {
    if (!answer.sealed) return bad_status(answer, answer.body);
    wire::Sealed sealed;
    sealed.body = std::move(answer.body);
    sealed.original_size = answer.original_size;
    auto opened = session_->open(counter_, answer.status, sealed);
    if (!opened.ok()) return opened;
    if (!is_success(answer.status)) return bad_status(answer, opened->body);
    return opened;
  }

  const wire::Session session_;  // Shared by the type that handshake() answers with.
  base::SystemClock clock_;
  std::uint64_t counter_ = 0;  // Of the request under way.
  std::uint64_t seen_ = 0;     // The revision up to which watch() has seen everything.
  base::Heartbeat beat_;
  std::string target_;
};

class OurSide final : public Side {
 public:
  explicit OurSide(const wire::Credential& credential)
      : identity_{credential.cluster_public_key,
                  wire::KeyPair::from_secret(credential.private_key),
                  {}},
        hello_(wire::encode(wire::HandshakeHello{"", "load/0.1.0", credential.name})) {}

  base::Result<std::unique_ptr<Protocol>> open(const wire::Endpoint& endpoint) const override {
    const auto connection = wire::make_http_connection(endpoint);
    wire::HandshakeResult made = wire::handshake(identity_, hello_, *connection, {});
    if (!made.session) return std::move(made.failure.error);
    return std::unique_ptr<Protocol>(std::make_unique<OurProtocol>(std::move(made.session)));
  }

  base::Result<bool> leads(const wire::Endpoint& endpoint) const override {
    auto answer = ask_once(endpoint, "GET /status HTTP/1.1\r\nHost: bench\r\n\r\n");
    if (!answer.ok()) return std::move(answer).error();
    const auto json = nlohmann::json::parse(answer->body, nullptr, false);
    if (!is_success(answer->status) || !json.is_object()) return bad_status(*answer, answer->body);
    return json.value("role", "") == "leader";
  }

 private:
  const wire::ClientIdentity identity_;
  const std::string hello_;
};

}  // namespace

base::Result<std::unique_ptr<Side>> make_our_side(const std::string& credential) {
  const auto loaded = wire::load_credential(credential);
  if (!loaded.ok()) return loaded.error();
  return std::unique_ptr<Side>(std::make_unique<OurSide>(*loaded));
}

}  // namespace mlguard::bench
