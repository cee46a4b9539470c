#include "wire/messages.h"

#include <gtest/gtest.h>

#include <functional>

#include "wire/channel.h"

namespace mlguard::wire {
namespace {

constexpr std::int64_t kNowMs = 1'700'000'000'123;

template <class T>
std::string reason_of(const base::Result<T>& decoded) {
  return decoded.ok() ? "ok" : decoded.error().reason;
}
template <class T>
std::string problem_of(const base::Result<T>& decoded) {
  return decoded.ok() ? "ok" : decoded.error().message;
}

TEST(MessagesTest, HandshakePayloadsRoundTrip) {
  const auto hello = decode_hello(encode(HandshakeHello{"0123456789abcdef", "cli/0.1.0", "anna"}));
  ASSERT_TRUE(hello.ok());
  EXPECT_EQ(hello->token_id, "0123456789abcdef");
  EXPECT_EQ(hello->client, "cli/0.1.0");
  EXPECT_EQ(hello->name, "anna");
  EXPECT_EQ(encode(HandshakeHello{}), "{}");
  EXPECT_TRUE(decode_hello("{}").ok());
  const auto welcome =
      decode_welcome(encode(HandshakeWelcome{"n1", base::Role::ml_detector, "s/1", 60'000}));
  ASSERT_TRUE(welcome.ok());
  EXPECT_EQ(welcome->node_id, "n1");
  EXPECT_EQ(welcome->role, base::Role::ml_detector);
  EXPECT_EQ(welcome->session_idle_ms, 60'000);
  EXPECT_TRUE(welcome->endpoints.empty()) << "an older server names none";
  EXPECT_TRUE(welcome->leader.empty());
  EXPECT_EQ(problem_of(decode_welcome(R"({"node_id":"n","role":"king"})")).substr(0, 21),
            "'role' must be a role");
}

TEST(MessagesTest, AWelcomeNamesTheOtherInstancesAndTheLeader) {
  HandshakeWelcome welcome{"n1", base::Role::rag, "s/1", 60'000, {"a:1", "b:2"}, "b:2"};
  const auto back = decode_welcome(encode(welcome));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->endpoints, welcome.endpoints);
  EXPECT_EQ(back->leader, "b:2");
  welcome.endpoints.assign(kWelcomeEndpointsMax + 1, "a:1");
  EXPECT_EQ(problem_of(decode_welcome(encode(welcome))),
            "'endpoints' must be a list of at most 32 texts");
}

TEST(MessagesTest, RegisterAndUnregisterRoundTrip) {
  base::Component component;
  component.name = "sniffer-dmz";
  component.instance_id = "i-1";
  component.version = "0.1.0";
  component.address = "10.0.0.1:99";
  const auto back = decode_register(encode_register(component));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->name, component.name);
  EXPECT_EQ(back->instance_id, component.instance_id);
  EXPECT_EQ(back->version, component.version);
  EXPECT_EQ(back->address, component.address);
  EXPECT_TRUE(decode_register(R"({"component":"sniffer"})").ok());
  const auto gone = decode_unregister(encode_unregister("sniffer", "i-1"));
  ASSERT_TRUE(gone.ok());
  EXPECT_EQ(gone->component, "sniffer");
  EXPECT_EQ(gone->instance_id, "i-1");
  EXPECT_EQ(problem_of(decode_register("{}")), "'component' is missing");
  EXPECT_EQ(reason_of(decode_register(R"({"component":"../etc"})")), "invalid_name");
}

TEST(MessagesTest, HeartbeatsRoundTripWithTheirDetailAsAnObject) {
  base::Heartbeat beat;
  beat.component = "sniffer";
  beat.instance_id = "i-1";
  beat.seq = 42;
  beat.sent_at_ms = kNowMs;
  beat.status = "degraded";
  beat.detail = R"({"packets":7})";
  const std::string json = encode_heartbeat(beat);
  EXPECT_NE(json.find(R"("detail":{"packets":7})"), std::string::npos);
  const auto back = decode_heartbeat(json);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->component, beat.component);
  EXPECT_EQ(back->seq, 42u);
  EXPECT_EQ(back->sent_at_ms, kNowMs);
  EXPECT_EQ(back->status, "degraded");
  EXPECT_EQ(back->detail, beat.detail);
  const auto typed = decode_heartbeat(R"({"component":"sniffer"})");
  ASSERT_TRUE(typed.ok());
  EXPECT_EQ(typed->status, "ok");
}

TEST(MessagesTest, AHeartbeatsDetailMustBeASmallObject) {
  base::Heartbeat beat;
  beat.component = "sniffer";
  beat.detail = "not json";
  EXPECT_EQ(problem_of(decode_heartbeat(encode_heartbeat(beat))),
            "'detail' must be an object: { … }");
  beat.detail = R"({"a":")" + std::string(base::kDetailBytesMax, 'x') + "\"}";
  EXPECT_EQ(problem_of(decode_heartbeat(encode_heartbeat(beat))),
            "'detail' must be at most 4096 bytes long");
}

TEST(MessagesTest, HeartbeatRepliesHaveTheDocumentedShape) {
  const std::string json = encode(HeartbeatReply{5000, {3, 0, 17, 21}});
  EXPECT_EQ(json, R"({"status":"ok","interval_ms":5000,"config":{"version":3},)"
                  R"("global":{"version":0},"rules":{"revision":17},)"
                  R"("pipeline_keys":{"revision":21}})");
  const auto back = decode_heartbeat_reply(json);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->heads.config_version, 3u);
  EXPECT_EQ(back->heads.rules_revision, 17u);
  EXPECT_EQ(back->heads.pipeline_keys_revision, 21u);
  EXPECT_EQ(problem_of(decode_heartbeat_reply(R"({"config":{}})")), "'config.version' is missing");
  const auto older = decode_heartbeat_reply(
      R"({"config":{"version":3},"global":{"version":0},"rules":{"revision":17}})");
  ASSERT_TRUE(older.ok());
  EXPECT_EQ(older->heads.pipeline_keys_revision, 0u);
}

TEST(MessagesTest, PipelineKeysRoundTripWithTheirStates) {
  const std::int64_t now_ms = 1'700'000'000'000;
  base::PipelineKeySet set{7, {}};
  set.keys.push_back({1, "", now_ms - 9'000, now_ms + 1'000, "server"});
  set.keys.push_back({2, std::string("\0\xff", 2) + std::string(30, 'k'), now_ms - 1'000, 0});
  set.keys.push_back({3, std::string(32, 'x'), now_ms + 1'000, 0});
  const std::string json = encode_pipeline_keys(set, now_ms);
  const auto back = decode_pipeline_keys(json);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->revision, 7u);
  ASSERT_EQ(back->keys.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back->keys[i].id, set.keys[i].id);
    EXPECT_EQ(back->keys[i].secret, set.keys[i].secret);
    EXPECT_EQ(back->keys[i].active_from_ms, set.keys[i].active_from_ms);
    EXPECT_EQ(back->keys[i].retires_at_ms, set.keys[i].retires_at_ms);
    EXPECT_EQ(back->keys[i].author, set.keys[i].author);
  }
  const std::size_t retiring = json.find("retiring");
  EXPECT_LT(retiring, json.find("\"active\""));
  EXPECT_LT(json.find("\"active\""), json.find("announced"));
  EXPECT_EQ(encode_pipeline_keys({7, {{1, "", 5, 9}}}, 9).find("retiring"), std::string::npos);
}

TEST(MessagesTest, PipelineKeysThatCannotBeAreRefusedByName) {
  const auto one = [](const std::string& fields) {
    return problem_of(decode_pipeline_keys(R"({"revision":1,"keys":[{)" + fields + "}]}"));
  };
  const std::string time = R"(,"active_from":"2026-11-23T23:05:28.123Z")";
  EXPECT_EQ(one(R"("id":1)" + time), "ok");
  EXPECT_EQ(one(R"("id":1)"), "'keys[0].active_from' is missing");
  for (const char* key : {"AAAA", "not base64!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"}) {
    EXPECT_EQ(one(R"("id":1,"key":")" + std::string(key) + "\"" + time),
              "'keys[0].key' must be 32 bytes in base64url");
  }
  EXPECT_EQ(problem_of(decode_pipeline_keys(R"({"revision":1})")), "'keys' is missing");
}

TEST(MessagesTest, WriteRepliesAndRollbacksRoundTrip) {
  EXPECT_EQ(encode(WriteReply{7, 0, {}}), R"({"status":"ok","revision":7})");
  const auto reply = decode_write_reply(encode(WriteReply{7, 2, {"a", "b"}}));
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->version, 2u);
  EXPECT_EQ(reply->ids, (std::vector<std::string>{"a", "b"}));
  const auto rollback = decode_rollback(encode(Rollback{4, "because"}));
  ASSERT_TRUE(rollback.ok());
  EXPECT_EQ(rollback->version, 4u);
  EXPECT_EQ(rollback->comment, "because");
  EXPECT_EQ(problem_of(decode_rollback(R"({"version":0})")),
            "'version' must be a whole number, 1 or more");
  EXPECT_FALSE(decode_rollback(R"({"version":1,"comment":")" + std::string(501, 'x') + "\"}").ok());
}

TEST(MessagesTest, ConfigListsRoundTripInBothShapes) {
  base::ConfigVersion version;
  version.component = "sniffer";
  version.version = 3;
  version.sha256 = std::string(64, 'a');
  version.author = "operator";
  version.comment = "first – try";
  version.created_at_ms = kNowMs;
  version.revision = 12;
  version.active = true;
  for (const char* list : {"versions", "configs"}) {
    const auto back = decode_config_list(list, encode_config_list(list, {version, version}));
    ASSERT_TRUE(back.ok()) << list;
    ASSERT_EQ(back->size(), 2u);
    EXPECT_EQ(back->front().component, "sniffer");
    EXPECT_EQ(back->front().version, 3u);
    EXPECT_EQ(back->front().comment, version.comment);
    EXPECT_EQ(back->front().created_at_ms, kNowMs);
    EXPECT_EQ(back->front().revision, 12u);
    EXPECT_TRUE(back->front().active);
  }
  EXPECT_EQ(encode_config_list("versions", {}), R"({"versions":[]})");
  EXPECT_TRUE(decode_config_list("versions", R"({"versions":[]})").ok());
  EXPECT_EQ(problem_of(decode_config_list("versions", "{}")), "'versions' is missing");
  EXPECT_EQ(problem_of(decode_config_list("configs", R"({"configs":[{"version":1}]})")),
            "'configs[0].component' is missing");
}

base::Rule example_rule() {
  base::Rule rule;
  rule.id = "r-1";
  rule.cidr = "10.0.0.5/32";
  rule.action = "allow";
  rule.reason = "portscan";
  rule.score = 0.25;
  rule.source = "ml-detector";
  rule.created_at_ms = kNowMs;
  rule.expires_at_ms = kNowMs + 60'000;
  rule.revision = 9;
  return rule;
}

void expect_equal(const base::Rule& a, const base::Rule& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.cidr, b.cidr);
  EXPECT_EQ(a.action, b.action);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.score, b.score);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.created_at_ms, b.created_at_ms);
  EXPECT_EQ(a.expires_at_ms, b.expires_at_ms);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(base::rule_digest(a), base::rule_digest(b));
}

TEST(MessagesTest, RulesRoundTripWithTheirDigest) {
  const auto back = decode_rules(encode_rules({example_rule(), example_rule()}), 0);
  ASSERT_TRUE(back.ok());
  ASSERT_EQ(back->size(), 2u);
  expect_equal(back->front(), example_rule());
}

TEST(MessagesTest, ASingleRuleMayBeTypedByHand) {
  const auto rules = decode_rules(R"({"cidr":"10.0.0.5","ttl_s":60})", kNowMs);
  ASSERT_TRUE(rules.ok());
  ASSERT_EQ(rules->size(), 1u);
  EXPECT_EQ(rules->front().expires_at_ms, kNowMs + 60'000);
  EXPECT_EQ(rules->front().action, "drop");
  EXPECT_EQ(rules->front().score, 1);
}

TEST(MessagesTest, WrongRulesAreRefusedByField) {
  const auto problem = [](const std::string& fields) {
    return problem_of(decode_rules(R"({"rules":[{"cidr":"::1"},{)" + fields + "}]}", kNowMs));
  };
  EXPECT_EQ(problem(R"("id":"a")"), "'rules[1].cidr' is missing");
  EXPECT_EQ(problem(R"("cidr":"::1","action":"burn")"), "'rules[1].action' must be drop or allow");
  EXPECT_EQ(problem(R"("cidr":"::1","id":"a b")"),
            "'rules[1].id' may hold letters, digits, '_', '.' and '-' only");
  EXPECT_EQ(problem(R"("cidr":"::1","score":2)"),
            "'rules[1].score' must be a number from 0.0 to 1.0");
  EXPECT_EQ(problem(R"("cidr":"::1","ttl_s":0)"),
            "'rules[1].ttl_s' must be a whole number, 1 to 315360000");
  EXPECT_EQ(problem(R"("cidr":"::1","ttl_s":5,"expires_at":"2030-01-01T00:00:00Z")"),
            "'rules[1].ttl_s' and 'expires_at' exclude each other: give one of them");
  EXPECT_EQ(problem(R"("cidr":"::1","expires_at":1700000000)"),
            "'rules[1].expires_at' must be a time in UTC, as 2026-11-23T23:05:28.123Z");
  const std::vector<base::Rule> many(base::kRulesPerWriteMax + 1, example_rule());
  EXPECT_EQ(problem_of(decode_rules(encode_rules(many), 0)),
            "'rules' must be a list of at most 1000 objects");
}

TEST(MessagesTest, RuleSetsRoundTrip) {
  base::RuleSet set;
  set.revision = 30;
  set.full = false;
  set.rules = {example_rule()};
  set.removed = {"x", "y"};
  set.digest = base::rule_set_digest(set.rules);
  const auto back = decode_rule_set(encode(set));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->revision, 30u);
  EXPECT_FALSE(back->full);
  EXPECT_EQ(back->removed, set.removed);
  EXPECT_EQ(base::rule_set_digest(back->rules), set.digest);
  EXPECT_EQ(back->digest, set.digest);
  set.full = true;
  EXPECT_EQ(problem_of(decode_rule_set(encode(set))), "'removed' must be empty in a full answer");
  set.removed.clear();
  set.next_id = "rule-10000";
  ASSERT_TRUE(decode_rule_set(encode(set)).ok());
  EXPECT_EQ(decode_rule_set(encode(set))->next_id, "rule-10000");
  set.full = false;
  EXPECT_EQ(problem_of(decode_rule_set(encode(set))), "'next_id' must be absent in a delta");
}

TEST(MessagesTest, DetectionsRoundTrip) {
  base::Detection detection;
  detection.id = "d.1";
  detection.component = "ml-detector";
  detection.kind = "portscan";
  detection.source_ip = "10.0.0.9";
  detection.destination_ip = "2001:db8::1";
  detection.destination_port = 65535;
  detection.score = 0.75;
  detection.detail = R"({"ports":[1,2]})";
  detection.rule_id = "r-1";
  detection.detected_at_ms = kNowMs;
  const auto back = decode_detections(encode_detections({detection}));
  ASSERT_TRUE(back.ok());
  ASSERT_EQ(back->size(), 1u);
  EXPECT_EQ(back->front().id, "d.1");
  EXPECT_EQ(back->front().component, "ml-detector");
  EXPECT_EQ(back->front().destination_ip, "2001:db8::1");
  EXPECT_EQ(back->front().destination_port, 65535);
  EXPECT_EQ(back->front().detail, detection.detail);
  EXPECT_EQ(back->front().detected_at_ms, kNowMs);
  EXPECT_NE(encode_detections({detection}, {77}).find(R"("revision":77)"), std::string::npos);
  const auto problem = [](const std::string& fields) {
    return problem_of(decode_detections(R"({"detections":[{)" + fields + "}]}"));
  };
  EXPECT_EQ(problem(R"("kind":"x")"), "'detections[0].id' is missing");
  EXPECT_EQ(problem(R"("id":"a","kind":"x","source_ip":"1.2.3")"),
            "'detections[0].source_ip' must be an IPv4 or IPv6 address");
  EXPECT_EQ(problem(R"("id":"a","kind":"x","destination_port":65536)"),
            "'detections[0].destination_port' must be a whole number, 0 to 65535");
}

TEST(MessagesTest, AppliedRoundTrips) {
  base::Applied applied;
  applied.component = "firewall";
  applied.resource = "rules";
  applied.revision = 8;
  applied.digest = "00ff";
  applied.note = "the table was flushed; repaired";
  const auto back = decode_applied(encode(applied));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->revision, 8u);
  EXPECT_EQ(back->digest, "00ff");
  EXPECT_EQ(back->note, applied.note);
  applied.resource = "moon";
  EXPECT_EQ(problem_of(decode_applied(encode(applied))),
            "'resource' must be config, global or rules");
}

TEST(MessagesTest, TokenRequestsAndRepliesRoundTrip) {
  const auto request =
      decode_token_request(encode(TokenRequest{base::Role::firewall, "firewall-2", 3'600'000, 5}));
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->role, base::Role::firewall);
  EXPECT_EQ(request->component, "firewall-2");
  EXPECT_EQ(request->ttl_ms, 3'600'000);
  EXPECT_EQ(request->uses, 5u);
  const auto shortest = decode_token_request(R"({"role":"rag","component":""})");
  ASSERT_TRUE(shortest.ok());
  EXPECT_EQ(shortest->ttl_ms, 86'400'000);
  EXPECT_EQ(shortest->uses, 1u);
  EXPECT_EQ(problem_of(decode_token_request(R"({"role":"rag","ttl_s":2592001})")),
            "'ttl_s' must be a whole number, 1 to 2592000");
  EXPECT_EQ(problem_of(decode_token_request(R"({"role":"rag","uses":1001})")),
            "'uses' must be a whole number, 1 to 1000");
  EXPECT_EQ(reason_of(decode_token_request(R"({"role":"rag","component":"A"})")), "invalid_name");
  const auto reply =
      decode_token_reply(encode(TokenReply{"id", "mlg1.x", kNowMs, base::Role::firewall}));
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->token, "mlg1.x");
  EXPECT_EQ(reply->expires_at_ms, kNowMs);
  EXPECT_EQ(reply->role, base::Role::firewall);
}

TEST(MessagesTest, ChangeListsRoundTrip) {
  ChangeList list;
  list.revision = 12;
  list.changes = {{11, 1, kNowMs, "operator", "config/sniffer", "version 3 put"}};
  const auto back = decode_changes(encode(list));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->revision, 12u);
  ASSERT_EQ(back->changes.size(), 1u);
  EXPECT_EQ(back->changes[0].resource, "config/sniffer");
  EXPECT_EQ(back->changes[0].summary, "version 3 put");
  EXPECT_EQ(back->changes[0].at_ms, kNowMs);
}

using Decoder = std::function<std::string(std::string_view)>;

std::vector<Decoder> every_decoder() {
  return {
      [](std::string_view t) { return reason_of(decode_hello(t)); },
      [](std::string_view t) { return reason_of(decode_welcome(t)); },
      [](std::string_view t) { return reason_of(decode_register(t)); },
      [](std::string_view t) { return reason_of(decode_unregister(t)); },
      [](std::string_view t) { return reason_of(decode_heartbeat(t)); },
      [](std::string_view t) { return reason_of(decode_heartbeat_reply(t)); },
      [](std::string_view t) { return reason_of(decode_write_reply(t)); },
      [](std::string_view t) { return reason_of(decode_rollback(t)); },
      [](std::string_view t) { return reason_of(decode_config_list("versions", t)); },
      [](std::string_view t) { return reason_of(decode_rules(t, kNowMs)); },
      [](std::string_view t) { return reason_of(decode_rule_set(t)); },
      [](std::string_view t) { return reason_of(decode_detections(t)); },
      [](std::string_view t) { return reason_of(decode_applied(t)); },
      [](std::string_view t) { return reason_of(decode_token_request(t)); },
      [](std::string_view t) { return reason_of(decode_token_reply(t)); },
      [](std::string_view t) { return reason_of(decode_changes(t)); },
  };
}

TEST(MessagesTest, EveryDecoderRefusesWhatIsNoObjectDeepOrEndless) {
  const std::string deep = R"({"component":)" + std::string(50'000, '[');
  const std::string endless(kPlainBodyBytesMax + 1, ' ');
  for (const Decoder& decode : every_decoder()) {
    for (const std::string& text : {std::string(), std::string("null"), std::string("[]"),
                                    std::string("{"), std::string("{\"a\":\"\xff\"}"), deep}) {
      EXPECT_EQ(decode(text), "invalid_json") << text.substr(0, 20);
    }
    EXPECT_EQ(decode(endless), "too_large");
  }
}

}  // namespace
}  // namespace mlguard::wire
