// Who is refused, how, and that the server is healthy after: the bad-input list of the server.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/wait_until.h"
#include "tests/unit/server/server_fixture.h"

namespace mlguard::server::test {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

using SecurityTest = ServerTest;

TEST_F(SecurityTest, AnUnsealedWriteIsRefusedAndToldWhatToUse) {
  start();
  const RawAnswer refused = plain("POST", "/heartbeat", R"({"component":"sniffer"})");
  EXPECT_EQ(refused.status, 401);
  const base::Error error = wire::decode_error(refused.status, refused.body);
  EXPECT_EQ(error.reason, "not_sealed");
  EXPECT_NE(error.message.find("ml-guard api POST /heartbeat"), std::string::npos);
  EXPECT_EQ(plain("GET", "/v1/config/sniffer").status, 401);
}

TEST_F(SecurityTest, AnUnknownPathAndAWrongMethodAreToldApart) {
  start();
  EXPECT_EQ(plain("GET", "/nonsense").status, 404);
  const RawAnswer wrong = plain("DELETE", "/health");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "GET");
  SealedClient op = connect_operator();
  const Answer sealed = op.call("GET", "/v1/nonsense");
  EXPECT_EQ(sealed.status, 404);
  EXPECT_TRUE(sealed.sealed);
  EXPECT_EQ(op.call("PUT", "/v1/rules/x", "{}").status, 405);
}

TEST_F(SecurityTest, AReplayedRequestIsRefused) {
  start();
  SealedClient op = connect_operator();
  const auto request = op.seal("PUT", "/v1/config/sniffer", "{}");
  op.send("PUT", "/v1/config/sniffer", request.sealed);
  EXPECT_EQ(op.receive(request.counter).status, 200);
  op.send("PUT", "/v1/config/sniffer", request.sealed);
  const Answer replayed = op.receive(request.counter);
  EXPECT_EQ(replayed.status, 401);
  EXPECT_FALSE(replayed.sealed);
  EXPECT_EQ(reason(replayed), "replayed");
  EXPECT_EQ(
      Json::parse(op.call("GET", "/v1/config/sniffer/versions").message.body)["versions"].size(),
      1U);
}

TEST_F(SecurityTest, AFrameMovedToAnotherPathMethodOrSessionIsRefused) {
  start();
  SealedClient op = connect_operator();
  SealedClient other = connect_operator();
  auto request = op.seal("PUT", "/v1/config/sniffer", "{}");
  op.send("PUT", "/v1/config/firewall", request.sealed);
  EXPECT_EQ(reason(op.receive(request.counter)), "bad_seal");
  request = op.seal("PUT", "/v1/config/sniffer", "{}");
  op.send("PUT", "/v1/config/sniffer?expected_version=0", request.sealed);
  EXPECT_EQ(reason(op.receive(request.counter)), "bad_seal");
  request = op.seal("PUT", "/v1/config/sniffer", "{}");
  request.sealed.session = other.session();
  op.send("PUT", "/v1/config/sniffer", request.sealed);
  EXPECT_EQ(reason(op.receive(request.counter)), "bad_seal");
  EXPECT_EQ(op.call("GET", "/v1/config/sniffer").status, 404);
}

TEST_F(SecurityTest, AStolenSessionIdIsOfNoUse) {
  start();
  SealedClient op = connect_operator();
  RawClient thief(server_->port());
  EXPECT_EQ(thief.request("GET", "/v1/tokens", {{"X-Session", op.session()}})->status, 401);
  EXPECT_EQ(thief
                .request("GET", "/v1/tokens",
                         {{"X-Session", op.session()}, {"X-Seal", std::string(32, 'A')}})
                ->status,
            401);
  EXPECT_EQ(thief.request("PUT", "/v1/config/sniffer", {{"X-Session", op.session()}}, "{}")->status,
            401);
  EXPECT_EQ(op.call("GET", "/v1/tokens").status, 200);
}

TEST_F(SecurityTest, TruncatedAndFlippedFramesAreRefused) {
  start();
  SealedClient op = connect_operator();
  for (int bit = 0; bit < 64; ++bit) {
    auto request = op.seal("PUT", "/v1/config/sniffer", R"({"some":"document"})");
    std::string& body = request.sealed.body;
    body[static_cast<std::size_t>(bit) * 7 % body.size()] ^= static_cast<char>(1 << (bit % 8));
    op.send("PUT", "/v1/config/sniffer", request.sealed);
    EXPECT_EQ(op.receive(request.counter).status, 401);
  }
  auto request = op.seal("PUT", "/v1/config/sniffer", R"({"some":"document"})");
  request.sealed.body.resize(request.sealed.body.size() / 2);
  op.send("PUT", "/v1/config/sniffer", request.sealed);
  EXPECT_EQ(op.receive(request.counter).status, 401);
  EXPECT_EQ(op.call("GET", "/v1/config/sniffer").status, 404);
  EXPECT_NE(plain("GET", "/metrics").body.find("mlguard_seal_failures_total 65"),
            std::string::npos);
}

TEST_F(SecurityTest, AnUnknownKeyWithoutATokenIsNotEnrolled) {
  start();
  const wire::ClientIdentity stranger{
      server_->cluster().server_keys().public_key, wire::KeyPair::generate(), {}};
  const auto refused = SealedClient::connect(server_->port(), stranger);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "not_enrolled");
  const auto no_token = SealedClient::connect(server_->port(), stranger, "0123456789abcdef");
  ASSERT_FALSE(no_token.ok());
  EXPECT_EQ(no_token.error().reason, "no_token");
}

TEST_F(SecurityTest, ATokenIsGoodForOneClientAndOnlyWithItsSecret) {
  start();
  SealedClient op = connect_operator();
  const wire::JoinToken token = make_token(op, base::Role::sniffer);
  wire::ClientIdentity thief{token.cluster_public_key, wire::KeyPair::generate(),
                             wire::KeyPair::generate().secret};
  EXPECT_FALSE(SealedClient::connect(server_->port(), thief, token.token_id).ok());

  const wire::ClientIdentity first{token.cluster_public_key, wire::KeyPair::generate(), token.psk};
  auto client = SealedClient::connect(server_->port(), first, token.token_id);
  ASSERT_TRUE(client.ok()) << client.error().message;
  EXPECT_EQ(client->call("POST", "/v1/enrol").status, 200);
  // The answer got lost: the same key may enrol again.
  auto again = SealedClient::connect(server_->port(), first, token.token_id);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->call("POST", "/v1/enrol").status, 200);

  const wire::ClientIdentity second{token.cluster_public_key, wire::KeyPair::generate(), token.psk};
  const auto used = SealedClient::connect(server_->port(), second, token.token_id);
  ASSERT_FALSE(used.ok());
  EXPECT_EQ(used.error().reason, "token_used");
}

TEST_F(SecurityTest, AReplayedHandshakeUsesNoTokenUp) {
  start();
  SealedClient op = connect_operator();
  const wire::JoinToken token = make_token(op, base::Role::sniffer);
  const wire::ClientIdentity identity{token.cluster_public_key, wire::KeyPair::generate(),
                                      token.psk};
  wire::HandshakeHello hello;
  hello.token_id = token.token_id;
  auto handshake = wire::ClientHandshake::start(identity, wire::encode(hello)).value();
  for (int i = 0; i < 3; ++i) {
    RawClient raw(server_->port());
    EXPECT_EQ(raw.request("POST", "/v1/session", {}, handshake.message1())->status, 200);
  }
  auto client = SealedClient::connect(server_->port(), identity, token.token_id);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->call("POST", "/v1/enrol").status, 200);
}

TEST_F(SecurityTest, ARevokedTokenLetsNobodyInEvenBetweenHandshakeAndFirstMessage) {
  start();
  SealedClient op = connect_operator();
  const wire::JoinToken token = make_token(op, base::Role::sniffer);
  const wire::ClientIdentity identity{token.cluster_public_key, wire::KeyPair::generate(),
                                      token.psk};
  auto client = SealedClient::connect(server_->port(), identity, token.token_id);
  ASSERT_TRUE(client.ok());
  ASSERT_EQ(op.call("DELETE", "/v1/tokens/" + token.token_id).status, 200);
  EXPECT_EQ(reason(client->call("POST", "/v1/enrol")), "token_revoked");
  const auto late = SealedClient::connect(server_->port(), identity, token.token_id);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().reason, "token_revoked");
}

TEST_F(SecurityTest, ARevokedIdentityLosesItsSessionsAndLongPollsAtOnce) {
  start();
  SealedClient op = connect_operator();
  Enrolled sniffer = enrol(op, base::Role::sniffer);
  SealedClient second = std::move(*SealedClient::connect(server_->port(), sniffer.identity));
  const std::string target = "/v1/watch?resource=config/sniffer&wait=60s";
  const auto waiting = second.seal("GET", target);
  second.send("GET", target, waiting.sealed);
  await_long_polls(1);

  const std::string key = sniffer.identity.own.public_key.hex();
  ASSERT_EQ(op.call("DELETE", "/v1/identities/" + key).status, 200);
  const Answer ended = second.receive(waiting.counter, seconds(30));
  EXPECT_EQ(ended.status, 401);
  EXPECT_EQ(reason(ended), "revoked");
  const Answer refused = sniffer.client.call("GET", "/v1/config/sniffer");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(reason(refused), "no_session");
  const auto again = SealedClient::connect(server_->port(), sniffer.identity);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().reason, "revoked");
}

TEST_F(SecurityTest, RemovingAComponentEndsItsSessions) {
  start();
  SealedClient op = connect_operator();
  Enrolled sniffer = enrol(op, base::Role::sniffer);
  ASSERT_EQ(sniffer.client.call("POST", "/register", registration("sniffer")).status, 200);
  ASSERT_EQ(op.call("DELETE", "/v1/components/sniffer").status, 200);
  EXPECT_EQ(sniffer.client.call("POST", "/heartbeat", beat("sniffer", 1)).status, 401);
  EXPECT_EQ(Json::parse(plain("GET", "/components").body)["components"].size(), 0U);
}

TEST_F(SecurityTest, AnAgentReachesItsOwnComponentOnly) {
  start();
  SealedClient op = connect_operator();
  op.call("PUT", "/v1/config/firewall", "{}");
  op.call("PUT", "/v1/config/global", "{}");
  Enrolled sniffer = enrol(op, base::Role::sniffer);
  SealedClient& client = sniffer.client;
  EXPECT_EQ(client.call("PUT", "/v1/config/sniffer", "{}").status, 200);
  EXPECT_EQ(client.call("GET", "/v1/config/global").status, 200);
  for (const auto& [method, target, body] :
       std::vector<std::array<std::string, 3>>{{"GET", "/v1/config/firewall", ""},
                                               {"PUT", "/v1/config/firewall", "{}"},
                                               {"PUT", "/v1/config/global", "{}"},
                                               {"DELETE", "/v1/config/sniffer", ""},
                                               {"POST", "/register", registration("firewall")},
                                               {"POST", "/heartbeat", beat("firewall", 1)},
                                               {"GET", "/v1/rules", ""},
                                               {"GET", "/v1/rules/stream", ""},
                                               {"POST", "/v1/rules", R"({"cidr":"192.0.2.1"})"},
                                               {"GET", "/v1/detections", ""},
                                               {"GET", "/v1/watch?resource=config/firewall", ""},
                                               {"GET", "/v1/watch?resource=rules", ""},
                                               {"GET", "/v1/watch", ""},
                                               {"GET", "/v1/changes", ""},
                                               {"GET", "/v1/audit", ""},
                                               {"GET", "/v1/tokens", ""},
                                               {"POST", "/v1/tokens", R"({"role":"operator"})"},
                                               {"GET", "/v1/identities", ""},
                                               {"GET", "/v1/verify", ""},
                                               {"POST", "/v1/backups", ""},
                                               {"DELETE", "/v1/components/sniffer", ""}}) {
    const Answer answer = client.call(method, target, body);
    EXPECT_EQ(answer.status, 403) << method << " " << target << " " << answer.message.body;
    EXPECT_TRUE(answer.sealed);
  }
  // Nobody who is refused waits for the record.
  EXPECT_TRUE(support::wait_until([&] {
    return op.call("GET", "/v1/audit").message.body.find("\"refused\"") != std::string::npos;
  }));
}

TEST_F(SecurityTest, ANameBelongsToTheKeyThatRegisteredIt) {
  start();
  SealedClient op = connect_operator();
  Enrolled first = enrol(op, base::Role::sniffer);
  Enrolled second = enrol(op, base::Role::sniffer);
  ASSERT_EQ(first.client.call("POST", "/register", registration("sniffer")).status, 200);
  EXPECT_EQ(reason(second.client.call("POST", "/register", registration("sniffer", "i2"))),
            "name_taken");
  EXPECT_EQ(second.client.call("POST", "/heartbeat", beat("sniffer", 1)).status, 403);
  EXPECT_EQ(second.client.call("GET", "/v1/config/sniffer").status, 403);
  EXPECT_EQ(
      second.client.call("POST", "/unregister", wire::encode_unregister("sniffer", "i1")).status,
      403);
  EXPECT_EQ(second.client.call("POST", "/register", registration("sniffer-dmz", "i2")).status, 200);
}

TEST_F(SecurityTest, ADetectorChangesItsOwnDropRulesOnly) {
  start();
  SealedClient op = connect_operator();
  Enrolled detector = enrol(op, base::Role::ml_detector);
  SealedClient& client = detector.client;
  op.call("POST", "/v1/rules", R"({"id":"op","cidr":"192.0.2.1"})");
  op.call("POST", "/v1/rules", R"({"id":"safe","cidr":"192.0.2.2","action":"allow"})");
  EXPECT_EQ(client.call("POST", "/v1/rules", R"({"id":"own","cidr":"192.0.2.3"})").status, 200);
  EXPECT_EQ(client.call("POST", "/v1/rules", R"({"id":"op","cidr":"192.0.2.3"})").status, 403);
  EXPECT_EQ(client.call("POST", "/v1/rules", R"({"cidr":"192.0.2.9","action":"allow"})").status,
            403);
  EXPECT_EQ(client.call("DELETE", "/v1/rules/op").status, 403);
  EXPECT_EQ(client.call("DELETE", "/v1/rules/safe").status, 403);
  EXPECT_EQ(client.call("DELETE", "/v1/rules/own").status, 200);
}

TEST_F(SecurityTest, ASessionHasABoundOnItsLongPolls) {
  start();
  SealedClient op = connect_operator();
  const std::string target = "/v1/watch?resource=rules&wait=60s";
  std::vector<RawClient> polls;
  const auto poll = [&] {
    const auto request = op.seal("GET", target);
    polls.emplace_back(server_->port());
    polls.back().send("GET " + target + " HTTP/1.1\r\nHost: x\r\nX-Session: " + op.session() +
                      "\r\nX-Seal: " + request.sealed.seal + "\r\n\r\n");
  };
  // One after the other: those that are on their way are counted apart from those that wait.
  for (int i = 1; i <= kSessionWaitingMax; ++i) {
    poll();
    await_long_polls(i);
  }
  for (int i = 0; i < 8; ++i) {
    poll();
    const auto answer = polls.back().receive(seconds(30));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 429);
  }
}

TEST_F(SecurityTest, PlainGetsAreForLoopbackAndSealedOnesForEverybody) {
  start();
  for (const char* path : {"/health", "/components", "/status", "/metrics", "/info"}) {
    EXPECT_EQ(plain("GET", path).status, 200) << path;
  }
  SealedClient op = connect_operator();
  EXPECT_EQ(op.call("GET", "/status").status, 200);
}

TEST_F(SecurityTest, GarbageHandshakesAreRefusedAndCounted) {
  start();
  for (const std::string& body :
       {std::string(), std::string("x"), std::string(96, 'A'), std::string(5'000, 'B')}) {
    EXPECT_GE(plain("POST", "/v1/session", body).status, 400);
  }
  EXPECT_EQ(plain("GET", "/health").status, 200);
}

}  // namespace
}  // namespace mlguard::server::test
