// A client of several instances that come and go: it finds them, follows the leader, waits for
// elections, and never writes twice.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>

#include "client_fixture.h"
#include "support/tcp.h"

namespace mlguard::test {
namespace {

using etcd_client::Client;
using etcd_client::Consistency;

// An endpoint that swallows connections: its queue is full and nobody takes from it, so that
// connecting runs into its timeout, as with a host behind a firewall.
class BlackHole {
 public:
  BlackHole() : listener_(support::listen_on(0)) {
    EXPECT_EQ(::listen(listener_.get(), 0), 0);
    for (base::UniqueFd& fd : waiting_) {
      fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(support::port_of(listener_));
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      (void)::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
  }
  std::string endpoint() const {
    return "127.0.0.1:" + std::to_string(support::port_of(listener_));
  }

 private:
  base::UniqueFd listener_;
  std::array<base::UniqueFd, 4> waiting_;
};

class ClusterTest : public ClientFixture {
 protected:
  // A client that was told of the first server only.
  std::unique_ptr<Client> open_first(milliseconds deadline = milliseconds(5'000)) const {
    auto one = options(deadline);
    one.endpoints = {servers_.front()->endpoint()};
    return open(one);
  }

  static bool put(Client& client) { return client.put_config("sniffer", "{}").ok(); }

  // The server that handled the last write of `client`.
  std::string writer(Client& client) {
    EXPECT_TRUE(put(client));
    return client.endpoint();
  }

  static std::size_t writes(const FakeServer& server) {
    const auto handled = server.handled();
    return static_cast<std::size_t>(
        std::count_if(handled.begin(), handled.end(),
                      [](const FakeRequest& request) { return request.method == "PUT"; }));
  }
};

TEST_F(ClusterTest, OneEndpointIsEnoughToSurviveItsDeath) {
  add_cluster(3);
  const auto client = open_first();
  ASSERT_TRUE(put(*client));
  servers_.erase(servers_.begin());
  EXPECT_TRUE(put(*client));
  introduce_all(servers_[1]->endpoint());
  EXPECT_TRUE(put(*client));
}

TEST_F(ClusterTest, ADeadEndpointAndALivingOneAreEnough) {
  add_cluster(2);
  auto some = options();
  some.endpoints = {dead_endpoint(), servers_[1]->endpoint()};
  const auto client = open(some);
  EXPECT_TRUE(put(*client));
  EXPECT_EQ(writer(*client), servers_[0]->endpoint()) << "it leads";
}

TEST_F(ClusterTest, WritesGoToTheLeaderAndLocalReadsStayWhereTheyWere) {
  add_cluster(3);
  introduce_all(servers_[2]->endpoint());
  auto local = options();
  local.endpoints = {servers_[0]->endpoint()};
  local.reads = Consistency::local;
  const auto client = open(local);
  (void)client->config_history("sniffer");  // The plain server answers it with nonsense.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(writer(*client), servers_[2]->endpoint());
  ASSERT_TRUE(client->heartbeat(beat()).ok());
  EXPECT_EQ(client->endpoint(), servers_[2]->endpoint());
  (void)client->config_history("sniffer");
  EXPECT_EQ(client->endpoint(), servers_[0]->endpoint());
  EXPECT_EQ(servers_[0]->handled().back().target, "/v1/config/sniffer/versions?consistency=local");
  EXPECT_EQ(servers_[1]->connections(), 0);
}

TEST_F(ClusterTest, LinearizableReadsGoToTheLeaderAndSayNothingAboutIt) {
  add_cluster(2);
  introduce_all(servers_[1]->endpoint());
  const auto client = open_first();
  ASSERT_TRUE(put(*client));
  (void)client->config_history("sniffer");
  EXPECT_EQ(servers_[1]->handled().back().target, "/v1/config/sniffer/versions");
}

// What lives in the leader's memory is worth asking of nobody else, however long it is held.
TEST_F(ClusterTest, ALongPollThatIsTheLeadersToAnswerGoesToTheLeader) {
  add_cluster(3);
  introduce_all(endpoints()[2]);
  const auto client = open_first();
  ASSERT_TRUE(put(*client));
  const auto asked_of = [&](const std::string& target) {
    EXPECT_TRUE(client->call({"GET", target, "", {}}).ok());
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      for (const FakeRequest& request : servers_[i]->handled()) {
        if (request.target.starts_with(target)) return i;
      }
    }
    return servers_.size();
  };
  EXPECT_NE(asked_of("/v1/watch?wait=5s"), 2U);
  EXPECT_EQ(asked_of("/v1/questions/next?consistency=leader&wait=5s"), 2U);
}

TEST_F(ClusterTest, AnAnswerThatNamesTheLeaderSendsTheNextWriteThere) {
  for (int i = 0; i < 2; ++i) {
    add_server([this](const FakeRequest&) {
      FakeAnswer answer;
      answer.message.body = wire::encode(wire::WriteReply{1, 1, {}});
      answer.message.fields = {{std::string(wire::kFieldLeader), servers_[1]->endpoint()}};
      return answer;
    });
  }
  introduce_all(servers_[0]->endpoint());
  const auto client = open_first();
  EXPECT_EQ(writer(*client), servers_[0]->endpoint());
  EXPECT_EQ(writer(*client), servers_[1]->endpoint());
}

TEST_F(ClusterTest, AfterAFailoverTheNextHandshakeTellsTheNewLeader) {
  add_cluster(3);
  const auto client = open_first();
  EXPECT_EQ(writer(*client), servers_[0]->endpoint());
  const std::string new_leader = servers_[2]->endpoint();
  servers_.erase(servers_.begin());
  introduce_all(new_leader);
  ASSERT_TRUE(put(*client));
  EXPECT_EQ(writer(*client), new_leader);
}

TEST_F(ClusterTest, InstancesThatAllWereRestartedAreIntroducedToAnew) {
  add_cluster(3);
  const auto client = open(options());
  ASSERT_TRUE(put(*client));
  for (const auto& server : servers_) {
    server->forget_sessions();
    server->set_leaderless(true);
  }
  std::thread elector([&] {
    std::this_thread::sleep_for(milliseconds(100));
    for (const auto& server : servers_) server->forget_sessions();
    servers_[1]->set_leaderless(false);
  });
  EXPECT_TRUE(put(*client));
  elector.join();
}

TEST_F(ClusterTest, AnElectionIsWaitedFor) {
  add_cluster(3);
  for (const auto& server : servers_) server->set_leaderless(true);
  const auto client = open_first();
  std::thread elector([&] {
    std::this_thread::sleep_for(milliseconds(300));
    servers_[1]->set_leaderless(false);
  });
  const auto took = elapsed_ms([&] { EXPECT_TRUE(put(*client)); });
  elector.join();
  EXPECT_GE(took, 250);
  EXPECT_LT(took, 5'000);
  EXPECT_EQ(writes(*servers_[1]), 1U);
}

TEST_F(ClusterTest, RetryAfterBoundsThePausesDuringAnElection) {
  FakeServer& server = add_plain_server();
  auto patient = options(milliseconds(20'000));
  patient.backoff_first = milliseconds(15'000);
  patient.backoff_max = milliseconds(15'000);
  server.inject({Fault::unavailable});
  const auto client = open(patient);
  const auto took = elapsed_ms([&] { EXPECT_TRUE(put(*client)); });
  EXPECT_GE(took, 400);
  EXPECT_LT(took, 10'000);
}

TEST_F(ClusterTest, AnUnknownOutcomeIsAskedAboutElsewhereUnderTheSameRequestId) {
  add_cluster(3);
  const auto client = open_first();
  ASSERT_TRUE(client->heartbeat(beat()).ok()) << "that teaches the others";
  servers_[0]->inject({Fault::outcome_unknown});
  servers_[1]->inject({Fault::drop_after});
  ASSERT_TRUE(put(*client));
  std::set<std::string> ids;
  std::size_t handled = 0;
  for (const auto& server : servers_) {
    for (const FakeRequest& request : server->handled()) {
      if (request.method != "PUT") continue;
      ids.insert(field_of(request.message, wire::kFieldRequestId));
      ++handled;
    }
  }
  EXPECT_EQ(handled, 3U);
  EXPECT_EQ(ids.size(), 1U) << "for the cluster it is one write";
}

TEST_F(ClusterTest, AMemberThatWasRemovedIsNotAskedAnyMore) {
  add_cluster(3);
  const auto client = open_first();
  ASSERT_TRUE(put(*client));
  for (const auto& server : servers_) {
    server->introduce({servers_[0]->endpoint(), servers_[1]->endpoint()}, servers_[0]->endpoint());
    server->forget_sessions();
  }
  ASSERT_TRUE(put(*client));
  servers_[0]->set_leaderless(true);
  servers_[1]->set_leaderless(true);
  std::thread elector([&] {
    std::this_thread::sleep_for(milliseconds(200));
    servers_[0]->set_leaderless(false);
  });
  EXPECT_TRUE(put(*client));
  elector.join();
  EXPECT_EQ(servers_[2]->connections(), 0);
}

TEST_F(ClusterTest, ALearntEndpointThatCannotBeReachedCostsItsTimeoutOnce) {
  const BlackHole hole;
  FakeServer& server = add_plain_server();
  server.introduce({server.endpoint(), hole.endpoint()}, hole.endpoint());
  auto hurried = options(milliseconds(20'000));
  hurried.connect_timeout = milliseconds(2'000);
  const auto client = open(hurried);
  ASSERT_TRUE(put(*client)) << "that teaches the other one";
  const auto first = elapsed_ms([&] { EXPECT_TRUE(put(*client)); });
  EXPECT_GE(first, 1'900);
  EXPECT_LT(first, 3'900) << "twice";
  const auto later = elapsed_ms([&] {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(put(*client));
  });
  EXPECT_LT(later, 1'900);
  server.inject({Fault::unavailable, Fault::unavailable});
  EXPECT_LT(elapsed_ms([&] { EXPECT_TRUE(put(*client)); }), 1'900) << "an election, either";
}

TEST_F(ClusterTest, AClientThatIsPinnedStaysWhereItIs) {
  add_cluster(2);
  introduce_all(servers_[1]->endpoint());
  auto pinned = options(milliseconds(500));
  pinned.endpoints = {servers_[0]->endpoint()};
  pinned.discovery = etcd_client::Discovery::fixed;
  const auto client = open(pinned);
  EXPECT_EQ(writer(*client), servers_[0]->endpoint());
  servers_[0]->set_leaderless(true);
  // Where the deadline cuts an attempt off, nobody can know what came of it.
  std::string reason = "outcome_unknown";
  for (int i = 0; i < 20 && reason == "outcome_unknown"; ++i) {
    const auto put = client->put_config("sniffer", "{}");
    ASSERT_FALSE(put.ok());
    reason = put.error().reason;
  }
  EXPECT_EQ(reason, "no_leader");
  EXPECT_EQ(servers_[1]->connections(), 0);
}

TEST_F(ClusterTest, WhatALocalReadDoesNotFindTheLeaderIsAskedFor) {
  const auto handler = [](const FakeRequest& request) {
    if (request.target.find("local") != std::string::npos) {
      return error_answer({base::ErrorCode::not_found, "no_config", "there is none"});
    }
    FakeAnswer answer;
    answer.message.body = "{}";
    answer.message.fields = {{"version", "3"}};
    return answer;
  };
  FakeServer& server = add_server(handler);
  auto local = options();
  local.reads = Consistency::local;
  const auto config = open(local)->get_config("sniffer");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->version, 3U);
  server.inject(std::vector<Fault>(1'000, Fault::unavailable));
  local.call_deadline = milliseconds(300);
  EXPECT_FALSE(open(local)->get_config("sniffer").ok());
}

TEST_F(ClusterTest, AcknowledgementByTheLeaderAloneIsAskedForInTheQuery) {
  FakeServer& server = add_plain_server();
  auto quick = options();
  quick.writes = etcd_client::Ack::leader;
  const auto client = open(quick);
  ASSERT_TRUE(put(*client));
  ASSERT_TRUE(client->call({"POST", "/v1/rules?ack=quorum", "{}", {}}).ok());
  ASSERT_TRUE(client->call({"GET", "/v1/x?consistency=local", "", {}}).ok());
  const auto handled = server.handled();
  EXPECT_EQ(handled[0].target, "/v1/config/sniffer?ack=leader");
  EXPECT_EQ(handled[1].target, "/v1/rules?ack=quorum") << "what was typed counts";
  EXPECT_EQ(handled[2].target, "/v1/x?consistency=local");
}

TEST_F(ClusterTest, InstancesMayComeAndGoWhileManyThreadsCall) {
  add_cluster(4);
  const auto client = open_first(milliseconds(10'000));
  std::atomic<bool> ending = false;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      while (!ending) failed += client->heartbeat(beat()).ok() ? 0 : 1;
    });
  }
  const auto names = endpoints();
  for (int round = 0; round < 30; ++round) {
    const auto at = static_cast<std::size_t>(round) % 3;
    for (const auto& server : servers_) {
      server->introduce({names[at], names[at + 1]}, names[at]);
    }
    servers_[at]->forget_sessions();
    servers_[at]->inject({Fault::drop_before, Fault::unavailable});
    std::this_thread::sleep_for(milliseconds(10));
  }
  ending = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace mlguard::test
