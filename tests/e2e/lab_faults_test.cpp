// What happens in the lab while things go wrong: processes are killed during attacks, alone and two
// at once, and rules end on time all the same. MLGUARD_ROUNDS says how often something is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/time_format.h"
#include "lab_fixture.h"

namespace mlguard::e2e {
namespace {

using support::Process;
using support::wait_until;

constexpr std::int64_t kBlockedWithinMs = 40'000;
constexpr std::int64_t kHealthyWithinMs = 40'000;
constexpr int kFirstSpareAttacker = 100;  // 10.77.1.100 to .199: lab.sh
constexpr int kSpareAttackers = 100;

std::size_t rounds_or(std::size_t usual) {
  const char* text = std::getenv("MLGUARD_ROUNDS");
  return text != nullptr ? static_cast<std::size_t>(std::max(1, std::atoi(text))) : usual;
}

class LabFaultsTest : public LabTest {
 protected:
  void SetUp() override {
    LabTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    // All of these attackers are one small network: no more than so many rules an hour by default.
    set("ml-detector", "rules.per_prefix_max", "10000");
    set("ml-detector", "rules.per_minute_max", "10000");
    set("ml-detector", "rules.ttl_s", "60");
    set("ml-detector", "rules.forgeable_ttl_s", "60");
  }
  void set(const std::string& component, const std::string& path, const std::string& value) {
    const auto done = lab({"exec", "config", "set", component, path, value});
    ASSERT_TRUE(done.exit.ok()) << done.err;
    EXPECT_TRUE(wait_until([&] { return has_applied_its_config(component); })) << log(component);
  }
  bool has_applied_its_config(const std::string& component) const {
    const std::string shown = ask({"component", "get", component, "-o", "json"});
    for (std::size_t i = 0; i < json_array_size(shown, "/applied"); ++i) {
      const std::string applied = "/applied/" + std::to_string(i);
      if (json_at(shown, applied + "/resource") != "config") continue;
      return json_at(shown, applied + "/revision") == json_at(shown, "/config_version");
    }
    return false;
  }
  std::set<std::string> rule_ids() const {
    std::set<std::string> ids;
    const std::string all = ask({"rules", "list", "-o", "json"});
    for (std::size_t i = 0; i < json_array_size(all, "/rules"); ++i) {
      ids.insert(json_at(all, "/rules/" + std::to_string(i) + "/id"));
    }
    return ids;
  }
  std::string next_attacker() {
    attackers_ = (attackers_ + 1) % kSpareAttackers;
    return "10.77.1." + std::to_string(kFirstSpareAttacker + attackers_);
  }
  // The instance that leads now where "leader" is said.
  std::string resolved(const std::string& name) const { return name == "leader" ? leader() : name; }

  void expect_blocked_though_killed(const std::vector<std::string>& names) {
    const std::string from = next_attacker();
    std::vector<std::pair<std::string, pid_t>> killed;
    std::string what;
    for (const std::string& name : names) {
      const std::string process = resolved(name);
      ASSERT_NE(process, "") << "no leader";
      killed.emplace_back(process, pid_of(process));
      what += (what.empty() ? "" : " and ") + process;
    }
    SCOPED_TRACE(what);
    Process attack = Process::start(scan(from));
    const support::Stopwatch watch;
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + random_() % 400));
    for (const auto& [process, pid] : killed) ASSERT_EQ(::kill(pid, SIGKILL), 0) << process;
    EXPECT_TRUE(wait_until([&] { return !is_served("attacker", from); }, kBlockedWithinMs, 50))
        << rules();
    std::printf("killed %s: %s is blocked after %.1f s\n", what.c_str(), from.c_str(),
                watch.ms() / 1'000);
    attack.signal(SIGTERM);
    for (const std::pair<std::string, pid_t>& one : killed) {
      EXPECT_TRUE(wait_until([&] { return pid_of(one.first) != one.second; }))
          << one.first << " is not started again";
    }
    EXPECT_TRUE(wait_until(
        [&] {
          return lab({"exec", "health", "--check"}).exit.ok();
        },
        kHealthyWithinMs, 200))
        << lab({"exec", "health"}).out;
  }

  std::mt19937 random_{20'261'126};
  int attackers_ = -1;
};

TEST_F(LabFaultsTest, EachProcessIsKilledDuringAnAttackAndBlockingGoesOn) {
  const std::set<std::string> lasting = {"keep-1", "keep-2", "keep-3"};
  int n = 0;
  for (const std::string& id : lasting) {
    const std::string address = "198.18.0." + std::to_string(++n);
    ASSERT_TRUE(lab({"exec", "rules", "add", address, "--id", id}).exit.ok());
  }
  Process client = Process::start(
      traffic("client", {"browse", kLabVictim, "--rate", "4", "--count", "10000000"}));
  const std::vector<std::vector<std::string>> kills = {{"leader"},
                                                       {"sniffer"},
                                                       {"ml-detector"},
                                                       {"firewall"},
                                                       {"rag"},
                                                       {"etcd-server-1"},
                                                       {"etcd-server-2"},
                                                       {"etcd-server-3"},
                                                       {"leader", "firewall"},
                                                       {"sniffer", "ml-detector"},
                                                       {"etcd-server-1", "etcd-server-2"}};
  const std::size_t rounds = rounds_or(kills.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    expect_blocked_though_killed(kills[round % kills.size()]);
    const std::set<std::string> ids = rule_ids();
    EXPECT_TRUE(std::includes(ids.begin(), ids.end(), lasting.begin(), lasting.end()));
    ASSERT_FALSE(HasFatalFailure());
  }
  // In force, not only written down.
  const auto table =
      support::run_command(on("gateway", {"nft", "list", "table", "inet", "ml_guard"}));
  for (int i = 1; i <= n; ++i) {
    EXPECT_THAT(table.out, ::testing::HasSubstr("198.18.0." + std::to_string(i) + " "));
  }
  client.signal(SIGTERM);
  const auto ended = client.wait_exit(5'000);
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->ok()) << client.out() << "some were not answered";
  std::printf("the client: %s", client.out().c_str());
}

class LabExpiryTest : public LabFaultsTest {
 protected:
  // An attack makes a rule; it is over when the rule ends, which must be when the rule says so.
  void expect_rule_ends_on_time(const std::string& kill) {
    const std::string from = next_attacker();
    {
      Process attack = Process::start(scan(from));
      ASSERT_TRUE(wait_until([&] { return !answers_ping(from); }, kBlockedWithinMs, 50));
    }
    const std::string all = ask({"rules", "list", "-o", "json"});
    std::int64_t ends_ms = 0;
    for (std::size_t i = 0; i < json_array_size(all, "/rules"); ++i) {
      const std::string rule = "/rules/" + std::to_string(i);
      if (json_at(all, rule + "/cidr") != from + "/32") continue;
      const auto time = base::parse_iso_time_ms(json_at(all, rule + "/expires_at"));
      ASSERT_TRUE(time.ok()) << all;
      ends_ms = *time;
    }
    ASSERT_GT(ends_ms, 0) << all;
    const base::SystemClock clock;
    if (!kill.empty()) {
      // So late that it is restarted around the end.
      wait_until([&] { return clock.wall_ms() >= ends_ms - 1'000; }, 60'000);
      ::kill(pid_of(kill), SIGKILL);
    }
    int blocked = 0;
    std::int64_t answered_ms = 0;
    while (answered_ms == 0 && clock.wall_ms() < ends_ms + 20'000) {
      const std::int64_t asked_ms = clock.wall_ms();
      if (answers_ping(from)) {
        answered_ms = asked_ms;
      } else {
        ++blocked;
        EXPECT_LE(asked_ms, ends_ms + 1'000) << "is blocked a second after its rule's end";
      }
    }
    EXPECT_GT(blocked, 0);
    // Pings take a moment: asked just before the end, it may be answered.
    EXPECT_GE(answered_ms, ends_ms - 1'000) << "was let in before its rule's end";
    std::printf("let in again %lld ms after the rule's end\n",
                static_cast<long long>(answered_ms - ends_ms));
  }
};

TEST_F(LabExpiryTest, ARuleEndsOnTimeInXdpAndInNftablesAndThoughTheFirewallIsKilled) {
  // Longer than the sniffer's windows: what they still hold would block again at once.
  set("ml-detector", "rules.forgeable_ttl_s", "14");
  expect_rule_ends_on_time("");
  expect_rule_ends_on_time("firewall");
  set("firewall", "xdp.enabled", "false");
  expect_rule_ends_on_time("");
  expect_rule_ends_on_time("firewall");
}

}  // namespace
}  // namespace mlguard::e2e
