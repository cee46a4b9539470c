// A Client with a credential of its own and one or more FakeServers of the same cluster.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "etcd_client/client.h"
#include "fake_server.h"
#include "wire/api_error.h"
#include "wire/credentials.h"
#include "wire/messages.h"

namespace mlguard::test {

using etcd_client::milliseconds;

class ClientFixture : public testing::Test {
 protected:
  ClientFixture()
      : folder_(std::filesystem::temp_directory_path() / ("mlguard-client-" + base::random_hex(6))),
        cluster_(wire::ClusterKey::generate()) {
    std::filesystem::create_directories(folder_);
    wire::Credential credential;
    credential.cluster_public_key = cluster_.server_keys().public_key;
    credential.private_key = wire::KeyPair::generate().secret;
    credential.role = base::Role::sniffer;
    credential.name = "sniffer";
    EXPECT_TRUE(wire::save_credential(credential_path(), credential).ok());
  }
  ~ClientFixture() override { std::filesystem::remove_all(folder_); }

  // Handlers stand on the derived fixture.
  void TearDown() override {
    for (const auto& server : servers_) server->stop();
  }

  std::string credential_path() const { return (folder_ / "sniffer.credential").string(); }

  FakeServer& add_server(FakeServer::Handler handler) {
    servers_.push_back(std::make_unique<FakeServer>(cluster_.server_keys(), std::move(handler)));
    return *servers_.back();
  }

  // Answers every write with revision 1 and every heartbeat properly.
  FakeServer& add_plain_server() {
    return add_server([](const FakeRequest& request) {
      FakeAnswer answer;
      if (request.target == "/heartbeat") {
        answer.message.body = wire::encode(wire::HeartbeatReply{});
      } else {
        answer.message.body = wire::encode(wire::WriteReply{1, 1, {}});
      }
      return answer;
    });
  }

  etcd_client::ClientOptions options(milliseconds deadline = milliseconds(5'000)) const {
    etcd_client::ClientOptions options;
    options.endpoints = endpoints();
    options.credential_path = credential_path();
    options.call_deadline = deadline;
    options.backoff_first = milliseconds(5);
    options.backoff_max = milliseconds(20);
    return options;
  }

  std::unique_ptr<etcd_client::Client> open(milliseconds deadline = milliseconds(5'000)) const {
    return open(options(deadline));
  }

  static std::unique_ptr<etcd_client::Client> open(const etcd_client::ClientOptions& options) {
    auto client = etcd_client::Client::open(options);
    EXPECT_TRUE(client.ok()) << client.error().message;
    return std::move(*client);
  }

  // As many plain servers, which name each other and the first of them as leader.
  void add_cluster(std::size_t servers) {
    for (std::size_t i = 0; i < servers; ++i) add_plain_server();
    introduce_all(servers_.front()->endpoint());
  }

  std::vector<std::string> endpoints() const {
    std::vector<std::string> all;
    for (const auto& server : servers_) all.push_back(server->endpoint());
    return all;
  }

  void introduce_all(const std::string& leader) {
    for (const auto& server : servers_) server->introduce(endpoints(), leader);
  }

  // An endpoint of this host where nobody listens.
  std::string dead_endpoint() const {
    const FakeServer gone(cluster_.server_keys(), nullptr);
    return gone.endpoint();
  }

  static FakeAnswer error_answer(const base::Error& error) {
    FakeAnswer answer;
    answer.status = wire::http_status(error.code);
    answer.message.body = wire::encode_error(error);
    return answer;
  }

  std::filesystem::path folder_;
  wire::ClusterKey cluster_;
  std::vector<std::unique_ptr<FakeServer>> servers_;
};

inline base::Heartbeat beat() {
  base::Heartbeat beat;
  beat.component = "sniffer";
  beat.instance_id = "i";
  beat.seq = 1;
  return beat;
}

// Milliseconds that `work` took.
template <class Work>
std::int64_t elapsed_ms(Work work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace mlguard::test
