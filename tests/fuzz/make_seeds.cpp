// Writes the committed seeds of the fuzz targets into a folder: real messages and real mistakes.
//   make_fuzz_seeds tests/fuzz/seeds
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/ids.h"
#include "db/entry_codec.h"
#include "db/row_image.h"
#include "firewall/state_file.h"
#include "pipeline/sealed_batch.h"
#include "replicator/message_codec.h"
#include "replicator/segment.h"
#include "server/forward.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_pipeline.h"
#include "tests/fuzz/fuzz_shipping.h"
#include "tests/support/packet_fixtures.h"
#include "tests/unit/ml_detector/trained_models.h"
#include "tests/unit/pipeline/samples.h"
#include "wire/api_error.h"
#include "wire/cluster_messages.h"
#include "wire/credentials.h"
#include "wire/envelope.h"
#include "wire/messages.h"
#include "wire/question_relay.h"

using namespace mlguard;

namespace {

std::filesystem::path g_folder;

void seed(const std::string& target, const std::string& name, std::string_view content) {
  std::filesystem::create_directories(g_folder / target);
  std::ofstream(g_folder / target / name, std::ios::binary) << content;
}

void handshakes() {
  wire::HandshakeState client(fuzz::fixed_setup(wire::NoiseSide::initiator));
  wire::HandshakeState server(fuzz::fixed_setup(wire::NoiseSide::responder));
  const std::string message1 = *client.write_message("hello");
  seed("handshake_message1", "whole", message1);
  seed("handshake_message1", "cut", message1.substr(0, message1.size() / 2));
  seed("handshake_message1", "zero-key", std::string(message1.size(), '\0'));
  fuzz::must(server.read_message(message1).ok(), "message 1 opens");
  const std::string message2 = *server.write_message(std::string(wire::kSessionIdBytes, 'i'));
  seed("handshake_message2", "whole", message2);
  seed("handshake_message2", "cut", message2.substr(0, wire::kKeyBytes));
  seed("handshake_message2", "damaged", message2.substr(0, message2.size() - 1) + '\0');
}

std::string big_endian(std::size_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

void frames() {
  using wire::Message;
  const Message fields{{{"request-id", "0123abcd"}, {"if-match", "3"}}, {}};
  const Message small{{{"comment", "a: b"}}, "{\"port\": 1}"};
  const Message large{{}, std::string(400, 'a') + std::string(300, 'b')};
  const auto plain = [](const Message& message) { return wire::build_frame(message, 0, 0)->bytes; };
  const std::string announced = big_endian(large.body.size());
  seed("envelope", "fields", '\0' + plain(fields));
  seed("envelope", "small", '\0' + plain(small));
  seed("envelope", "compressed", '\1' + announced + plain(large));
  seed("envelope", "lie", '\1' + big_endian(1 << 20) + plain(large));
  seed("envelope", "empty", std::string(1, '\0'));
  seed("envelope", "long-fields", std::string("\0\xff\xff", 3) + "a:b\n");
  seed("request_frame", "authentic-fields", '\3' + plain(fields));
  seed("request_frame", "authentic-small", '\1' + plain(small));
  seed("request_frame", "authentic-compressed", '\5' + announced + plain(large));
  seed("request_frame", "authentic-empty", "\3");
  seed("request_frame", "stranger-header", "\2AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  seed("request_frame", "stranger-body", std::string(64, '\0'));
  seed("answer_frame", "stranger", std::string(64, '\0'));
  seed("answer_frame", "compressible", "\2" + std::string(500, 'x'));
  seed("answer_frame", "announced", "\3" + announced + plain(large));
}

base::Rule example_rule() {
  base::Rule rule;
  rule.id = "r-1";
  rule.cidr = "10.0.0.5/32";
  rule.reason = "portscan";
  rule.score = 0.25;
  rule.expires_at_ms = 1'700'000'000'123;
  return rule;
}

// Of the target "messages": the first byte chooses the decoder.
class MessageSeeds {
 public:
  void next(const std::string& name, const std::string& json) {
    seed("messages", name, static_cast<char>(choice_++) + json);
  }

 private:
  unsigned choice_ = 0;
};

void cluster_messages(MessageSeeds& seeds) {
  using namespace mlguard::wire;
  const std::vector<MemberInfo> members = {{"10.0.0.1:2379", MemberKind::voter, true, 9, 0, 0},
                                           {"[::1]:2380", MemberKind::learner, false, {}, {}, {}}};
  NodeStatus status{"n1", "10.0.0.1:2379", "leader", "10.0.0.1:2379", 3, 9, 8, 0, "d1", "d2", {}};
  status.peers = members;
  ConflictInfo conflict;
  conflict.table = "rule";
  conflict.key = "printers";
  conflict.reason = "older";
  conflict.recorded_at_ms = 1'700'000'000'123;
  conflict.lost = R"({"action":"drop","score":0.5})";
  conflict.lost_by = "10.0.0.2:2379";
  seeds.next("members", encode(MemberList{4, "10.0.0.1:2379", 3, members}));
  seeds.next("member-change", encode(MemberChange{"10.0.0.3:2379", true}));
  seeds.next("leader-transfer", encode(LeaderTransfer{"10.0.0.2:2379"}));
  seeds.next("leader-reply", encode(LeaderReply{"10.0.0.2:2379"}));
  seeds.next("node-status", encode(status));
  seeds.next("conflicts", encode_conflicts({conflict}));
}

void messages() {
  using namespace mlguard::wire;
  MessageSeeds seeds;
  const auto next = [&seeds](const std::string& name, const std::string& json) {
    seeds.next(name, json);
  };
  base::Component component;
  component.name = "sniffer";
  component.instance_id = "i-1";
  base::Heartbeat beat;
  beat.component = "sniffer";
  beat.detail = R"({"packets":7,"nested":[{"a":null}]})";
  beat.sent_at_ms = 1'700'000'000'123;
  base::Applied applied{"firewall", "rules", 8, "00ff", 0};
  base::ConfigVersion version;
  version.component = "sniffer";
  version.version = 2;
  version.created_at_ms = 1'700'000'000'123;
  base::Detection detection;
  detection.id = "d-1";
  detection.kind = "portscan";
  detection.source_ip = "2001:db8::1";
  detection.detail = R"({"ports":[1,2]})";
  base::RuleSet set{9, false, {example_rule()}, {"gone"}, "", "0011223344556677"};
  next("hello", encode(HandshakeHello{"0123456789abcdef", "cli/0.1.0", "anna"}));
  next("welcome", encode(HandshakeWelcome{
                      "n1", base::Role::rag, "s/1", 60'000, {"10.0.0.1:2379"}, "10.0.0.1:2379"}));
  next("register", encode_register(component));
  next("unregister", encode_unregister("sniffer", "i-1"));
  next("heartbeat", encode_heartbeat(beat));
  next("heartbeat-reply", encode(HeartbeatReply{5000, {3, 0, 17}}));
  next("applied", encode(applied));
  next("token-request", encode(TokenRequest{base::Role::firewall, "firewall-2", 3'600'000, 5}));
  next("token-reply", encode(TokenReply{"id", "mlg1.x", 1'700'000'000'000, base::Role::rag}));
  next("write-reply", encode(WriteReply{7, 2, {"a", "b"}}));
  next("rollback", encode(Rollback{4, "because"}));
  next("versions", encode_config_list("versions", {version}));
  next("configs", encode_config_list("configs", {version}));
  next("changes", encode(ChangeList{12, {{11, 1, 5, "operator", "config/x", "put"}}}));
  next("rules", encode_rules({example_rule()}));
  next("rule-set", encode(set));
  next("detections", encode_detections({detection}));
  cluster_messages(seeds);
  const base::PipelineKey announced{2, std::string(32, 'k'), 1'700'000'600'000, 0};
  const base::PipelineKey retiring{1, "", 1'700'000'000'000, 1'700'001'200'000, "server"};
  next("pipeline-keys", encode_pipeline_keys({7, {retiring, announced}}, 1'700'000'000'000));
  seed("messages", "single-rule", "\x0e{\"cidr\":\"::1\",\"ttl_s\":60}");
  seed("messages", "deep", "\4{\"component\":\"a\",\"detail\":" + std::string(80, '['));
  seed("api_error", "whole", encode_error({base::ErrorCode::not_found, "no_config", "put one"}));
  seed("api_error", "html", "<html>502</html>");
  seed("api_error", "nested", R"({"error":{"a":1},"message":[["x"]]})");
}

void secrets() {
  wire::JoinToken token{fuzz::fixed_keys('s').public_key, "0123456789abcdef", {}};
  seed("join_token", "whole", token.to_text() + "\n");
  seed("join_token", "cut", token.to_text().substr(0, 50));
  seed("join_token", "padded", token.to_text() + "==");
  const std::string key = "mlguard-cluster-key-1 " + std::string(64, '1') + "\n";
  seed("cluster_key", "whole", "# a comment\n" + key);
  seed("cluster_key", "twice", key + key);
  seed("cluster_key", "cut", key.substr(0, 40));
  wire::Credential credential;
  credential.cluster_public_key = fuzz::fixed_keys('s').public_key;
  credential.private_key = fuzz::fixed_keys('c').secret;
  credential.name = "operator";
  seed("credential", "whole", credential.to_json());
  seed("credential", "cut", credential.to_json().substr(0, 90));
  seed("credential", "other-version", R"({"version":2})");
}

void json() {
  seed("check_json", "whole", R"({"a":[1,-2.5e3,true,null,"x\u00e9\ud83d\ude00"],"b":{"c":{}}})");
  seed("check_json", "comma", "{\"a\": 1,\n}");
  seed("check_json", "comment", "{} // end");
  seed("check_json", "deep", std::string(70, '[') + std::string(70, ']'));
  seed("check_json", "utf8", "[\"é😀\xed\xa0\x80\"]");
  seed("check_json", "numbers", "[0, -0, 1e999, 1e-999, 01, 1.]");
  seed("check_json", "mark", "\xef\xbb\xbf{}");
}

void entries() {
  std::string images;
  db::ImageWriter image(images);
  image.begin(db::ImageKind::row, db::table_of(db::TableId::config_active));
  image.text("sniffer");
  image.integer(300);
  image.integer(5);
  image.text("n1");
  image.integer(0);
  image.begin(db::ImageKind::purge, db::table_of(db::TableId::rule));
  image.text("r-1");
  db::LogEntry entry;
  entry.hlc = 0x0123456789ab0001;
  entry.author = "operator";
  entry.resource = "config/sniffer";
  entry.rows = images;
  entry.compare_and_set = true;
  const std::string whole = db::encode_payload(entry);
  seed("entry_payload", "whole", whole);
  seed("entry_payload", "cut", whole.substr(0, whole.size() - 3));
  seed("entry_payload", "empty", db::encode_payload({}));
  seed("entry_payload", "newer", '\x02' + whole.substr(1));
}

// The first byte chooses: a file, a segment's content, or damage to a good one.
void segments() {
  std::string content;
  for (const replicator::Entry& entry : fuzz::sample_entries()) {
    replicator::append_entry(entry, content);
  }
  const std::string& file = fuzz::good_segment();
  seed("segment", "file-header-only", '\0' + file.substr(0, replicator::kSealedHeaderBytes));
  seed("segment", "file-whole", '\0' + file);
  seed("segment", "file-empty", std::string(1, '\0'));
  seed("segment", "content", '\1' + content);
  seed("segment", "content-cut", '\1' + content.substr(0, content.size() / 2));
  seed("segment", "content-gap", '\1' + content + content);
  seed("segment", "damage-flip", std::string("\2\0\0\0\0\x40\3", 7));
  seed("segment", "damage-cut", std::string("\2\1\0\0\0\x99", 6));
}

// The first byte chooses: a message of the protocol, or one of the shapes that are sent on.
void peers() {
  using replicator::Message;
  const replicator::Entry entry{7, 3, {}, "payload"};
  const auto message = [](replicator::Body body) {
    return '\0' + replicator::encode(Message{"a:1", "b:1", 8, std::move(body)});
  };
  seed("peer_message", "ping", message(replicator::Ping{9, 8, 7}));
  seed("peer_message", "vote", message(replicator::VoteRequest{}));
  seed("peer_message", "fetch", message(replicator::Fetch{3, 41, {}, 39}));
  seed("peer_message", "entries",
       message(replicator::FetchReply{3, replicator::FetchOutcome::entries, 44, 41, {entry}}));
  seed("peer_message", "probe", message(replicator::Probe{4, {{1, {}}}}));
  seed("peer_message", "merge", message(replicator::MergeTail{6, 43, {entry}}));
  server::ForwardedRequest request;
  request.method = "GET";
  request.target = "/v1/rules";
  request.caller.name = "operator";
  request.message.fields = {{"request-id", "r"}};
  seed("peer_message", "forwarded", '\1' + server::encode(request));
  seed("peer_message", "answer", '\2' + server::encode_forwarded_answer(server::json_answer("{}")));
  seed("peer_message", "identity", '\3' + server::encode(base::Identity{}));
  seed("peer_message", "audit", '\4' + server::encode(base::AuditRecord{}));
}

// The first byte chooses: from the Ethernet header on, or from the IP header on. Named by what they
// describe, with dashes for what does not belong in a file's name.
void packets() {
  for (const support::PacketFixture& row : support::packet_fixtures()) {
    std::string name = row.description;
    for (char& c : name) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '-';
    }
    const std::string bytes(row.bytes.begin(), row.bytes.end());
    seed("packet", name, '\0' + bytes);
    if (bytes.size() > 14) seed("packet", name + "-ip", '\1' + bytes.substr(14));
  }
}

// The first byte chooses: a stranger's frame, a batch, or damage to a good frame.
void pipeline_frames() {
  pipeline::BatchSealer sealer;
  pipeline::FlowBatch batch{"sniffer", sealer.instance_id(), 0, pipeline::sample_records(20)};
  const std::string bytes = pipeline::encode_batch(batch);
  // Under a key that the target does not have.
  const auto others = pipeline::Keyring::of({pipeline::pipeline_key(7)});
  const std::string frame = *sealer.seal(*others, fuzz::kPipelineNowMs, bytes);
  seed("pipeline_frame", "stranger", '\0' + frame);
  seed("pipeline_frame", "stranger-cut", '\0' + frame.substr(0, pipeline::kFrameHeaderBytes));
  seed("pipeline_frame", "batch", '\1' + bytes);
  seed("pipeline_frame", "batch-cut", '\1' + bytes.substr(0, bytes.size() / 2));
  batch.flows[0].counters.side[0].size_squares = 1;
  seed("pipeline_frame", "batch-lie", '\1' + pipeline::encode_batch(batch));
  batch.flows.clear();
  seed("pipeline_frame", "batch-empty", '\1' + pipeline::encode_batch(batch));
  seed("pipeline_frame", "damage", std::string("\2\0\0\0\x30\1", 6));
  seed("pipeline_frame", "damage-longer", std::string("\2\0\0\0\0\0x", 7));
}

void questions() {
  wire::Question question{"q1",
                          "why is 10.0.0.5 blocked?",
                          {"sniffer", "a.b", "10.0.0.5", "ab"},
                          1'700'000'000'123,
                          -60,
                          "operator",
                          "operator"};
  wire::Answer answer;
  answer.intent = "config_value";
  answer.known = answer.prose = true;
  answer.text = "It is 0.8 [1].\nSince yesterday.";
  answer.remark = "not all";
  answer.citations.push_back({"config", "ml-detector@7 a.b", 9, 1'700'000'000'123, "0.8"});
  answer.proposal = wire::Proposal{"config.set", {{"value", "0.9"}}, "ml-guard config", "-1\n", 7};
  answer.subject = question.subject;
  seed("ask", "question", '\0' + wire::encode(question));
  seed("ask", "answer", '\1' + wire::encode(answer));
  seed("ask", "proposal", '\2' + wire::encode(*answer.proposal));
  seed("ask", "part", '\3' + wire::encode(wire::AnswerPart{1, 2, "It is", {}}));
  seed("ask", "part-done", '\3' + wire::encode(wire::AnswerPart{1, 0, "", answer}));
  seed("ask", "task", '\4' + wire::encode(wire::QuestionTask{1, question}));
  seed("ask", "news", '\5' + wire::encode(wire::QuestionNews{1, 2, "It is", answer}));
}

void prose() {
  seed("prose", "events",
       "\7: hi\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"It is\"}}]}\n\n"
       "data: [DONE]\n\n");
  seed(
      "prose", "sentences",
      "\3Rule ab12 drops 10.0.0.5 [1]. It scored 0.93. [1][1]\n1. And 10.0.0.6 [2]! Run `rm -rf`.");
  seed("prose", "times",
       std::string(1, '\0') +
           "Made at 2023-11-14T22:13:20Z [1]. See https://x.example [1]? \x1b[2J");
}

void models() {
  using namespace ml_detector;
  const std::string three = model_file_text(trained_model(3, 4, 2, 2).xgboost, 3, 4);
  seed("model_file", "three-classes", three);
  seed("model_file", "two-classes", model_file_text(trained_model(2, 4, 2, 2).xgboost, 2, 4));
  seed("model_file", "cut", three.substr(0, three.size() / 2));
  seed("model_file", "empty-object", "{}");
}

// The first byte says how much of a file it is: firewall_state.cpp.
void firewall_states() {
  base::Rule rule;
  rule.id = "r1";
  rule.cidr = "192.0.2.0/24";
  rule.source = "ml-detector";
  rule.expires_at_ms = 1'800'000'000'000;
  base::RuleSet all;
  all.revision = 5;
  all.digest = "0011223344556677";
  all.rules = {rule, rule};
  all.rules[1].id = "r2";
  all.rules[1].cidr = "2001:db8::1/128";
  all.rules[1].action = "allow";
  base::RuleSet change = all;
  change.full = false;
  change.revision = 6;
  change.removed = {"r2"};
  const std::string part = firewall::encode_state_part(all);
  const std::string file =
      std::string(firewall::kStateMagic) + part + firewall::encode_state_part(change);
  constexpr std::size_t kBeforeBody = 8 + 64;  // length and hash
  seed("firewall_state", "file", '\0' + file);
  seed("firewall_state", "file-cut", '\0' + file.substr(0, file.size() - 9));
  seed("firewall_state", "body", '\1' + part.substr(kBeforeBody));
  seed("firewall_state", "body-cut", '\1' + part.substr(kBeforeBody, 20));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_fuzz_seeds FOLDER\n";
    return 2;
  }
  g_folder = argv[1];
  handshakes();
  frames();
  messages();
  secrets();
  json();
  entries();
  segments();
  peers();
  packets();
  pipeline_frames();
  questions();
  prose();
  models();
  firewall_states();
  return 0;
}
