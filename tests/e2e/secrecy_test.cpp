// Nothing that is sealed shows on the wire: everything goes through a proxy that keeps every byte,
// and no eight bytes of what was secret may be among them. And the key exchange is quick.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "live.h"
#include "support/recording_proxy.h"

namespace mlguard::e2e {
namespace {

using base::Role;
using support::RecordingProxy;
using support::Stopwatch;
using support::wait_until;

constexpr std::size_t kPieceBytes = 8;

// Every piece of `secret` that occurs in `captured`.
std::set<std::string> pieces_found(const std::string& secret, const std::string& captured) {
  std::set<std::string> found;
  for (std::size_t i = 0; i + kPieceBytes <= secret.size(); ++i) {
    const std::string piece = secret.substr(i, kPieceBytes);
    if (captured.find(piece) != std::string::npos) found.insert(piece);
  }
  return found;
}

class SecrecyTest : public LiveServerTest {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(start()); }
};

TEST_F(SecrecyTest, NoPieceOfAnySecretIsInAnyCapturedByte) {
  const std::string sniffer_credential = enrol(Role::sniffer, "sniffer");
  RecordingProxy proxy(server_.port());
  const std::string through = "localhost:" + std::to_string(proxy.port());
  const auto admin = open_client(server_.operator_key(), through);
  const auto sniffer = open_client(sniffer_credential, through);
  ASSERT_TRUE(admin && sniffer);

  const std::string small = "{\"psk\":\"QmarkerSmallZ9\"}";
  const std::string large = "{\"key\":\"WmarkerLargeY8\",\"pad\":\"" + std::string(5'000, 'k') +
                            "\",\"end\":\"VmarkerEndX7\"}";
  const std::string comment = "UmarkerCommentT6 said nobody";
  const std::string detail = "{\"note\":\"SmarkerDetailR5\"}";
  const std::string token_name = "sniffer-pmarkernameo4";

  base::Component component;
  component.name = "sniffer";
  component.instance_id = "NmarkerInstanceM3";
  component.version = "0.1.0";
  ASSERT_TRUE(sniffer->register_component(component).ok());
  std::atomic<bool> large_was_watched = false;
  const auto watch = sniffer->watch_config(
      "sniffer", [&](const base::ConfigVersion& v) { large_was_watched = v.document == large; });
  for (const std::string& document : {small, large}) {
    etcd_client::PutOptions options;
    options.comment = comment;
    const auto put = admin->put_config("sniffer", document, options);
    ASSERT_TRUE(put.ok()) << put.error().message;
    const auto got = sniffer->get_config("sniffer");
    ASSERT_TRUE(got.ok()) << got.error().message;
    EXPECT_EQ(got->document, document);
  }
  base::Heartbeat beat;
  beat.component = "sniffer";
  beat.instance_id = component.instance_id;
  beat.seq = 1;
  beat.detail = detail;
  const auto reply = sniffer->heartbeat(beat);
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  ASSERT_TRUE(admin->config_history("sniffer").ok());
  base::Rule rule = rule_of("LmarkerRuleK2", "203.0.113.77/32");
  rule.reason = "JmarkerReasonI1";
  ASSERT_TRUE(admin->put_rules({rule}).ok());
  const auto token = admin->call(
      {"POST", "/v1/tokens", "{\"role\":\"sniffer\",\"component\":\"" + token_name + "\"}", {}});
  ASSERT_TRUE(token.ok());
  const std::string token_text = json_at(token->body, "/token");
  ASSERT_GT(token_text.size(), 40u) << token->body;
  EXPECT_TRUE(wait_until([&] { return large_was_watched.load(); }));

  const std::string captured = proxy.client_bytes() + "\n" + proxy.server_bytes();
  ASSERT_NE(captured.find("X-Session"), std::string::npos) << "the proxy saw nothing";
  const std::string key_file = support::read_text(server_.operator_key());
  for (const std::string& secret :
       {small, large, comment, detail, token_name, component.instance_id, rule.id, rule.reason,
        rule.cidr, token_text, json_at(key_file, "/private_key")}) {
    ASSERT_GE(secret.size(), kPieceBytes);
    for (const std::string& piece : pieces_found(secret, captured)) {
      ADD_FAILURE() << "on the wire: \"" << piece << "\" of " << secret.substr(0, 40);
    }
  }
}

TEST_F(SecrecyTest, EnrolmentShowsNeitherTheTokenNorTheNewKey) {
  const std::string token = make_token(Role::sniffer);
  RecordingProxy proxy(server_.port());
  etcd_client::ClientOptions options;
  options.endpoints = {"localhost:" + std::to_string(proxy.port())};
  const base::Status enrolled =
      etcd_client::enrol(options, token, "sniffer", credential_path("sniffer"));
  ASSERT_TRUE(enrolled.ok()) << enrolled.error().message;
  const std::string captured = proxy.client_bytes() + "\n" + proxy.server_bytes();
  const std::string credential = support::read_text(credential_path("sniffer"));
  const auto parsed = wire::JoinToken::parse(token);
  ASSERT_TRUE(parsed.ok());
  for (const std::string& secret : {token, parsed->psk.hex(), std::string(parsed->psk.view()),
                                    json_at(credential, "/private_key"), parsed->token_id}) {
    ASSERT_GE(secret.size(), kPieceBytes);
    EXPECT_TRUE(pieces_found(secret, captured).empty());
  }
}

TEST_F(SecrecyTest, ConnectionIncludingKeyExchangeTakesUnderAHundredMilliseconds) {
  constexpr int kRounds = 15;
  constexpr double kLimitMs = 100.0 * kSlowdown;
  std::vector<double> times;
  for (int i = 0; i < kRounds; ++i) {
    const Stopwatch watch;
    const auto client = operator_client();
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->call({"GET", "/status", "", {}}).ok());
    times.push_back(watch.ms());
  }
  std::sort(times.begin(), times.end());
  std::printf("connection, key exchange and first answer: median %.2f ms, worst %.2f ms\n",
              times[times.size() / 2], times.back());
  EXPECT_LT(times[times.size() / 2], kLimitMs);
}

}  // namespace
}  // namespace mlguard::e2e
