// The whole server over a real socket: what it serves, and how it treats who it serves.
#include "server/server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "tests/unit/server/server_fixture.h"

namespace mlguard::server::test {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(ServerTest, AHandshakeTakesLessThanAHundredMilliseconds) {
  start();
  // The machine may be busy with other things once, not each time.
  double fastest_ms = 1e9;
  for (int i = 0; i < 5; ++i) {
    const support::Stopwatch watch;
    SealedClient op = connect_operator();
    fastest_ms = std::min(fastest_ms, watch.ms());
  }
  EXPECT_LT(fastest_ms, 100);
}

TEST_F(ServerTest, ADocumentComesBackByteForByte) {
  start();
  SealedClient op = connect_operator();
  const std::string small = R"({"interface":"eth0","queue":2048,"x":1})";
  std::string large = R"({"list":[)";
  while (large.size() < 4'096) large += R"("192.0.2.1",)";
  large += "0]}";
  for (const std::string& document : {small, large}) {
    const Answer put = op.call("PUT", "/v1/config/sniffer", document);
    ASSERT_EQ(put.status, 200) << put.message.body;
    const Answer got = op.call("GET", "/v1/config/sniffer");
    EXPECT_EQ(got.status, 200);
    EXPECT_TRUE(got.sealed);
    EXPECT_EQ(got.message.body, document);
    EXPECT_EQ(got.compressed, document.size() > wire::kCompressAboveBytes);
    EXPECT_EQ(*got.message.field("version"),
              std::to_string(wire::decode_write_reply(put.message.body)->version));
  }
  const std::string metrics = plain("GET", "/metrics").body;
  for (const char* line :
       {R"(mlguard_http_bodies_total{route="config_put",direction="in",encoding="identity"} 1)",
        R"(mlguard_http_bodies_total{route="config_put",direction="in",encoding="lz4"} 1)",
        R"(mlguard_http_bodies_total{route="config_get",direction="out",encoding="identity"} 1)",
        R"(mlguard_http_bodies_total{route="config_get",direction="out",encoding="lz4"} 1)"}) {
    EXPECT_NE(metrics.find(line), std::string::npos) << line;
  }
}

TEST_F(ServerTest, AWrongExpectedVersionChangesNothing) {
  start();
  SealedClient op = connect_operator();
  ASSERT_EQ(op.call("PUT", "/v1/config/sniffer", "{}").status, 200);
  const Answer refused = op.call("PUT", "/v1/config/sniffer", R"({"a":1})", {{"if-match", "7"}});
  EXPECT_EQ(refused.status, 412);
  EXPECT_EQ(reason(refused), "version_mismatch");
  EXPECT_EQ(op.call("GET", "/v1/config/sniffer").message.body, "{}");
  EXPECT_EQ(op.call("PUT", "/v1/config/sniffer", R"({"a":1})", {{"if-match", "1"}}).status, 200);
}

TEST_F(ServerTest, BadDocumentsAndNamesAreDistinctErrors) {
  start();
  SealedClient op = connect_operator();
  EXPECT_EQ(reason(op.call("PUT", "/v1/config/sniffer", "{nonsense")), "invalid_json");
  EXPECT_EQ(reason(op.call("PUT", "/v1/config/Sniffer!", "{}")), "invalid_name");
  EXPECT_EQ(reason(op.call("GET", "/v1/config/firewall")), "no_config");
  EXPECT_EQ(reason(op.call("PUT", "/v1/config/sniffer", "{}", {{"if-match", "x"}})),
            "invalid_version");
  const Answer oversized =
      op.call("PUT", "/v1/config/sniffer", "\"" + std::string(base::kConfigBytesMax, 'a') + "\"");
  EXPECT_EQ(oversized.status, 413);
  EXPECT_EQ(reason(op.call("GET", "/v1/config/sniffer")), "no_config");
}

TEST_F(ServerTest, HistoryAndRollbackMakeNewVersions) {
  start();
  SealedClient op = connect_operator();
  op.call("PUT", "/v1/config/rag", R"({"v":1})", {{"comment", "first"}});
  op.call("PUT", "/v1/config/rag", R"({"v":2})");
  wire::Rollback rollback;
  rollback.version = 1;
  ASSERT_EQ(op.call("POST", "/v1/config/rag/rollback", wire::encode(rollback)).status, 200);
  const Answer now = op.call("GET", "/v1/config/rag");
  EXPECT_EQ(now.message.body, R"({"v":1})");
  EXPECT_EQ(*now.message.field("version"), "3");
  EXPECT_EQ(op.call("GET", "/v1/config/rag/versions/2").message.body, R"({"v":2})");
  const Json history = Json::parse(op.call("GET", "/v1/config/rag/versions").message.body);
  ASSERT_EQ(history["versions"].size(), 3U);
  EXPECT_EQ(history["versions"][2]["comment"], "first");
  EXPECT_EQ(op.call("DELETE", "/v1/config/rag").status, 200);
  EXPECT_EQ(op.call("GET", "/v1/config/rag").status, 404);
}

TEST_F(ServerTest, ARepeatedRequestIdIsOneWrite) {
  start();
  SealedClient op = connect_operator();
  const std::vector<wire::Field> fields = {{"request-id", base::random_hex(16)}};
  const Answer first = op.call("PUT", "/v1/config/sniffer", "{}", fields);
  const Answer again = op.call("PUT", "/v1/config/sniffer", "{}", fields);
  EXPECT_EQ(wire::decode_write_reply(first.message.body)->version, 1U);
  EXPECT_EQ(wire::decode_write_reply(again.message.body)->version, 1U);
  ASSERT_NE(again.message.field("replayed"), nullptr);
  const Json history = Json::parse(op.call("GET", "/v1/config/sniffer/versions").message.body);
  EXPECT_EQ(history["versions"].size(), 1U);
}

TEST_F(ServerTest, HeartbeatsShowInHealthAndComponents) {
  start();
  SealedClient op = connect_operator();
  Enrolled sniffer = enrol(op, base::Role::sniffer);
  const Answer unknown = sniffer.client.call("POST", "/heartbeat", beat("sniffer", 1));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(reason(unknown), "unknown_component");
  ASSERT_EQ(sniffer.client.call("POST", "/register", registration("sniffer")).status, 200);
  const Answer answer = sniffer.client.call("POST", "/heartbeat", beat("sniffer", 1));
  ASSERT_EQ(answer.status, 200) << answer.message.body;
  EXPECT_EQ(wire::decode_heartbeat_reply(answer.message.body)->interval_ms, 5'000);

  const Json health = Json::parse(plain("GET", "/health").body);
  EXPECT_EQ(health["status"], "ok");
  EXPECT_EQ(health["components"]["sniffer"]["status"], "healthy");
  EXPECT_FALSE(health["components"]["sniffer"]["last_heartbeat"].get<std::string>().empty());
  const Json components = Json::parse(plain("GET", "/components").body);
  EXPECT_EQ(components["components"][0]["name"], "sniffer");
  EXPECT_EQ(Json::parse(plain("GET", "/components/sniffer").body)["instance_id"], "i1");
  EXPECT_EQ(plain("GET", "/components/rag").status, 404);
}

TEST_F(ServerTest, StatusAndInfoTellWhoAnswers) {
  start();
  const Json status = Json::parse(plain("GET", "/status").body);
  EXPECT_EQ(status["leader"], "localhost:" + std::to_string(server_->port()));
  EXPECT_EQ(status["role"], "leader");
  EXPECT_EQ(status["cluster_id"], server_->cluster_id());
  EXPECT_TRUE(status["healthy"].get<bool>());
  const Json info = Json::parse(plain("GET", "/info").body);
  EXPECT_EQ(info["name"], "ml-guard");
  EXPECT_GT(info["api"].size(), 30U);
}

TEST_F(ServerTest, RulesAreWrittenStreamedAndRemoved) {
  start();
  SealedClient op = connect_operator();
  const Answer put = op.call("POST", "/v1/rules",
                             R"({"rules":[{"id":"r1","cidr":"192.0.2.7","reason":"scan"},)"
                             R"({"cidr":"192.0.2.0/24","ttl_s":60}]})");
  ASSERT_EQ(put.status, 200) << put.message.body;
  ASSERT_EQ(wire::decode_write_reply(put.message.body)->ids.size(), 2U);
  const Answer full = op.call("GET", "/v1/rules/stream?after=0");
  const auto set = wire::decode_rule_set(full.message.body);
  ASSERT_TRUE(set.ok()) << full.message.body;
  EXPECT_TRUE(set->full);
  EXPECT_EQ(set->rules.size(), 2U);
  ASSERT_EQ(op.call("DELETE", "/v1/rules/r1").status, 200);
  const auto delta = wire::decode_rule_set(
      op.call("GET", "/v1/rules/stream?after=" + std::to_string(set->revision)).message.body);
  EXPECT_FALSE(delta->full);
  EXPECT_EQ(delta->removed, std::vector<std::string>{"r1"});
  EXPECT_EQ(reason(op.call("DELETE", "/v1/rules/r1")), "no_rule");
  EXPECT_EQ(op.call("GET", "/v1/rules/r1").status, 404);
  EXPECT_EQ(Json::parse(op.call("GET", "/v1/rules").message.body)["rules"].size(), 1U);
}

TEST_F(ServerTest, ManyRulesTravelInPagesThatJoinToTheDigest) {
  start();
  SealedClient op = connect_operator();
  constexpr int kRules = static_cast<int>(base::kRuleStreamPageRules) + 1'500;
  for (int first = 0; first < kRules; first += 500) {
    std::vector<base::Rule> rules;
    for (int i = first; i < first + 500; ++i) {
      base::Rule rule;
      rule.id = "r" + std::to_string(100'000 + i);
      rule.cidr = "10." + std::to_string(i / 65'536) + "." + std::to_string(i / 256 % 256) + "." +
                  std::to_string(i % 256) + "/32";
      rule.reason = "test";
      rules.push_back(rule);
    }
    ASSERT_EQ(op.call("POST", "/v1/rules", wire::encode_rules(rules)).status, 200);
  }
  std::vector<base::Rule> all;
  std::string next_id;
  std::string digest;
  int pages = 0;
  do {
    const Answer answer = op.call("GET", "/v1/rules/stream?after=0&after_id=" + next_id);
    const auto page = wire::decode_rule_set(answer.message.body);
    ASSERT_TRUE(page.ok()) << answer.message.body.substr(0, 200);
    ASSERT_TRUE(page->full);
    all.insert(all.end(), page->rules.begin(), page->rules.end());
    next_id = page->next_id;
    digest = page->digest;
    ++pages;
  } while (!next_id.empty() && pages < 10);
  EXPECT_EQ(pages, 2);
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kRules));
  EXPECT_EQ(base::rule_set_digest(all), digest);
  // A difference as large as that is no difference any more.
  const auto late = wire::decode_rule_set(op.call("GET", "/v1/rules/stream?after=1").message.body);
  EXPECT_TRUE(late->full);
  EXPECT_FALSE(late->next_id.empty());
}

TEST_F(ServerTest, ALongPollWakesOnAChangeOfItsResource) {
  start();
  SealedClient op = connect_operator();
  SealedClient watcher = connect_operator();
  const std::string target = "/v1/watch?resource=config/sniffer&wait=20s";
  const auto request = watcher.seal("GET", target);
  watcher.send("GET", target, request.sealed);
  await_long_polls(1);
  op.call("PUT", "/v1/config/firewall", "{}");
  op.call("PUT", "/v1/config/sniffer", "{}");
  const auto begin = std::chrono::steady_clock::now();
  const Answer woken = watcher.receive(request.counter, seconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(10)) << "not by the end of its wait";
  ASSERT_EQ(woken.status, 200);
  const auto list = wire::decode_changes(woken.message.body);
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->changes.size(), 1U);
  EXPECT_EQ(list->changes[0].resource, "config/sniffer");
}

TEST_F(ServerTest, ALongPollWithoutNewsAnswersEmptyAfterItsWait) {
  start();
  SealedClient op = connect_operator();
  const auto begin = std::chrono::steady_clock::now();
  const Answer answer = op.call("GET", "/v1/watch?resource=rules&wait=300ms");
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(wire::decode_changes(answer.message.body)->changes.empty());
  EXPECT_GE(took, milliseconds(250));
  EXPECT_LT(took, seconds(10));
  EXPECT_EQ(op.call("GET", "/v1/watch?wait=61s").status, 400);
}

TEST_F(ServerTest, DetectionsAppliedChangesAndAuditAreKept) {
  start();
  SealedClient op = connect_operator();
  Enrolled detector = enrol(op, base::Role::ml_detector);
  base::Detection detection;
  detection.id = "d1";
  detection.kind = "portscan";
  detection.source_ip = "192.0.2.9";
  detection.component = "forged";
  detection.score = 0.9;
  detection.detected_at_ms = clock_.wall_ms();
  ASSERT_EQ(
      detector.client.call("POST", "/v1/detections", wire::encode_detections({detection})).status,
      200);
  const Json list =
      Json::parse(op.call("GET", "/v1/detections?kind=portscan&since=1h").message.body);
  ASSERT_EQ(list["detections"].size(), 1U);
  EXPECT_EQ(list["detections"][0]["component"], "ml-detector");
  EXPECT_GT(list["detections"][0]["revision"], 0);

  base::Applied applied;
  applied.component = "ml-detector";
  applied.resource = "config";
  applied.revision = 1;
  ASSERT_EQ(detector.client.call("POST", "/v1/applied", wire::encode(applied)).status, 200);
  EXPECT_EQ(Json::parse(op.call("GET", "/v1/applied").message.body)["applied"].size(), 1U);
  // The same again with a note: only the audit trail hears of it.
  applied.note = "repaired";
  ASSERT_EQ(detector.client.call("POST", "/v1/applied", wire::encode(applied)).status, 200);
  const Json newest = Json::parse(op.call("GET", "/v1/audit").message.body)["audit"][0];
  EXPECT_EQ(newest["action"], "config.repaired");
  EXPECT_EQ(newest["subject"], "components/ml-detector");
  EXPECT_EQ(newest["detail"], "repaired");
  EXPECT_GT(Json::parse(op.call("GET", "/v1/changes").message.body)["changes"].size(), 0U);
  EXPECT_GT(Json::parse(op.call("GET", "/v1/audit").message.body)["audit"].size(), 0U);
  EXPECT_EQ(Json::parse(op.call("GET", "/v1/verify").message.body)["status"], "ok");
}

TEST_F(ServerTest, ABackupIsFetchedInPiecesAndIsADatabase) {
  start();
  SealedClient op = connect_operator();
  op.call("PUT", "/v1/config/sniffer", "{}");
  const Answer made = op.call("POST", "/v1/backups");
  ASSERT_EQ(made.status, 200) << made.message.body;
  const Json backup = Json::parse(made.message.body);
  std::string database;
  for (;;) {
    const Answer piece =
        op.call("GET", "/v1/backups/" + backup["id"].get<std::string>() +
                           "?length=5000&offset=" + std::to_string(database.size()));
    ASSERT_EQ(piece.status, 200);
    if (piece.message.body.empty()) break;
    database += piece.message.body;
  }
  EXPECT_EQ(database.size(), backup["size"].get<std::size_t>());
  EXPECT_EQ(database.substr(0, 15), "SQLite format 3");
  EXPECT_EQ(op.call("DELETE", "/v1/backups/" + backup["id"].get<std::string>()).status, 200);
  EXPECT_EQ(reason(op.call("GET", "/v1/backups/" + backup["id"].get<std::string>())), "no_backup");
}

TEST_F(ServerTest, AllThatWasAcknowledgedIsThereAfterARestart) {
  start();
  {
    SealedClient op = connect_operator();
    ASSERT_EQ(op.call("PUT", "/v1/config/sniffer", R"({"kept":true})").status, 200);
  }
  server_->stop();
  server_.reset();
  start();
  SealedClient op = connect_operator();
  EXPECT_EQ(op.call("GET", "/v1/config/sniffer").message.body, R"({"kept":true})");
}

TEST_F(ServerTest, StoppingAnswersTheLongPolls) {
  start();
  SealedClient op = connect_operator();
  const auto request = op.seal("GET", "/v1/watch?wait=60s");
  op.send("GET", "/v1/watch?wait=60s", request.sealed);
  await_long_polls(1);
  const auto begin = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(10));
  EXPECT_EQ(op.receive(request.counter).status, 200);
}

TEST_F(ServerTest, ASecondServerOnTheSamePortOrFolderIsRefusedByName) {
  start();
  ServerOptions second = options_;
  second.http.port = server_->port();
  second.data_dir = folder_ + "/second";
  auto same_port = Server::start(second, clock_);
  ASSERT_FALSE(same_port.ok());
  EXPECT_EQ(same_port.error().reason, "port_in_use");
  second.http.port = 0;
  second.data_dir = folder_;
  auto same_folder = Server::start(second, clock_);
  ASSERT_FALSE(same_folder.ok());
  EXPECT_EQ(same_folder.error().reason, "data_dir_in_use");
}

TEST_F(ServerTest, AnOperatorKeyOfAnotherClusterIsRefusedByName) {
  start();
  server_.reset();
  std::filesystem::remove(folder_ + "/cluster.key");
  auto other = Server::start(options_, clock_);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().reason, "other_cluster");
}

TEST_F(ServerTest, APeerWhoseSnapshotsBrokeOffGetsAnotherAndKeepsNobodyElseWaiting) {
  start();
  wire::ClientIdentity peer;
  peer.cluster_public_key = server_->cluster().server_keys().public_key;
  peer.own = server_->cluster().peer_keys();
  auto connected = SealedClient::connect(server_->port(), peer);
  ASSERT_TRUE(connected.ok()) << connected.error().message;
  for (std::size_t i = 0; i < 2 * kBackupsMax; ++i) {
    EXPECT_EQ(connected->call("POST", "/v1/backups").status, 200) << i;
  }
  SealedClient op = connect_operator();
  EXPECT_EQ(op.call("POST", "/v1/backups").status, 200);
}

}  // namespace
}  // namespace mlguard::server::test
