// Attacks on the sealed channel by somebody on the wire, or with a key of their own: flipped and
// truncated frames, replays, frames moved elsewhere, stolen sessions, spent and revoked
// credentials, and roles that reach for what is not theirs.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/ids.h"
#include "live.h"
#include "support/sealed_client.h"

namespace mlguard::e2e {
namespace {

using base::Role;
using support::HttpReply;
using support::reason_in;
using support::sealed_http;
using support::SealedClient;

const wire::Message kPut = {{{"comment", "sealed by hand"}}, "{\"a\":\"HmarkerSealedG9\"}"};
constexpr const char* kTarget = "/v1/config/sniffer";

class BadSealsTest : public LiveServerTest {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(start({"--log-level", "debug"})); }

  void TearDown() override {
    EXPECT_TRUE(server_is_well());
    const std::string log = server_.log();
    EXPECT_EQ(log.find("HmarkerSealedG9"), std::string::npos);
    const std::string key = support::read_text(server_.operator_key());
    EXPECT_EQ(log.find(json_at(key, "/private_key")), std::string::npos);
    LiveServerTest::TearDown();
  }

  SealedClient sealed(const std::string& credential_file) {
    const auto credential = wire::load_credential(credential_file);
    EXPECT_TRUE(credential.ok()) << credential.error().message;
    auto client = SealedClient::open(server_.port(), support::identity_of(*credential));
    EXPECT_TRUE(client.ok()) << client.error().message;
    return std::move(*client);
  }
  SealedClient sealed_operator() { return sealed(server_.operator_key()); }

  wire::Sealed seal_put(SealedClient& client, const std::string& target = kTarget) {
    auto request = client.channel().seal("PUT", target, kPut);
    EXPECT_TRUE(request.ok());
    return request->sealed;
  }
  std::string version_of(const std::string& component) {
    const auto admin = operator_client();
    const auto active = admin->get_config(component);
    return active.ok() ? std::to_string(active->version) : active.error().reason;
  }
  static void expect_refusal(const HttpReply& reply, const std::string& reason) {
    EXPECT_EQ(reply.status, 401) << reply.body;
    EXPECT_EQ(reason_in(reply.body), reason) << reply.body;
    EXPECT_EQ(reply.header("x-sealed"), "");
  }
};

TEST_F(BadSealsTest, AFrameWithAnyBitFlippedOrAnyTailCutIsRefused) {
  SealedClient client = sealed_operator();
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    wire::Sealed frame = seal_put(client);
    const std::size_t at = random() % frame.body.size();
    frame.body[at] = static_cast<char>(frame.body[at] ^ (1 << (random() % 8)));
    expect_refusal(client.send(sealed_http("PUT", kTarget, frame)), "bad_seal");
  }
  for (std::size_t keep : {1u, 7u, 8u, 9u, 23u, 24u, 40u}) {
    wire::Sealed frame = seal_put(client);
    frame.body.resize(keep);
    expect_refusal(client.send(sealed_http("PUT", kTarget, frame)), "bad_seal");
  }
  wire::Sealed frame = seal_put(client);
  frame.original_size = 3'000'000'000;
  const HttpReply lie = client.send(sealed_http("PUT", kTarget, frame));
  EXPECT_TRUE(lie.status == 401 || lie.status == 413 || lie.status == 400) << lie.status;
  EXPECT_EQ(version_of("sniffer"), "no_config");
  // The session itself is unharmed.
  EXPECT_EQ(client.call("PUT", kTarget, kPut)->status, 200);
}

TEST_F(BadSealsTest, AReplayedRequestIsRefusedAndActsOnce) {
  SealedClient client = sealed_operator();
  const wire::Sealed frame = seal_put(client);
  EXPECT_EQ(client.send(sealed_http("PUT", kTarget, frame)).status, 200);
  for (int i = 0; i < 3; ++i) {
    expect_refusal(client.send(sealed_http("PUT", kTarget, frame)), "replayed");
  }
  // On another connection, too.
  expect_refusal(support::http_call(server_.port(), "PUT", kTarget, {{"X-Session", frame.session}},
                                    frame.body),
                 "replayed");
  EXPECT_EQ(version_of("sniffer"), "1");
}

TEST_F(BadSealsTest, AFrameMovedToAnotherPathOrMethodIsRefused) {
  SealedClient client = sealed_operator();
  expect_refusal(client.send(sealed_http("PUT", "/v1/config/firewall", seal_put(client))),
                 "bad_seal");
  expect_refusal(client.send(sealed_http("PUT", "/v1/config/sniffer?x=1", seal_put(client))),
                 "bad_seal");
  expect_refusal(client.send(sealed_http("DELETE", kTarget, seal_put(client))), "bad_seal");
  EXPECT_EQ(version_of("firewall"), "no_config");
  EXPECT_EQ(version_of("sniffer"), "no_config");
}

TEST_F(BadSealsTest, AStolenSessionIdIsWorthNothingWithoutItsKeys) {
  SealedClient victim = sealed_operator();
  SealedClient thief = sealed(enrol(Role::sniffer, "sniffer"));
  wire::Sealed frame = seal_put(thief);
  frame.session = victim.channel().session_id();
  expect_refusal(thief.send(sealed_http("PUT", kTarget, frame)), "bad_seal");
  expect_refusal(support::http_call(server_.port(), "PUT", kTarget,
                                    {{"X-Session", victim.channel().session_id()}}, "{\"a\":1}"),
                 "bad_seal");
  EXPECT_EQ(victim.call("PUT", kTarget, kPut)->status, 200);
  frame = seal_put(thief);
  frame.session = base::random_hex(16);
  expect_refusal(thief.send(sealed_http("PUT", kTarget, frame)), "no_session");
}

TEST_F(BadSealsTest, AReplayedHandshakeSpendsNoToken) {
  const auto token = wire::JoinToken::parse(make_token(Role::sniffer));
  ASSERT_TRUE(token.ok());
  const wire::KeyPair own = wire::KeyPair::generate();
  const auto begun = wire::ClientHandshake::start(support::identity_of(*token, own),
                                                  "{\"token_id\":\"" + token->token_id + "\"}");
  ASSERT_TRUE(begun.ok());
  for (int i = 0; i < 5; ++i) {
    support::http_call(server_.port(), "POST", "/v1/session", {}, begun->message1());
  }
  const support::CommandResult list = support::ml_guard(server_, {"token", "list", "-o", "json"});
  EXPECT_NE(list.out.find(token->token_id), std::string::npos) << list.err;
  auto client =
      SealedClient::open(server_.port(), support::identity_of(*token, own), token->token_id);
  ASSERT_TRUE(client.ok()) << client.error().message;
  EXPECT_EQ(client->call("POST", "/v1/enrol")->status, 200);
}

TEST_F(BadSealsTest, UsedRevokedExpiredAndInventedTokensAreRefusedEachWithItsReason) {
  const auto attempt = [&](const std::string& text) {
    const auto token = wire::JoinToken::parse(text);
    auto client = SealedClient::open(
        server_.port(), support::identity_of(*token, wire::KeyPair::generate()), token->token_id);
    if (!client) return client.error().reason;
    const auto answer = client->call("POST", "/v1/enrol");
    return answer.ok() ? answer->status == 200 ? "enrolled" : answer->reason()
                       : answer.error().reason;
  };
  const std::string used = make_token(Role::sniffer);
  EXPECT_EQ(attempt(used), "enrolled");
  EXPECT_EQ(attempt(used), "token_used");

  const std::string revoked = make_token(Role::sniffer);
  const auto id = wire::JoinToken::parse(revoked)->token_id;
  ASSERT_TRUE(support::ml_guard(server_, {"token", "revoke", id}).exit.ok());
  EXPECT_EQ(attempt(revoked), "token_revoked");

  const std::string expiring = make_token(Role::sniffer, {}, 1'000, 1);
  EXPECT_TRUE(support::wait_until([&] { return attempt(expiring) == "token_expired"; },
                                  support::kPatienceMs, 50));

  auto invented = *wire::JoinToken::parse(make_token(Role::sniffer));
  invented.token_id = "0123456789abcdef";
  EXPECT_EQ(attempt(invented.to_text()), "no_token");
  // The right id with the wrong secret: the handshake itself fails.
  auto guessed = *wire::JoinToken::parse(make_token(Role::sniffer));
  guessed.psk = wire::KeyPair::generate().secret;
  EXPECT_NE(attempt(guessed.to_text()), "enrolled");
  EXPECT_EQ(attempt(make_token(Role::sniffer)), "enrolled");
}

TEST_F(BadSealsTest, ARemovedComponentsSessionEndsAtOnceAndItsKeyIsRefused) {
  const std::string credential = enrol(Role::sniffer, "sniffer");
  SealedClient sniffer = sealed(credential);
  const wire::Message registration = {
      {}, "{\"component\":\"sniffer\",\"instance_id\":\"one\",\"version\":\"0\",\"address\":\"\"}"};
  ASSERT_EQ(sniffer.call("POST", "/register", registration)->status, 200);
  const support::CommandResult removed =
      support::ml_guard(server_, {"component", "rm", "sniffer", "--yes"});
  ASSERT_TRUE(removed.exit.ok()) << removed.err;
  const auto after = sniffer.call("POST", "/register", registration);
  EXPECT_TRUE(!after.ok() || after->status == 401 || after->status == 403);
  const auto again =
      SealedClient::open(server_.port(), support::identity_of(*wire::load_credential(credential)));
  EXPECT_FALSE(again.ok());
}

TEST_F(BadSealsTest, AKeyWithoutATokenIsNotLetIn) {
  const auto key = wire::load_credential(server_.operator_key());
  ASSERT_TRUE(key.ok());
  wire::ClientIdentity stranger = support::identity_of(*key);
  stranger.own = wire::KeyPair::generate();
  const auto refused = SealedClient::open(server_.port(), stranger);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "not_enrolled");
  // Another cluster's key pinned: nothing to say to each other.
  wire::ClientIdentity lost = support::identity_of(*key);
  lost.cluster_public_key = wire::KeyPair::generate().public_key;
  EXPECT_FALSE(SealedClient::open(server_.port(), lost).ok());
}

TEST_F(BadSealsTest, EachRoleIsRefusedWhatIsNotItsOwn) {
  SealedClient sniffer = sealed(enrol(Role::sniffer, "sniffer"));
  SealedClient firewall = sealed(enrol(Role::firewall, "firewall"));
  const wire::Message rule = {{}, "{\"rules\":[{\"cidr\":\"203.0.113.1/32\"}]}"};
  const auto registration = [](const std::string& name) {
    return wire::Message{{}, "{\"component\":\"" + name + "\",\"instance_id\":\"x\"}"};
  };
  struct Case {
    SealedClient& who;
    std::string method;
    std::string target;
    wire::Message message;
  };
  const std::vector<Case> cases = {
      {sniffer, "POST", "/v1/rules", rule},
      {sniffer, "GET", "/v1/config/firewall", {}},
      {sniffer, "PUT", "/v1/config/firewall", kPut},
      {sniffer, "PUT", "/v1/config/global", kPut},
      {sniffer, "POST", "/v1/tokens", {{}, "{\"role\":\"operator\"}"}},
      {sniffer, "GET", "/v1/audit", {}},
      {sniffer, "GET", "/v1/rules/stream?after=0", {}},
      {sniffer, "POST", "/register", registration("firewall")},
      {sniffer, "POST", "/heartbeat", registration("firewall")},
      {sniffer, "GET", "/v1/verify", {}},
      {firewall, "POST", "/v1/rules", rule},
      {firewall, "DELETE", "/v1/rules/some-rule", {}},
      {firewall, "GET", "/v1/config/sniffer", {}},
      {firewall, "POST", "/v1/detections", {{}, "{\"detections\":[]}"}},
      {firewall, "POST", "/register", registration("sniffer")},
      {firewall, "DELETE", "/v1/components/sniffer", {}},
  };
  for (const Case& one : cases) {
    const auto answer = one.who.call(one.method, one.target, one.message);
    ASSERT_TRUE(answer.ok()) << one.method << " " << one.target << answer.error().message;
    EXPECT_EQ(answer->status, 403) << one.method << " " << one.target << answer->message.body;
    EXPECT_TRUE(answer->sealed) << one.target;
  }
  EXPECT_EQ(json_array_size(page("/components"), "/components"), 0u);
  EXPECT_EQ(sniffer.call("POST", "/register", registration("sniffer"))->status, 200);
}

TEST_F(BadSealsTest, ANameBelongsToTheKeyThatRegisteredItFirst) {
  SealedClient first = sealed(enrol(Role::sniffer, "sniffer"));
  SealedClient second = sealed(enrol(Role::sniffer, "sniffer-b"));
  const wire::Message registration = {{}, "{\"component\":\"sniffer\",\"instance_id\":\"x\"}"};
  ASSERT_EQ(first.call("POST", "/register", registration)->status, 200);
  const auto taken = second.call("POST", "/register", registration);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken->status, 409) << taken->message.body;
  EXPECT_EQ(taken->reason(), "name_taken");
  const wire::Message beat = {{}, "{\"component\":\"sniffer\",\"instance_id\":\"x\",\"seq\":1}"};
  EXPECT_GE(second.call("POST", "/heartbeat", beat)->status, 400);
  EXPECT_EQ(first.call("POST", "/heartbeat", beat)->status, 200);
}

TEST_F(BadSealsTest, RefusalsAreInTheAuditTrail) {
  SealedClient sniffer = sealed(enrol(Role::sniffer, "sniffer"));
  ASSERT_EQ(sniffer.call("GET", "/v1/config/firewall")->status, 403);
  EXPECT_TRUE(support::wait_until([&] {
    const support::CommandResult audit = support::ml_guard(server_, {"audit", "-o", "json"});
    return audit.out.find("refused") != std::string::npos;
  }));
}

}  // namespace
}  // namespace mlguard::e2e
