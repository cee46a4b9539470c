// The calls of the Client one by one, and enrolment.
#include <fstream>

#include "client_fixture.h"

namespace mlguard::test {
namespace {

using base::ErrorCode;

class ClientTest : public ClientFixture {
 protected:
  std::string token_text(const std::string& id, const wire::Key& psk) const {
    return wire::JoinToken{cluster_.server_keys().public_key, id, psk}.to_text();
  }
  std::string new_credential() const { return (folder_ / "deep" / "new.credential").string(); }
};

TEST_F(ClientTest, OpenWithoutACredentialSaysThatThereIsNone) {
  etcd_client::ClientOptions options;
  options.credential_path = (folder_ / "absent").string();
  const auto client = etcd_client::Client::open(options);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, ErrorCode::not_found);
}

TEST_F(ClientTest, OpenRefusesABadEndpoint) {
  auto bad = options();
  bad.endpoints = {"localhost:no"};
  EXPECT_EQ(etcd_client::Client::open(bad).error().reason, "invalid_endpoint");
}

TEST_F(ClientTest, TheCredentialTellsNameAndRole) {
  add_plain_server();
  const auto client = open();
  EXPECT_EQ(client->credential_name(), "sniffer");
  EXPECT_EQ(client->role(), base::Role::sniffer);
}

TEST_F(ClientTest, GetConfigReturnsTheDocumentByteForByteWithItsFields) {
  const std::string document = "{\n  \"odd\" : \"\\u00e9 \x01\" }\n" + std::string(5'000, ' ');
  FakeServer& server = add_server([&](const FakeRequest&) {
    FakeAnswer answer;
    answer.message.body = document;
    answer.message.fields = {{"version", "7"}, {"sha256", "abc"}, {"revision", "99"}};
    return answer;
  });
  const auto client = open();
  const auto active = client->get_config("ml-detector");
  ASSERT_TRUE(active.ok()) << active.error().message;
  EXPECT_EQ(active->document, document);
  EXPECT_EQ(active->version, 7U);
  EXPECT_EQ(active->sha256, "abc");
  EXPECT_TRUE(active->active);
  ASSERT_TRUE(client->get_config("ml-detector", 3).ok());
  EXPECT_EQ(server.handled()[0].target, "/v1/config/ml-detector");
  EXPECT_EQ(server.handled()[1].target, "/v1/config/ml-detector/versions/3");
}

TEST_F(ClientTest, PutConfigSendsTheExpectedVersion) {
  FakeServer& server = add_plain_server();
  etcd_client::PutOptions only_if_absent;
  only_if_absent.expected_version = 0;
  ASSERT_TRUE(open()->put_config("sniffer", "{}", only_if_absent).ok());
  EXPECT_EQ(field_of(server.handled()[0].message, wire::kFieldIfMatch), "0");
}

TEST_F(ClientTest, PutConfigTellsItsProgressUpToTheEnd) {
  FakeServer& server = add_plain_server();
  std::string document = "\"";
  for (int i = 0; document.size() < 1'000'000; ++i) document += std::to_string(i * 7919);
  document += "\"";
  std::vector<std::size_t> sent;
  std::size_t whole = 0;
  etcd_client::PutOptions options;
  options.progress = [&](std::size_t so_far, std::size_t total) {
    sent.push_back(so_far);
    whole = total;
  };
  ASSERT_TRUE(open()->put_config("sniffer", document, options).ok());
  ASSERT_GT(sent.size(), 5U);
  EXPECT_TRUE(std::is_sorted(sent.begin(), sent.end()));
  EXPECT_EQ(sent.back(), whole);
  EXPECT_EQ(server.handled()[0].message.body, document);
}

TEST_F(ClientTest, InputThatNoServerWouldTakeIsRefusedBeforeItIsSent) {
  FakeServer& server = add_plain_server();
  const auto client = open();
  EXPECT_EQ(client->put_config("No Name", "{}").error().reason, "invalid_name");
  EXPECT_EQ(client->get_config("../x").error().reason, "invalid_name");
  EXPECT_EQ(client->put_config("sniffer", "").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(client->put_config("sniffer", std::string(base::kConfigBytesMax + 1, ' ')).error().code,
            ErrorCode::too_large);
  EXPECT_EQ(client->remove_rule("a/b").error().reason, "invalid_id");
  EXPECT_EQ(client->call({"get", "/x", "", {}}).error().reason, "invalid_method");
  EXPECT_EQ(client->call({"GET", "x", "", {}}).error().reason, "invalid_path");
  EXPECT_EQ(client->call({"GET", "/a b", "", {}}).error().reason, "invalid_path");
  EXPECT_EQ(client->call({"GET", "/", "", {{"Bad", "x"}}}).error().reason, "invalid_field");
  EXPECT_EQ(client->call({"GET", "/", "", {{"good", "x\ny"}}}).error().reason, "invalid_field");
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(ClientTest, ARawCallGivesBackWhateverTheServerSays) {
  FakeServer& server = add_server([](const FakeRequest&) {
    FakeAnswer answer;
    answer.status = 418;
    answer.message.body = "teapot";
    answer.message.fields = {{"revision", "5"}};
    return answer;
  });
  const auto response = open()->call({"POST", "/v1/rules?x=1", "body", {{"comment", "why"}}});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 418);
  EXPECT_EQ(response->body, "teapot");
  ASSERT_EQ(response->fields.size(), 1U);
  EXPECT_EQ(response->fields[0].first, "revision");
  const auto handled = server.handled();
  EXPECT_EQ(handled[0].target, "/v1/rules?x=1");
  EXPECT_EQ(field_of(handled[0].message, "comment"), "why");
  EXPECT_EQ(field_of(handled[0].message, wire::kFieldRequestId).size(), 32U);
}

TEST_F(ClientTest, EveryCallGoesToItsRoute) {
  FakeServer& server = add_plain_server();
  const auto client = open();
  base::Component component;
  component.name = "sniffer";
  component.instance_id = "i";
  base::Rule rule;
  rule.cidr = "10.0.0.1/32";
  base::Detection detection;
  detection.id = "d";
  detection.kind = "portscan";
  base::Applied applied;
  applied.component = "sniffer";
  applied.resource = "config";
  (void)client->register_component(component);
  (void)client->unregister_component("sniffer", "i");
  (void)client->heartbeat(beat());
  (void)client->config_history("sniffer");
  (void)client->rollback_config("sniffer", 2, "back");
  (void)client->delete_config("sniffer");
  (void)client->put_rules({rule});
  (void)client->remove_rule("r1");
  (void)client->rules_since(4, milliseconds(20));
  (void)client->put_detections({detection});
  (void)client->report_applied(applied);
  std::vector<std::string> routes;
  for (const FakeRequest& request : server.handled()) {
    routes.push_back(request.method + " " + request.target);
  }
  EXPECT_EQ(routes, std::vector<std::string>(
                        {"POST /register", "POST /unregister", "POST /heartbeat",
                         "GET /v1/config/sniffer/versions", "POST /v1/config/sniffer/rollback",
                         "DELETE /v1/config/sniffer", "POST /v1/rules", "DELETE /v1/rules/r1",
                         "GET /v1/rules/stream?after=4&wait=20ms", "POST /v1/detections",
                         "POST /v1/applied"}));
}

TEST_F(ClientTest, EnrolSpendsTheTokenAndWritesACredentialThatWorks) {
  FakeServer& server = add_plain_server();
  const auto psk = wire::KeyPair::generate().secret;
  server.expect_token("0123456789abcdef", psk);
  const auto enrolled = etcd_client::enrol(options(), token_text("0123456789abcdef", psk),
                                           "sniffer-dmz", new_credential());
  ASSERT_TRUE(enrolled.ok()) << enrolled.error().message;
  EXPECT_EQ(server.handled()[0].target, "/v1/enrol");
  const auto credential = wire::load_credential(new_credential());
  ASSERT_TRUE(credential.ok()) << credential.error().message;
  EXPECT_EQ(credential->name, "sniffer-dmz");
  EXPECT_EQ(credential->role, base::Role::sniffer);
  EXPECT_FALSE(std::filesystem::exists(new_credential() + ".new"));
}

TEST_F(ClientTest, EnrolWhoseAnswerIsLostFindsThatItIsEnrolled) {
  FakeServer& server = add_plain_server();
  server.trust_only_enrolled();
  const auto psk = wire::KeyPair::generate().secret;
  server.expect_token("0123456789abcdef", psk);
  server.inject({Fault::drop_after, Fault::no_session});
  const auto enrolled = etcd_client::enrol(options(), token_text("0123456789abcdef", psk),
                                           "sniffer", new_credential());
  ASSERT_TRUE(enrolled.ok()) << enrolled.error().message;
  EXPECT_TRUE(wire::load_credential(new_credential()).ok());
}

TEST_F(ClientTest, EnrolWithAUsedTokenLeavesNoFileBehind) {
  FakeServer& server = add_plain_server();
  server.trust_only_enrolled();
  const auto enrolled = etcd_client::enrol(
      options(), token_text("0123456789abcdef", wire::KeyPair::generate().secret), "sniffer",
      new_credential());
  ASSERT_FALSE(enrolled.ok());
  EXPECT_EQ(enrolled.error().reason, "token_used");
  EXPECT_FALSE(std::filesystem::exists(new_credential()));
  EXPECT_FALSE(std::filesystem::exists(new_credential() + ".new"));
  EXPECT_LE(server.handshakes(), 3);
}

TEST_F(ClientTest, EnrolRefusesTextThatIsNoToken) {
  EXPECT_EQ(etcd_client::enrol(options(), "mlg1.abc", "sniffer", new_credential()).error().reason,
            "invalid_token");
}

TEST_F(ClientTest, EnrolIntoAFolderWithoutRoomSpendsNoToken) {
  FakeServer& server = add_plain_server();
  std::ofstream(folder_ / "file") << "not a folder";
  const auto enrolled = etcd_client::enrol(
      options(), token_text("0123456789abcdef", wire::KeyPair::generate().secret), "sniffer",
      (folder_ / "file" / "x.credential").string());
  EXPECT_FALSE(enrolled.ok());
  EXPECT_EQ(server.connections(), 0);
}

}  // namespace
}  // namespace mlguard::test
