// etcd's side: the v3 JSON gateway, keys and values in base64.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/load_connection.h"
#include "bench/load_side.h"

namespace mlguard::bench {

namespace {

// A watch's answer is one JSON object a line; those that tell of changes hold this.
constexpr std::string_view kEvents = "\"events\":";
// Found in the answer of a range that holds the key.
constexpr std::string_view kKeysFound = "\"kvs\":";

void append_request(std::string_view path, std::string_view body, std::string& out) {
  out.append("POST ").append(path);
  out.append(" HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ");
  out.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

base::Error no_heartbeats() {
  return {base::ErrorCode::unsupported, "no_heartbeats",
          "etcd's gateway has no heartbeats: measure them with --side ours"};
}

class EtcdProtocol final : public Protocol {
 public:
  base::Status put(std::string_view key, const Document& document, std::string& out) override {
    begin(key).append(R"(,"value":")").append(document.base64).append("\"}");
    append_request("/v3/kv/put", body_, out);
    reading_ = false;
    return {};
  }

  base::Status get(std::string_view key, Consistency consistency, std::string& out) override {
    begin(key).append(consistency == Consistency::local ? R"(,"serializable":true})" : "}");
    append_request("/v3/kv/range", body_, out);
    reading_ = true;
    return {};
  }

  base::Status watch(std::string_view key, std::string& out) override {
    const std::string create = R"({"create_request":)" + begin(key) + "}}";
    append_request("/v3/watch", create, out);
    return {};
  }

  base::Status enlist(std::string_view /*component*/, std::string& /*out*/) override {
    return no_heartbeats();
  }
  base::Status beat(std::string_view /*component*/, std::uint64_t /*seq*/,
                    std::string& /*out*/) override {
    return no_heartbeats();
  }

  base::Status accept(Answer& answer) override {
    if (!is_success(answer.status)) return bad_status(answer, answer.body);
    if (reading_ && answer.body.find(kKeysFound) == std::string::npos) {
      return bad_status(answer, "the key is not there");
    }
    return {};
  }

  bool watch_streams() const override { return true; }
  base::Result<std::size_t> changes(Answer& answer) override {
    if (!is_success(answer.status)) return bad_status(answer, answer.body);
    std::size_t found = 0;
    for (;;) {
      const std::size_t end = answer.body.find('\n');
      if (end == std::string::npos) return found;
      if (answer.body.find(kEvents) < end) ++found;
      answer.body.erase(0, end + 1);
    }
  }

 private:
  // `{"key":"…"` with the key in base64, without the last brace.
  std::string& begin(std::string_view key) {
    if (key != key_) {
      key_ = key;
      key_base64_ = base64_of(key);
    }
    body_.assign(R"({"key":")").append(key_base64_).append("\"");
    return body_;
  }

  std::string key_;
  std::string key_base64_;
  std::string body_;
  bool reading_ = false;
};

class EtcdSide final : public Side {
 public:
  base::Result<std::unique_ptr<Protocol>> open(const wire::Endpoint& /*endpoint*/) const override {
    return std::unique_ptr<Protocol>(std::make_unique<EtcdProtocol>());
  }

  base::Result<bool> leads(const wire::Endpoint& endpoint) const override {
    std::string request;
    append_request("/v3/maintenance/status", "{}", request);
    auto answer = ask_once(endpoint, request);
    if (!answer.ok()) return std::move(answer).error();
    const auto json = nlohmann::json::parse(answer->body, nullptr, false);
    if (!is_success(answer->status) || !json.is_object()) return bad_status(*answer, answer->body);
    const auto member = json.value(nlohmann::json::json_pointer("/header/member_id"), "");
    return !member.empty() && member == json.value("leader", "");
  }
};

}  // namespace

std::unique_ptr<Side> make_etcd_side() { return std::make_unique<EtcdSide>(); }

}  // namespace mlguard::bench
