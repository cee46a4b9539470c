// A whole server in the test's process, on a free port and a folder of its own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "server/server.h"
#include "tests/support/wait_until.h"
#include "tests/unit/server/sealed_client.h"
#include "wire/api_error.h"
#include "wire/messages.h"

namespace mlguard::server::test {

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() : folder_(::testing::TempDir() + "mlguard-server-" + base::random_hex(6)) {
    options_.http.address = "127.0.0.1";
    options_.http.port = 0;
    options_.http.sweep_ms = 50;
    options_.data_dir = folder_;
    options_.cluster_key_path = folder_ + "/cluster.key";
    options_.operator_key_path = folder_ + "/operator.key";
  }
  ~ServerTest() override {
    server_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void start() {
    auto started = Server::start(options_, clock_);
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(*started);
  }
  SealedClient connect_operator() {
    auto client = SealedClient::connect(server_->port(), operator_identity(server_->cluster()));
    EXPECT_TRUE(client.ok()) << client.error().message;
    return std::move(*client);
  }
  // Makes a join token by the operator's session. Returns its parsed text.
  wire::JoinToken make_token(SealedClient& op, base::Role role, const std::string& component = {}) {
    wire::TokenRequest request;
    request.role = role;
    request.component = component;
    const Answer answer = op.call("POST", "/v1/tokens", wire::encode(request));
    EXPECT_EQ(answer.status, 200) << answer.message.body;
    return wire::JoinToken::parse(wire::decode_token_reply(answer.message.body)->token).value();
  }
  struct Enrolled {
    SealedClient client;
    wire::ClientIdentity identity;  // Without psk: to connect again with.
  };
  Enrolled enrol(SealedClient& op, base::Role role, const std::string& name = {}) {
    const wire::JoinToken token = make_token(op, role);
    wire::ClientIdentity identity{token.cluster_public_key, wire::KeyPair::generate(), token.psk};
    auto client = SealedClient::connect(server_->port(), identity, token.token_id, name);
    EXPECT_TRUE(client.ok()) << client.error().message;
    EXPECT_EQ(client->call("POST", "/v1/enrol").status, 200);
    identity.psk = {};
    return {std::move(*client), identity};
  }
  static std::string registration(const std::string& name, const std::string& instance = "i1") {
    base::Component component;
    component.name = name;
    component.instance_id = instance;
    component.version = "0.1.0";
    component.address = "localhost";
    return wire::encode_register(component);
  }
  static std::string beat(const std::string& name, std::uint64_t seq,
                          const std::string& instance = "i1") {
    base::Heartbeat heartbeat;
    heartbeat.component = name;
    heartbeat.instance_id = instance;
    heartbeat.seq = seq;
    return wire::encode_heartbeat(heartbeat);
  }
  static std::string reason(const Answer& answer) {
    return wire::decode_error(answer.status, answer.message.body).reason;
  }
  RawAnswer plain(const std::string& method, const std::string& target,
                  const std::string& body = {}) {
    RawClient client(server_->port());
    auto answer = client.request(method, target, {}, body);
    EXPECT_TRUE(answer.has_value()) << method << " " << target;
    return answer.value_or(RawAnswer{});
  }

  // A long poll that was sent is not yet one that waits.
  void await_long_polls(int count) {
    const std::string line = "\nmlguard_long_polls_waiting " + std::to_string(count) + "\n";
    EXPECT_TRUE(support::wait_until(
        [&] { return plain("GET", "/metrics").body.find(line) != std::string::npos; }));
  }

  const std::string folder_;
  base::SystemClock clock_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

}  // namespace mlguard::server::test
