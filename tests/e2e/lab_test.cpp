// The lab as a user runs it: the whole pipeline in network namespaces, from the attacker's first
// packet to the gateway's dropping it.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "live.h"

namespace mlguard::e2e {
namespace {

class LabTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    constexpr std::int64_t kUpMs = 120'000;
    const auto up = lab({"up"}, kUpMs);
    ASSERT_TRUE(up.exit.ok()) << up.out << up.err;
  }
  void TearDown() override {
    if (geteuid() != 0) return;
    const auto down = lab({"down"});
    EXPECT_TRUE(down.exit.ok()) << down.err;
    EXPECT_EQ(support::run_shell("ip netns list | grep -c " + prefix_).out, "0\n");
    EXPECT_EQ(support::run_shell("ls -d /sys/fs/bpf/" + prefix_).out, "");
  }

  support::CommandResult lab(std::vector<std::string> arguments,
                             std::int64_t timeout_ms = support::kCommandTimeoutMs) const {
    support::ProcessOptions options;
    options.arguments = {support::binary("ml-guard"), "lab"};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.environment = {{"MLGUARD_LAB_DIR", folder_ / "lab"}, {"MLGUARD_LAB_PREFIX", prefix_}};
    return support::run_command(options, timeout_ms);
  }
  pid_t pid_of(const std::string& name) const {
    return std::stoi(support::read_text(folder_ / ("lab/pid/" + name)));
  }
  std::string rules() const { return lab({"exec", "rules", "list", "-o", "raw"}).out; }

  void expect_blocked(const std::string& kind, const std::string& attacker,
                      const std::vector<std::string>& flags = {}) const {
    std::vector<std::string> arguments = {"attack", kind};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const auto attack = lab(arguments);
    EXPECT_TRUE(attack.exit.ok()) << attack.err;
    EXPECT_NE(attack.out.find("\nblocked "), std::string::npos) << attack.out << attack.err;
    EXPECT_NE(attack.out.find("is served as before"), std::string::npos) << attack.out;
    EXPECT_NE(rules().find(attacker), std::string::npos) << attack.out;
  }

  const std::string prefix_ = "mlgtest" + std::to_string(getpid());
  support::TempDir folder_;
};

TEST_F(LabTest, EachAttackIsSeenBecomesARuleAndIsBlocked) {
  const auto health = lab({"exec", "health", "-o", "json"});
  for (const char* name : {"sniffer", "ml-detector", "firewall", "rag"}) {
    EXPECT_EQ(json_at(health.out, std::string("/components/") + name + "/status"), "healthy");
    EXPECT_EQ(json_at(health.out, std::string("/components/") + name + "/says"), "ok");
  }
  expect_blocked("port-scan", "10.77.1.66", {"--count", "400"});
  expect_blocked("syn-flood", "10.77.1.67", {"--rate", "1000", "--seconds", "6"});
  expect_blocked("brute-force", "10.77.1.68", {"--rate", "20", "--count", "36"});
  expect_blocked("smb-sweep", "10.77.1.69", {"--count", "130"});
  EXPECT_EQ(rules().find("10.77.1.20"), std::string::npos) << "the client";

  // XDP drops them, nftables has them as well, and both are told.
  const auto firewall = lab({"exec", "component", "get", "firewall", "-o", "json"});
  const std::string enforcers = json_at(firewall.out, "/heartbeat/detail/enforcers");
  EXPECT_EQ(json_array_size(enforcers, ""), 2U) << firewall.out;
  EXPECT_EQ(json_at(enforcers, "/0/networks"), "4") << enforcers;
  EXPECT_EQ(json_at(enforcers, "/1/networks"), "4") << enforcers;
}

TEST_F(LabTest, AnAttackIsBlockedThoughTheLeaderDiesInTheMiddle) {
  const auto status = lab({"exec", "status", "-o", "json"});
  const std::string leader = json_at(status.out, "/leader");  // 10.77.0.N:2379
  ASSERT_EQ(leader.rfind("10.77.0.", 0), 0U) << status.out;
  const pid_t pid = pid_of("etcd-server-" + leader.substr(8, 1));
  std::thread killer([pid] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    kill(pid, SIGKILL);
  });
  expect_blocked("port-scan", "10.77.1.66", {"--rate", "100"});
  killer.join();
  EXPECT_NE(kill(pid, 0), 0);
}

}  // namespace
}  // namespace mlguard::e2e
