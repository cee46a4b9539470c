// Everything that travels in the lab, on every link and loopback of every machine, from the first
// packet on: nothing of what the control plane and the pipeline say is there to be read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "lab_fixture.h"

namespace mlguard::e2e {
namespace {

constexpr std::size_t kRecordBytesMax = 512 << 20;

class LabSecrecyTest : public LabTest {
 protected:
  void SetUp() override {
    environment_ = {{"MLGUARD_LAB_RECORD", "yes"}};
    LabTest::SetUp();
  }
  // What `host` sent and received so far.
  std::string recorded(const std::string& host) const {
    std::ifstream file(folder_ / ("lab/record/" + host), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_LT(bytes.size(), kRecordBytesMax);
    return bytes;
  }
  void say_openly(const std::string& host, const std::string& to, const std::string& marker) {
    support::run_command(
        on(host, {"/usr/bin/curl", "-s", "-m", "1", "http://" + to + "/" + marker}));
  }
  std::string run(std::vector<std::string> words) {
    words.insert(words.begin(), "exec");
    const auto ran = lab(std::move(words));
    EXPECT_TRUE(ran.exit.ok()) << ran.err;
    return ran.out;
  }
  void put_config(const std::string& component, const std::string& document) {
    const std::string path = folder_ / "document.json";
    support::write_text(path, document);
    run({"config", "put", component, path, "--comment", "marker-comment"});
  }
};

TEST_F(LabSecrecyTest, NothingOnAnyWireCanBeRead) {
  put_config("global", R"({"site": {"name": "marker-site"}, "heartbeat": {"interval_s": 1}})");
  run({"config", "set", "sniffer", "flow.idle_timeout_s", "11"});
  run({"rules", "add", "198.18.7.7", "--id", "marker-rule", "--reason", "marker-reason"});
  std::string token = run({"token", "create", "--role", "sniffer", "-o", "raw"});
  while (!token.empty() && token.back() == '\n') token.pop_back();
  ASSERT_GT(token.size(), 20U);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"attack", "port-scan", "--count", "400"},
        std::vector<std::string>{"attack", "brute-force", "--rate", "10", "--count", "60"}}) {
    const auto attack = lab(words);
    EXPECT_THAT(attack.out, ::testing::HasSubstr("\nblocked ")) << attack.err;
  }
  // Long enough for heartbeats with details of everything, and for what is polled.
  EXPECT_TRUE(support::wait_until(
      [&] {
        return json_at(ask({"component", "get", "firewall", "-o", "json"}),
                       "/heartbeat/detail/rules") == "3";
      },
      support::kPatienceMs, 200));
  // Controls: said in the open, and hence to be found, on each kind of link.
  say_openly("gateway", "10.77.0.1:2379", "control-mgmt");
  say_openly("gateway", "127.0.0.1:5571", "control-pipeline");
  say_openly("cp2", "localhost:2379", "control-loopback");
  say_openly("client", std::string(kLabVictim) + ":80", "control-traffic");
  // The recorders write what they have heard in larger pieces: let them hear it before their end.
  std::this_thread::sleep_for(std::chrono::milliseconds(2'000));
  ASSERT_TRUE(lab({"down"}).exit.ok());

  const std::vector<std::string> hosts = {"cp1",      "cp2",    "cp3",   "gateway",
                                          "attacker", "client", "victim"};
  std::map<std::string, std::string> all;
  for (const std::string& host : hosts) {
    all[host] = recorded(host);
    std::printf("%s: %zu bytes, %s", host.c_str(), all[host].size(), log("record-" + host).c_str());
    EXPECT_THAT(log("record-" + host), ::testing::HasSubstr(" 0 lost")) << host;
  }
  const auto found = [&](const std::string& host, const std::string& words) {
    return all[host].find(words) != std::string::npos;
  };
  EXPECT_TRUE(found("gateway", "control-mgmt") && found("cp1", "control-mgmt"));
  EXPECT_TRUE(found("gateway", "control-pipeline"));
  EXPECT_TRUE(found("cp2", "control-loopback"));
  EXPECT_TRUE(found("gateway", "control-traffic") && found("victim", "control-traffic"));
  // The sealed traffic is there: its paths and fields are in the open (docs/threat-model.md).
  EXPECT_TRUE(found("gateway", "POST /v1/rules")) << "the detector's rules were not recorded";
  EXPECT_TRUE(found("gateway", "X-Session"));
  EXPECT_TRUE(found("cp1", "X-Session") || found("cp2", "X-Session") || found("cp3", "X-Session"));

  const std::vector<std::string> secrets = {
      "marker-site", "marker-comment", "marker-rule",   "marker-reason",  "198.18.7.7",
      token,         "idle_timeout_s", "\"component\"", "last_heartbeat", "data_plane",
      "half_open",   "10.77.1.66/32",  "\"source_ip\"", "\"cidr\"",       "instance_id",
      "port_scan",   "flows-v1",       "may be forged", "rules.put",      "identity.enrol"};
  for (const std::string& host : hosts) {
    for (const std::string& secret : secrets) {
      EXPECT_FALSE(found(host, secret)) << "'" << secret << "' can be read on a wire of " << host;
    }
  }
}

}  // namespace
}  // namespace mlguard::e2e
