// The lab as a user runs it, with folder and namespaces of this test's own. One thread, except for
// what is const.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "live.h"

namespace mlguard::e2e {

inline constexpr const char* kLabVictim = "10.77.2.80";
// Taking it down ends up to seventeen processes one after the other, each given five seconds.
inline constexpr std::int64_t kLabCommandMs = 180'000;

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
    // The brackets keep the pattern from finding itself.
    const std::string mine = "'[/]" + folder_.path().substr(1) + "'";
    EXPECT_EQ(support::run_shell("pgrep -af " + mine).out, "") << "still running";
  }

  support::CommandResult lab(std::vector<std::string> arguments,
                             std::int64_t timeout_ms = kLabCommandMs) const {
    support::ProcessOptions options;
    options.arguments = {support::binary("ml-guard"), "lab"};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.environment = environment_;
    options.environment.emplace_back("MLGUARD_LAB_DIR", folder_ / "lab");
    options.environment.emplace_back("MLGUARD_LAB_PREFIX", prefix_);
    return support::run_command(options, timeout_ms);
  }
  // ml-guard's output, as the lab's operator.
  std::string ask(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "exec");
    const auto ran = lab(std::move(arguments));
    return ran.exit.ok() ? ran.out : std::string();
  }
  std::string rules() const { return ask({"rules", "list", "-o", "raw"}); }
  std::string log(const std::string& name) const {
    return support::read_text(folder_ / ("lab/log/" + name + ".log"));
  }
  pid_t pid_of(const std::string& name) const {
    return std::stoi("0" + support::read_text(folder_ / ("lab/pid/" + name)));
  }
  bool leads(const std::string& host) const {  // "10.77.0.1"
    return json_at(ask({"status", "-o", "json"}), "/leader") == host + ":2379";
  }
  std::string leader() const {  // "etcd-server-1"; empty: none is known
    const std::string address = json_at(ask({"status", "-o", "json"}), "/leader");
    return address.rfind("10.77.0.", 0) == 0 ? "etcd-server-" + address.substr(8, 1) : "";
  }

  // A program on one of the lab's machines.
  support::ProcessOptions on(const std::string& host, std::vector<std::string> command) const {
    support::ProcessOptions options;
    options.arguments = {"/usr/bin/nsenter", "--net=/run/netns/" + prefix_ + "-" + host};
    options.arguments.insert(options.arguments.end(), command.begin(), command.end());
    return options;
  }
  support::ProcessOptions traffic(const std::string& host, std::vector<std::string> words) const {
    words.insert(words.begin(), support::binary("ml-guard-lab-traffic"));
    return on(host, std::move(words));
  }
  support::ProcessOptions scan(const std::string& from) const {
    return traffic("attacker", {"port-scan", kLabVictim, "--from", from, "--count", "60000"});
  }
  // Does the victim answer it? Takes a second when not.
  bool is_served(const std::string& host, const std::string& from) const {
    const auto options = traffic(host, {"browse", kLabVictim, "--count", "1", "--from", from});
    return support::run_command(options).exit.ok();
  }
  bool answers_ping(const std::string& from) const {
    const auto ping = on("attacker", {"/usr/bin/ping", "-n", "-c1", "-W1", "-I", from, kLabVictim});
    return support::run_command(ping).exit.ok();
  }

  const std::string prefix_ = "mlgtest" + std::to_string(getpid());
  std::vector<std::pair<std::string, std::string>> environment_;
  support::TempDir folder_;
};

}  // namespace mlguard::e2e
