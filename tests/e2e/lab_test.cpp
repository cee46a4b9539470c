// The lab as a user runs it: the whole pipeline in network namespaces, from the attacker's first
// packet to the gateway's dropping it.
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "lab_fixture.h"

namespace mlguard::e2e {
namespace {

class LabAttackTest : public LabTest {
 protected:
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
};

TEST_F(LabAttackTest, EachAttackIsSeenBecomesARuleAndIsBlocked) {
  const auto health = lab({"exec", "health", "-o", "json"});
  for (const char* name : {"sniffer", "ml-detector", "firewall", "rag"}) {
    EXPECT_EQ(json_at(health.out, std::string("/components/") + name + "/status"), "healthy");
    EXPECT_EQ(json_at(health.out, std::string("/components/") + name + "/says"), "ok");
  }
  expect_blocked("port-scan", "10.77.1.66", {"--count", "400"});
  expect_blocked("syn-flood", "10.77.1.67", {"--rate", "1000", "--seconds", "6"});
  expect_blocked("brute-force", "10.77.1.68", {"--rate", "10", "--count", "60"});
  expect_blocked("smb-sweep", "10.77.1.69", {"--count", "130"});
  expect_blocked("beacon", "10.77.1.70", {"--count", "30"});
  EXPECT_EQ(rules().find("10.77.1.20"), std::string::npos) << "the client";
  EXPECT_EQ(rules().find(std::string(kLabVictim) + "/32"), std::string::npos) << "it is infected";

  // XDP drops them, nftables has them as well, and both are told.
  std::string enforcers;
  const auto all_told = [&] {
    enforcers =
        json_at(ask({"component", "get", "firewall", "-o", "json"}), "/heartbeat/detail/enforcers");
    return json_array_size(enforcers, "") == 2U && json_at(enforcers, "/0/networks") == "5" &&
           json_at(enforcers, "/1/networks") == "5";
  };
  EXPECT_TRUE(support::wait_until(all_told, support::kPatienceMs, 200)) << enforcers;
}

// The infected machine calls its server once a second; that server is blocked, for a while.
TEST_F(LabAttackTest, ABeaconIsToldAsWhatItIsAndItsServerIsBlockedUntilTheRuleEnds) {
  // Longer than the attack goes on once it is blocked, and what is asked after it, with much to
  // spare: its rule is to be seen then.
  ASSERT_NE(ask({"config", "set", "ml-detector", "rules.ttl_s", "40"}), "");
  expect_blocked("beacon", "10.77.1.70", {"--count", "25"});
  // A detection travels after the rule that it has led to.
  std::string told;
  std::string first;
  const auto is_told = [&] {
    told = ask({"detections", "--source", kLabVictim, "--kind", "botnet_c2", "-o", "json"});
    first = json_at(told, "/detections/0");
    return !first.empty();
  };
  EXPECT_TRUE(support::wait_until(is_told, support::kPatienceMs, 200)) << told;
  EXPECT_EQ(json_at(first, "/destination_ip"), "10.77.1.70") << told;
  EXPECT_EQ(json_at(first, "/detail/by"), "beacon") << told;
  EXPECT_EQ(json_at(first, "/detail/reasons/0/what"), "contacts") << told;
  EXPECT_EQ(json_at(first, "/detail/reasons/1/what"), "period_s") << told;
  EXPECT_EQ(json_at(first, "/detail/reasons/2/what"), "jitter") << told;
  EXPECT_TRUE(support::wait_until([&] { return answers_ping("10.77.1.70"); }, 120'000))
      << "still blocked";
  // The kernel ends it to the moment; the leader buries ended rules once a second.
  EXPECT_TRUE(support::wait_until([&] { return rules().find("10.77.1.70") == std::string::npos; }))
      << rules();
}

TEST_F(LabAttackTest, AnAttackIsBlockedThoughTheLeaderDiesInTheMiddle) {
  const std::string name = leader();
  ASSERT_NE(name, "");
  const pid_t pid = pid_of(name);
  std::thread killer([pid] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    kill(pid, SIGKILL);
  });
  expect_blocked("port-scan", "10.77.1.66", {"--rate", "100"});
  killer.join();
  EXPECT_NE(kill(pid, 0), 0);
  EXPECT_TRUE(support::wait_until([&] { return pid_of(name) != pid; })) << "not started again";
}

}  // namespace
}  // namespace mlguard::e2e
