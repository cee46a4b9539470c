// The real ml-guard against a real etcd-server: what an operator types, and what comes back.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "support/packet_fixtures.h"
#include "support/server_process.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

namespace mlguard::cli {
namespace {

using support::CommandResult;

// One server for all tests here: each uses names of its own.
class CliE2eTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new support::ServerProcess();
    const auto started = server_->start();
    ASSERT_TRUE(started.ok()) << started.error().message;
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  static CommandResult cli(const std::vector<std::string>& arguments,
                           const std::string& input = {}) {
    return support::ml_guard(*server_, arguments, input);
  }
  // Runs, expects success, and returns what it printed.
  static std::string run(const std::vector<std::string>& arguments, const std::string& input = {}) {
    const CommandResult result = cli(arguments, input);
    EXPECT_EQ(result.exit.code, 0) << testing::PrintToString(arguments) << "\n"
                                   << result.out << result.err;
    return result.out;
  }
  static void register_component(const std::string& name) {
    run({"api", "POST", "/register", "-d",
         R"({"component":")" + name + R"(","instance_id":"i1","version":"1.2","address":"h:1"})"});
    run({"api", "POST", "/heartbeat", "-d",
         R"({"component":")" + name + R"(","instance_id":"i1","seq":1,"status":"ok"})"});
  }

  static support::ServerProcess* server_;
  support::TempDir folder_;
};

support::ServerProcess* CliE2eTest::server_ = nullptr;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(CliE2eTest, FeaturesShowsTheFlowsOfACapture) {
  // One UDP packet from 10.0.0.1 to 192.168.2.3, of 32 bytes, in a pcap file (little endian).
  const auto bytes = support::bytes_of_hex(
      "d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000 00f15365 00000000 2e000000 2e000000" +
      support::hex::kMacs + support::hex::kIpv4Type + support::hex::ipv4("0020", "11") +
      support::hex::kUdp + "00010203");
  const std::string capture = folder_ / "one.pcap";
  support::write_text(capture, std::string(bytes.begin(), bytes.end()));
  EXPECT_TRUE(contains(run({"features", capture}), "10.0.0.1:55555"));
  EXPECT_TRUE(
      contains(run({"features", capture, "-o", "raw"}), "\n10.0.0.1,192.168.2.3,55555,53,17,"));
  EXPECT_TRUE(contains(run({"features", capture, "-o", "json"}), R"("fwd_packets":1)"));
  const CommandResult absent = cli({"features", folder_ / "absent.pcap"});
  EXPECT_EQ(absent.exit.code, 1);
  EXPECT_TRUE(contains(absent.err, "absent.pcap")) << absent.err;
  support::write_text(capture, "no capture at all");
  EXPECT_EQ(cli({"features", capture}).exit.code, 1);
}

TEST_F(CliE2eTest, PipelineKeysAreListedAndRotatedOnce) {
  std::string raw;
  ASSERT_TRUE(support::wait_until([&] {
    raw = run({"pipeline-keys", "-o", "raw"});
    return contains(raw, "1\tactive\t");
  })) << raw;
  const std::string rotated = run({"pipeline-keys", "rotate"});
  EXPECT_TRUE(contains(rotated, "pipeline key 2 is announced and becomes active in 10 min") ||
              contains(rotated, "becomes active in 9 min"))
      << rotated;
  const std::string table = run({"pipeline-keys"});
  EXPECT_TRUE(contains(table, "ACTIVE FROM")) << table;
  EXPECT_TRUE(contains(table, "retiring")) << table;
  EXPECT_TRUE(contains(table, "announced")) << table;
  const std::string json = run({"pipeline-keys", "-o", "json"});
  EXPECT_TRUE(contains(json, "\"state\": \"announced\"")) << json;
  EXPECT_FALSE(contains(json, "\"key\"")) << json;
  const CommandResult again = cli({"pipeline-keys", "rotate"});
  EXPECT_NE(again.exit.code, 0);
  EXPECT_TRUE(contains(again.err, "ml-guard pipeline-keys")) << again.err;
}

TEST_F(CliE2eTest, StatusNeedsNoSetUpOnTheServersHost) {
  const std::string out = run({"status"});
  EXPECT_TRUE(contains(out, "health      ok")) << out;
  EXPECT_TRUE(contains(out, "leader")) << out;
  EXPECT_TRUE(contains(run({"status", "-o", "json"}), "\"revision\":"));
  EXPECT_TRUE(contains(run({"version"}), "etcd-server  0."));
}

TEST_F(CliE2eTest, AComponentIsListedShownAndRemoved) {
  register_component("sniffer-a");
  EXPECT_TRUE(contains(run({"components"}), "sniffer-a  healthy"));
  EXPECT_TRUE(contains(run({"health"}), "sniffer-a"));
  EXPECT_TRUE(contains(run({"component", "get", "sniffer-a"}), "instance_id     i1"));
  // A component may be called like a command.
  EXPECT_EQ(cli({"component", "get", "health"}).exit.code, 5);
  EXPECT_EQ(cli({"component", "rm", "sniffer-a"}).exit.code, 2);  // nobody to ask
  run({"component", "rm", "sniffer-a", "--yes"});
  const CommandResult gone = cli({"component", "get", "sniffer-a"});
  EXPECT_EQ(gone.exit.code, 5);
  EXPECT_TRUE(contains(gone.err, "try: ml-guard components")) << gone.err;
}

TEST_F(CliE2eTest, DocumentsOfThreeSizesComeBackByteForByte) {
  const std::string text(1'000'000, 'x');
  const std::vector<std::string> documents = {"{ \"a\" :\t1.50, \"b\": \"caf\xc3\xa9\" }\n\n",
                                              "{\"pad\": \"" + std::string(4'000, 'y') + "\"}",
                                              "{\"pad\": \"" + text + "\"}\r\n"};
  for (const std::string& document : documents) {
    support::write_text(folder_ / "in.json", document);
    run({"config", "put", "sniffer-trip", folder_ / "in.json"});
    EXPECT_TRUE(run({"config", "get", "sniffer-trip"}) == document);
    EXPECT_TRUE(run({"config", "get", "sniffer-trip", "-o", "raw"}) == document);
    run({"config", "get", "sniffer-trip", "--output-file", folder_ / "out.json"});
    EXPECT_TRUE(support::read_text(folder_ / "out.json") == document);
    struct stat info {};
    ASSERT_EQ(stat((folder_ / "out.json").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
  }
  EXPECT_TRUE(run({"config", "get", "sniffer-trip", "--version", "1"}) == documents[0]);
}

TEST_F(CliE2eTest, SetChangesOneValueAndNothingElse) {
  run({"config", "put", "sniffer-set", "-"}, "{ \"a\": {\"b\": 1},\n  \"n\": 1e3 }\n");
  EXPECT_EQ(run({"config", "set", "sniffer-set", "a.b", "0.9"}),
            "a.b = 0.9 (was 1): sniffer-set is at version 2\n");
  EXPECT_EQ(run({"config", "get", "sniffer-set"}), "{ \"a\": {\"b\": 0.9},\n  \"n\": 1e3 }\n");
  EXPECT_EQ(run({"config", "get", "sniffer-set", "a.b"}), "0.9\n");
  run({"config", "set", "sniffer-set", "name", "eth1"});
  EXPECT_EQ(run({"config", "get", "sniffer-set", "/name"}), "\"eth1\"\n");
  run({"config", "set", "sniffer-set", "name", "eth1"});  // nothing to do: no new version
  EXPECT_TRUE(contains(run({"config", "history", "sniffer-set"}), "active"));
  EXPECT_EQ(cli({"config", "get", "sniffer-set", "--version", "4"}).exit.code, 5);
  EXPECT_EQ(cli({"config", "get", "sniffer-set", "a.zz"}).exit.code, 5);
  EXPECT_EQ(cli({"config", "set", "sniffer-set", "n.x", "1"}).exit.code, 1);
}

TEST_F(CliE2eTest, HistoryDiffAndRollbackWork) {
  run({"config", "put", "sniffer-h", "-", "--comment", "first"}, "{\n  \"a\": 1\n}\n");
  run({"config", "put", "sniffer-h", "-", "--comment", "second"}, "{\n  \"a\": 2\n}\n");
  const std::string diff = "@@ -1,3 +1,3 @@\n {\n-  \"a\": 1\n+  \"a\": 2\n }\n";
  EXPECT_TRUE(contains(run({"config", "diff", "sniffer-h"}), diff));
  EXPECT_TRUE(contains(run({"config", "diff", "sniffer-h", "1", "2"}), diff));
  support::write_text(folder_ / "file.json", "{\n  \"a\": 2\n}\n");
  EXPECT_TRUE(contains(run({"config", "diff", "sniffer-h", "1", folder_ / "file.json"}), diff));
  run({"config", "rollback", "sniffer-h", "1", "--comment", "back"});
  EXPECT_EQ(run({"config", "get", "sniffer-h"}), "{\n  \"a\": 1\n}\n");
  const std::string history = run({"config", "history", "sniffer-h"});
  EXPECT_TRUE(contains(history, "first")) << history;
  EXPECT_TRUE(contains(history, "      3  active")) << history;
  EXPECT_EQ(cli({"config", "rollback", "sniffer-h", "99"}).exit.code, 5);
  EXPECT_TRUE(contains(run({"config", "list"}), "sniffer-h"));
  run({"config", "rm", "sniffer-h", "--yes"});
  EXPECT_EQ(cli({"config", "get", "sniffer-h"}).exit.code, 5);
}

TEST_F(CliE2eTest, EveryRefusalIsDistinctAndChangesNothing) {
  run({"config", "put", "sniffer-r", "-"}, "{}");
  const CommandResult mismatch =
      cli({"config", "put", "sniffer-r", "-", "--if-version", "7"}, "{\"a\":1}");
  EXPECT_EQ(mismatch.exit.code, 6);
  EXPECT_TRUE(contains(mismatch.err, "try: ml-guard config history sniffer-r")) << mismatch.err;
  const CommandResult invalid = cli({"config", "put", "sniffer-r", "-"}, "{\"a\":}");
  EXPECT_EQ(invalid.exit.code, 1);
  EXPECT_TRUE(contains(invalid.err, "line 1, column 6")) << invalid.err;
  const CommandResult large =
      cli({"config", "put", "sniffer-r", "-"}, "\"" + std::string(5'000'000, 'x') + "\"");
  EXPECT_EQ(large.exit.code, 1);
  EXPECT_TRUE(contains(large.err, "4.0 MiB")) << large.err;
  EXPECT_EQ(cli({"config", "put", "Sniffer_R", "-"}, "{}").exit.code, 1);
  const CommandResult none = cli({"config", "get", "sniffer-none"});
  EXPECT_EQ(none.exit.code, 5);
  EXPECT_TRUE(contains(none.err, "ml-guard config put sniffer-none FILE")) << none.err;
  EXPECT_EQ(cli({"api", "PUT", "/v1/config/sniffer-r", "-d", "{oops"}).exit.code, 1);
  EXPECT_EQ(run({"config", "get", "sniffer-r"}), "{}");
  EXPECT_TRUE(contains(run({"config", "get", "sniffer-r", "-o", "json"}), "\"version\": 1,"));
}

TEST_F(CliE2eTest, EditShowsTheDifferenceAndStoresIt) {
  run({"config", "put", "sniffer-e", "-"}, "{\"a\": 1}\n");
  support::ProcessOptions options;
  options.arguments = {support::binary("ml-guard"), "config", "edit", "sniffer-e", "--yes"};
  options.environment = server_->environment();
  options.environment.emplace_back("EDITOR", "sed -i s/1/2/");
  const CommandResult edited = support::run_command(options);
  EXPECT_EQ(edited.exit.code, 0) << edited.err;
  EXPECT_TRUE(contains(edited.out, "-{\"a\": 1}\n+{\"a\": 2}\n")) << edited.out;
  EXPECT_EQ(run({"config", "get", "sniffer-e"}), "{\"a\": 2}\n");
  options.environment.back().second = "sed -i s/}/,}/";
  const CommandResult broken = support::run_command(options);
  EXPECT_EQ(broken.exit.code, 1);
  EXPECT_TRUE(contains(broken.err, "your text is in /")) << broken.err;
  EXPECT_EQ(run({"config", "get", "sniffer-e"}), "{\"a\": 2}\n");
}

TEST_F(CliE2eTest, WatchSaysWhenTheConfigurationChanges) {
  run({"config", "put", "sniffer-w", "-"}, "{\"a\": 1}");
  support::ProcessOptions options;
  options.arguments = {support::binary("ml-guard"), "config", "watch", "sniffer-w", "--count", "2"};
  options.environment = server_->environment();
  support::Process watch = support::Process::start(options);
  ASSERT_TRUE(support::wait_until([&] { return contains(watch.out(), "version 1"); }))
      << watch.err();
  run({"config", "put", "sniffer-w", "-"}, "{\"a\": 2}");
  const auto exit = watch.wait_exit(support::kPatienceMs);
  ASSERT_TRUE(exit.has_value());
  EXPECT_TRUE(exit->ok()) << exit->text();
  EXPECT_TRUE(contains(watch.out(), "sniffer-w version 2")) << watch.out();
}

TEST_F(CliE2eTest, RulesAreAddedListedAndRemovedByIdOrNetwork) {
  EXPECT_TRUE(contains(run({"rules", "add", "203.0.113.7", "--ttl", "1h", "--reason", "scan"}),
                       "blocked: 203.0.113.7 until"));
  run({"rules", "add", "192.0.2.0/24", "--action", "allow", "--id", "printers"});
  const std::string list = run({"rules", "list"});
  EXPECT_TRUE(contains(list, "203.0.113.7/32")) << list;
  EXPECT_TRUE(contains(list, "in 60 min") || contains(list, "in 59 min")) << list;
  EXPECT_TRUE(contains(list, "printers")) << list;
  run({"rules", "rm", "203.0.113.7"});
  run({"rules", "rm", "printers"});
  EXPECT_TRUE(contains(run({"rules", "list"}), "no rules yet"));
  const CommandResult none = cli({"rules", "rm", "203.0.113.7"});
  EXPECT_EQ(none.exit.code, 5);
  EXPECT_TRUE(contains(none.err, "try: ml-guard rules list")) << none.err;
  EXPECT_EQ(cli({"rules", "add", "not-an-address"}).exit.code, 1);
}

TEST_F(CliE2eTest, ATokenLetsAnOperatorInOnce) {
  const std::string token = run({"token", "create", "--role", "operator", "-o", "raw"});
  const std::string text = token.substr(0, token.size() - 1);
  const std::string key = folder_ / "home/operator.key";
  const CommandResult enrolled =
      cli({"enroll", "-", "--name", "alice", "--credentials", key}, token);
  ASSERT_EQ(enrolled.exit.code, 0) << enrolled.err;
  struct stat info {};
  ASSERT_EQ(stat(key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  run({"--credentials", key, "config", "put", "sniffer-alice", "-"}, "{}");
  EXPECT_TRUE(contains(run({"audit"}), "alice"));
  const CommandResult again = cli({"enroll", text, "--credentials", folder_ / "home/second.key"});
  EXPECT_EQ(again.exit.code, 4) << again.err;
  EXPECT_TRUE(contains(again.err, "try: ml-guard token create")) << again.err;
  EXPECT_TRUE(contains(run({"token", "list"}), "used"));
  EXPECT_EQ(cli({"enroll", "mlg1.nonsense", "--credentials", folder_ / "x"}).exit.code, 1);
}

TEST_F(CliE2eTest, ARevokedTokenAndAnotherRoleAreRefused) {
  const std::string created = run({"token", "create", "--role", "sniffer"});
  EXPECT_TRUE(contains(created, "sniffer --endpoints")) << created;
  EXPECT_TRUE(contains(created, "--join mlg1.")) << created;
  const std::string id = created.substr(6, 16);
  const std::string token = run({"token", "create", "--role", "sniffer", "-o", "raw"});
  run({"token", "revoke", id});
  EXPECT_TRUE(contains(run({"token", "list"}), "revoked"));
  const std::string key = folder_ / "sniffer.key";
  const CommandResult enrolled =
      cli({"enroll", "-", "--name", "sniffer", "--credentials", key}, token);
  ASSERT_EQ(enrolled.exit.code, 0) << enrolled.err;
  const CommandResult refused = cli({"--credentials", key, "rules", "add", "10.0.0.1"});
  EXPECT_EQ(refused.exit.code, 4) << refused.err;
  EXPECT_TRUE(contains(refused.err, "operator")) << refused.err;
  // Nobody who is refused waits for the record.
  EXPECT_TRUE(support::wait_until([] { return contains(run({"audit"}), "refused"); }));
}

TEST_F(CliE2eTest, ApiIsCurlForTheSealedApi) {
  EXPECT_TRUE(contains(run({"api", "get", "/info"}), "\"ml-guard\""));
  const CommandResult put =
      cli({"api", "PUT", "/v1/config/sniffer-api", "-d", "{}", "-f", "comment=by hand", "-i"});
  EXPECT_EQ(put.exit.code, 0) << put.err;
  EXPECT_EQ(put.out.find("200\n"), 0U) << put.out;
  EXPECT_TRUE(contains(run({"config", "history", "sniffer-api"}), "by hand"));
  const CommandResult none = cli({"api", "GET", "/v1/nothing"});
  EXPECT_EQ(none.exit.code, 5);
  EXPECT_TRUE(contains(none.err, "try: ml-guard api GET /info")) << none.err;
  EXPECT_EQ(cli({"api", "DELETE", "/health"}).exit.code, 1);
}

TEST_F(CliE2eTest, ChangesAndAuditTellTheStory) {
  run({"config", "put", "sniffer-story", "-"}, "{}");
  EXPECT_TRUE(contains(run({"changes"}), "config/sniffer-story"));
  EXPECT_TRUE(contains(run({"changes", "--resource", "config/sniffer-story"}), "sniffer-story"));
  EXPECT_TRUE(contains(run({"audit"}), "config.put"));
  EXPECT_TRUE(contains(run({"detections"}), "no detections"));
}

TEST_F(CliE2eTest, BackupIsAWholeDatabaseAndVerifyAgrees) {
  run({"config", "put", "sniffer-b", "-"}, "{}");
  const std::string file = folder_ / "state.db";
  EXPECT_TRUE(contains(run({"backup", file}), "sha256"));
  EXPECT_EQ(support::read_text(file).substr(0, 15), "SQLite format 3");
  struct stat info {};
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(cli({"backup", file}).exit.code, 1);  // never over a file
  run({"backup", file, "--force"});
  EXPECT_TRUE(contains(run({"verify"}), "everything agrees"));
}

TEST_F(CliE2eTest, BenchMeasuresAndLeavesNothingBehind) {
  for (const std::string operation : {"put", "get", "heartbeat", "watch"}) {
    const std::string json =
        run({"bench", operation, "--clients", "2", "--duration", "1s", "-o", "raw"});
    EXPECT_TRUE(contains(json, "\"errors\":0")) << json;
    EXPECT_FALSE(contains(json, "\"operations\":0,")) << json;
  }
  EXPECT_FALSE(contains(run({"config", "list"}), "bench-"));
  EXPECT_FALSE(contains(run({"components"}), "bench-"));
}

TEST_F(CliE2eTest, AStoppedServerIsNamed) {
  support::ServerProcess other;
  ASSERT_TRUE(other.start().ok());
  EXPECT_EQ(support::ml_guard(other, {"status"}).exit.code, 0);
  other.terminate();
  const CommandResult gone = support::ml_guard(other, {"status"});
  EXPECT_EQ(gone.exit.code, 3);
  EXPECT_TRUE(contains(gone.err, "try: etcd-server --port " + std::to_string(other.port())))
      << gone.err;
}

}  // namespace
}  // namespace mlguard::cli
