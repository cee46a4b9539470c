// Flows in, detections and rules out, over real processes: etcd-server, ml-detector, and a sender
// that seals batches as a sniffer does. Both are killed in the middle: what was queued arrives, and
// arrives once.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "live.h"
#include "pipeline/flow_sender.h"
#include "tests/unit/detector_live/records.h"
#include "tests/unit/ml_detector/trained_models.h"

namespace mlguard::e2e {
namespace {

using flow::FlowRecord;
using ml_detector::conversation;
using nlohmann::json;
using support::wait_until;

constexpr std::int64_t kPatienceMs = support::kPatienceMs * kSlowdown;
constexpr int kSourcesDefault = 24;
constexpr std::chrono::seconds kDrain{5 * kSlowdown};
constexpr std::uint32_t kVictim = 0xFE0001;  // 10.254.0.1
// One source in each /24, so that the bound on neighbours does not count.
std::uint32_t source_number(int i) { return (static_cast<std::uint32_t>(i) << 8U) + 5; }
std::string cidr_of(int i) { return "10.0." + std::to_string(i) + ".5/32"; }

std::vector<FlowRecord> scan_from(std::uint32_t source, std::uint16_t ports = 80) {
  flow::Recorder recorder;
  for (std::uint16_t port = 1; port <= ports; ++port) {
    recorder.add(flow::tcp({source, kVictim, 50'000, port}, MLG_TCP_SYN), port * flow::kMs);
  }
  recorder.tracker.finish();
  return recorder.records;
}

std::vector<FlowRecord> forged_flood() {
  flow::Recorder recorder;
  for (std::uint32_t i = 0; i < 2'000; ++i) {
    recorder.add(flow::tcp({0x640000 + i, kVictim + 1, 50'000, 80}, MLG_TCP_SYN), i * flow::kMs);
  }
  recorder.tracker.finish();
  return recorder.records;
}

std::vector<FlowRecord> logons_from(std::uint32_t source) {
  std::vector<FlowRecord> records;
  for (std::uint16_t i = 0; i < 40; ++i) {
    const flow::Ends ends{source, kVictim, static_cast<std::uint16_t>(40'000 + i), 22};
    records.push_back(conversation(ends, i * 500 * flow::kMs));
  }
  return records;
}

class DetectionTest : public LiveServerTest {
 protected:
  void SetUp() override {
    start();
    const auto faster = support::ml_guard(server_, {"config", "put", "global", "-"},
                                          R"({"heartbeat":{"interval_s":1}})");
    ASSERT_EQ(faster.exit.code, 0) << faster.err;
    const json config = {{"ingest", {{"endpoint", endpoint()}}},
                         {"rules", {{"per_minute_max", 10'000}}}};
    support::write_text(folder_ / "detector.json", config.dump());
    start_detector();
    start_sender();
  }

  std::string endpoint() const { return "ipc://" + (folder_ / "pipe"); }

  void start_detector() {
    detector_.emplace(start_agent("ml-detector", "ml-detector",
                                  {"--config", folder_ / "detector.json", "--state",
                                   folder_ / "state", "--models", folder_ / "none"}));
    const auto has_keys = [&] {
      return detector_->err().find("pipeline keys applied") != std::string::npos;
    };
    ASSERT_TRUE(wait_until(has_keys, kPatienceMs)) << detector_->err();
  }
  // Kills it, and starts it again on what it left.
  void kill_detector() {
    detector_->kill_now();
    support::ProcessOptions again;
    again.arguments = {support::binary("ml-detector"),
                       "--endpoints",
                       server_.endpoint(),
                       "--credentials",
                       credential_path("ml-detector"),
                       "--state",
                       folder_ / "state",
                       "--models",
                       folder_ / "none"};
    detector_.emplace(support::Process::start(again));
  }

  void start_sender() {
    const auto client = agent_client(base::Role::sniffer, "sniffer");
    ASSERT_NE(client, nullptr);
    const auto keys = client->pipeline_keys();
    ASSERT_TRUE(keys.ok()) << keys.error().message;
    pipeline::FlowSenderOptions options;
    options.endpoint = endpoint();
    options.sniffer = "sniffer";
    auto started = pipeline::FlowSender::start(options, clock_);
    ASSERT_TRUE(started.ok());
    sender_ = std::move(*started);
    ASSERT_TRUE(sender_->set_keys(keys->keys).ok());
  }
  void send(const std::vector<FlowRecord>& records) {
    for (const FlowRecord& record : records) sender_->offer(record);
    sender_->drain(kDrain);
  }

  json get(const std::string& target) {
    const auto client = operator_client();
    if (!client) return {};
    etcd_client::RawRequest request;
    request.target = target;
    const auto answer = client->call(request);
    if (!answer.ok() || answer->status != 200) return {};
    return json::parse(answer->body);
  }
  json list(const std::string& what) { return get("/v1/" + what + "?limit=1000")[what]; }
  // Of the detector's last heartbeat, as JSON.
  std::string counter(const std::string& name) {
    return json_at(get("/components/ml-detector").dump(), "/heartbeat/detail" + name);
  }
  std::multiset<std::string> blocked() {
    std::multiset<std::string> cidrs;
    for (const json& rule : list("rules")) cidrs.insert(rule["cidr"]);
    return cidrs;
  }

  base::SystemClock clock_;
  std::optional<support::Process> detector_;
  std::unique_ptr<pipeline::FlowSender> sender_;
};

TEST_F(DetectionTest, AttacksAreReportedAndTheirSourcesBlockedOnceEach) {
  send(scan_from(source_number(1)));
  send(logons_from(source_number(2)));
  send(forged_flood());
  ASSERT_TRUE(wait_until([&] { return blocked().size() == 2; }, kPatienceMs));
  EXPECT_EQ(blocked(), (std::multiset<std::string>{cidr_of(1), cidr_of(2)}));
  const auto flood_told = [&] {
    const json all = list("detections");
    return std::any_of(all.begin(), all.end(), [](const json& d) { return d["kind"] == "ddos"; });
  };
  ASSERT_TRUE(wait_until(flood_told, kPatienceMs));
  // Detections travel after the rules that they have led to.
  std::map<std::string, int> with_rule;
  const auto both_told = [&] {
    with_rule.clear();
    for (const json& detection : list("detections")) {
      if (!detection.value("rule_id", "").empty()) ++with_rule[detection["kind"]];
    }
    return with_rule.size() == 2;
  };
  EXPECT_TRUE(wait_until(both_told, kPatienceMs));
  EXPECT_EQ(with_rule, (std::map<std::string, int>{{"portscan", 1}, {"bruteforce", 1}}));
  for (const json& detection : list("detections")) {
    if (detection["kind"] != "ddos") continue;
    EXPECT_EQ(detection.value("source_ip", ""), "");
    EXPECT_EQ(detection["destination_ip"], "10.254.0.2");
  }
}

TEST_F(DetectionTest, AModelIsPushedActivatedAndRolledBackWithoutARestart) {
  const auto make = [&](std::size_t rounds) {
    const std::string text =
        ml_detector::model_file_text(ml_detector::trained_model(3, 6, rounds, 3).xgboost, 3, 6);
    support::write_text(folder_ / ("model-" + std::to_string(rounds)), text);
    const auto pushed = support::ml_guard(
        server_, {"model", "push", folder_ / ("model-" + std::to_string(rounds)), "-o", "raw"});
    EXPECT_EQ(pushed.exit.code, 0) << pushed.err;
    return pushed.out.substr(0, pushed.out.find('\n'));
  };
  const auto judges = [&](const std::string& sha256) {
    return wait_until([&] { return counter("/model/sha256") == sha256; }, kPatienceMs);
  };
  const auto guard = [&](std::vector<std::string> arguments) {
    const auto done = support::ml_guard(server_, std::move(arguments));
    EXPECT_EQ(done.exit.code, 0) << done.err;
    return done.out;
  };
  const std::string first = make(3);
  const std::string second = make(4);
  guard({"model", "activate", first.substr(0, 16)});
  EXPECT_TRUE(judges(first));
  guard({"model", "activate", second.substr(0, 16)});
  EXPECT_TRUE(judges(second));
  EXPECT_NE(guard({"model", "list"}).find("active"), std::string::npos);
  EXPECT_NE(support::ml_guard(server_, {"model", "rm", second, "--yes"}).exit.code, 0);
  guard({"model", "rollback"});
  EXPECT_TRUE(judges(first));

  // One that hashes to its name and is no model for this build.
  support::write_text(folder_ / "bad", R"({"format":"ml-guard-model","name":"bad","inputs":[]})");
  guard({"model", "push", folder_ / "bad"});
  guard({"model", "activate", "bad"});
  const auto refused = [&] {
    return get("/components/ml-detector").dump().find("is refused, the old one stays") !=
           std::string::npos;
  };
  EXPECT_TRUE(wait_until(refused, kPatienceMs));
  EXPECT_EQ(counter("/model/sha256"), first);
}

TEST_F(DetectionTest, AnOperatorSeesWhyASourceIsBlocked) {
  send(scan_from(source_number(1)));
  ASSERT_TRUE(wait_until([&] { return blocked().size() == 1; }, kPatienceMs));
  std::string id;
  const auto told = [&] {
    for (const json& detection : list("detections")) {
      if (!detection.value("rule_id", "").empty()) id = detection["id"];
    }
    return !id.empty();
  };
  ASSERT_TRUE(wait_until(told, kPatienceMs));
  const auto explained = support::ml_guard(server_, {"detections", "explain", id.substr(0, 8)});
  EXPECT_EQ(explained.exit.code, 0) << explained.err;
  for (const char* part : {"portscan", "10.0.1.5", "ports was", "from 20 on", "forgeable",
                           "blocked by", "port_scan (rules)"}) {
    EXPECT_NE(explained.out.find(part), std::string::npos) << part << "\n" << explained.out;
  }
  EXPECT_NE(support::ml_guard(server_, {"detections", "explain", "zz"}).exit.code, 0);
  const auto listed = support::ml_guard(server_, {"detections", "--source", "10.0.1.5"});
  EXPECT_NE(listed.out.find(id.substr(0, 8)), std::string::npos) << listed.out;
}

TEST_F(DetectionTest, WhatAnOperatorTakesAwayIsNotMadeAgainForAWhile) {
  send(scan_from(source_number(1)));
  ASSERT_TRUE(wait_until([&] { return blocked().count(cidr_of(1)) == 1; }, kPatienceMs));
  // Seen to be in force: what is taken away before that was never there.
  const auto follows = [&] { return counter("/rules_in_force") == "1"; };
  ASSERT_TRUE(wait_until(follows, kPatienceMs));
  const std::string id = list("rules")[0]["id"];
  const auto removed = support::ml_guard(server_, {"rules", "rm", id});
  ASSERT_EQ(removed.exit.code, 0) << removed.err;
  ASSERT_TRUE(wait_until([&] { return counter("/rules_taken_away") == "1"; }, kPatienceMs));
  // The detector says why it does not block; another source is blocked as before.
  const auto says_so = [&] {
    send(scan_from(source_number(1)));
    return !counter("/withheld/rule_removed").empty();
  };
  ASSERT_TRUE(wait_until(says_so, kPatienceMs, 200));
  send(scan_from(source_number(2)));
  ASSERT_TRUE(wait_until([&] { return blocked().count(cidr_of(2)) == 1; }, kPatienceMs));
  EXPECT_EQ(blocked(), std::multiset<std::string>{cidr_of(2)});

  // It is remembered over a kill.
  const auto instance = [&] {
    return json_at(get("/components/ml-detector").dump(), "/instance_id");
  };
  const std::string before = instance();
  kill_detector();
  const auto is_new = [&] {
    return instance() != before && counter("/withheld/rule_removed").empty();
  };
  ASSERT_TRUE(wait_until(is_new, kPatienceMs));
  const auto again = [&] {
    send(scan_from(source_number(1)));
    return !counter("/withheld/rule_removed").empty();
  };
  EXPECT_TRUE(wait_until(again, kPatienceMs, 200));
  EXPECT_EQ(blocked().count(cidr_of(1)), 0U);
}

TEST_F(DetectionTest, KilledAtAnyMomentNoRuleIsLostAndNoneComesTwice) {
  const char* text = std::getenv("MLGUARD_ROUNDS");
  const int sources = text != nullptr ? std::clamp(std::atoi(text), 4, 200) : kSourcesDefault;
  for (int i = 1; i <= sources; ++i) {
    send(scan_from(source_number(i)));
    if (i % 6 == 2) server_.kill9();
    if (i % 4 == 3) kill_detector();
    if (i % 6 == 5) start();
  }
  if (!server_.process().running()) start();
  // What was on its way to a detector that died is gone with it: the attacker goes on. A source
  // whose rule is in the queue counts as blocked, and a rule that had got lost there would never
  // be made again.
  for (int i = 1; i <= sources; ++i) {
    const auto is_blocked = [&] {
      if (blocked().count(cidr_of(i)) > 0) return true;
      send(scan_from(source_number(i)));
      return false;
    };
    EXPECT_TRUE(wait_until(is_blocked, kPatienceMs, 200)) << cidr_of(i);
  }
  EXPECT_EQ(blocked().size(), static_cast<std::size_t>(sources));
  EXPECT_TRUE(wait_until([&] { return counter("/queue/rules") == "0"; }, kPatienceMs));
  std::map<std::string, int> by_rule;
  const auto all_told = [&] {
    by_rule.clear();
    for (const json& detection : list("detections")) {
      const std::string rule = detection.value("rule_id", "");
      if (!rule.empty()) ++by_rule[rule];
    }
    return by_rule.size() == static_cast<std::size_t>(sources);
  };
  EXPECT_TRUE(wait_until(all_told, kPatienceMs, 200)) << by_rule.size();
  EXPECT_TRUE(wait_until([&] { return counter("/queue/detections") == "0"; }, kPatienceMs));
  for (const auto& [rule, count] : by_rule) EXPECT_EQ(count, 1) << rule;
}

}  // namespace
}  // namespace mlguard::e2e
