// Rules in force: dropped in nftables and at XDP, repaired, refused, and shown to people.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firewall_fixture.h"

namespace mlguard::e2e {
namespace {

using ::testing::HasSubstr;

class RuleEndTest : public FirewallTest {
 protected:
  // r1, which is in force, is given five more seconds; then the kernel ends it by itself.
  void expect_end_on_time() {
    constexpr double kLifeMs = 5'000;
    const support::Stopwatch since_before;
    add(kFar, "r1", "5s");
    const support::Stopwatch since_after;
    EXPECT_TRUE(becomes_answered(kFar));
    EXPECT_GT(since_before.ms(), kLifeMs - 100) << "before its time";
    EXPECT_LT(since_after.ms(), kLifeMs + 5'000.0 * kSlowdown);
  }
};

TEST_F(RuleEndTest, ARuleDropsUntilItEnds) {
  const support::Process firewall = start_firewall();
  add(kFar, "r1");
  ASSERT_TRUE(in_force(kFar)) << firewall.err();
  EXPECT_FALSE(answers(kFar));
  EXPECT_TRUE(answers(kBystander));
  expect_end_on_time();
}

TEST_F(RuleEndTest, ARuleDropsAtXdpUntilItEnds) {
  const support::Process firewall = start_firewall({"--xdp", "here"});
  const auto attached = [] { return run_shell("ip -d link show here").out.find("prog/xdp"); };
  ASSERT_TRUE(wait_until([&] { return attached() != std::string::npos; })) << firewall.err();
  add(kFar, "r1");
  ASSERT_TRUE(wait_until([&] { return !at_xdp().empty(); })) << firewall.err();
  ASSERT_TRUE(in_force(kFar)) << firewall.err();
  EXPECT_FALSE(answers(kFar));
  EXPECT_EQ(at_xdp().front().packets, 1U);
  EXPECT_TRUE(answers(kBystander));
  EXPECT_THAT(table(), HasSubstr("192.0.2.1 counter packets 0"));
  expect_end_on_time();
}

TEST_F(FirewallTest, PeopleSeeWhereARuleIsInForceAndWhatItDrops) {
  const support::Process firewall = start_firewall();
  add(kFar, "r1");
  ASSERT_TRUE(in_force(kFar)) << firewall.err();
  EXPECT_FALSE(answers(kFar));
  EXPECT_TRUE(wait_until(
      [&] {
        return json_at(cli({"rules", "show", "r1", "-o", "json"}),
                       "/rules/0/firewalls/0/dropped_packets") == "1";
      },
      support::kPatienceMs, 100))
      << cli({"rules", "show", "r1", "-o", "json"});
  EXPECT_THAT(cli({"rules", "list", "-o", "raw"}), HasSubstr("\tfirewall\n"));
  cli({"rules", "rm", "r1"});
  EXPECT_TRUE(wait_until([&] { return answers(kFar); }));
}

TEST_F(FirewallTest, AFlushedTableIsRepairedAndAudited) {
  const support::Process firewall = start_firewall();
  add(kFar, "r1");
  ASSERT_TRUE(shows("r1", "yes")) << firewall.err();
  constexpr double kRepairedMs = 1'000.0 * kSlowdown;
  for (const char* harm : {"nft flush ruleset", "nft flush set inet ml_guard v4_32_1"}) {
    // The machine may be busy with other things for a moment, not each time.
    double repaired_ms = 0;
    for (int i = 0; i < 3 && (i == 0 || repaired_ms >= kRepairedMs); ++i) {
      ASSERT_TRUE(run_shell(harm).exit.ok());
      const support::Stopwatch watch;
      ASSERT_TRUE(in_force(kFar)) << harm;
      repaired_ms = watch.ms();
    }
    EXPECT_LT(repaired_ms, kRepairedMs) << harm;
    EXPECT_FALSE(answers(kFar)) << harm;
  }
  const auto op = operator_client();
  EXPECT_TRUE(wait_until([&] {
    const auto audit = op->call({"GET", "/v1/audit", {}, {}});
    return audit.ok() && audit->body.find("rules.repaired") != std::string::npos &&
           audit->body.find("1 entry was missing; repaired") != std::string::npos;
  }));
}

TEST_F(FirewallTest, WhatMustNotBeBlockedIsNotAndEverybodyIsToldWhy) {
  // Before the control plane knows what this host protects.
  add(kGateway, "gate");
  add(kOwn, "own");
  add("192.0.2.0/25", "wide");
  const support::Process firewall = start_firewall();
  EXPECT_TRUE(shows("gate", "192.0.2.3 is the default gateway"));
  EXPECT_TRUE(shows("own", "192.0.2.254 is an address of this host"));
  EXPECT_TRUE(shows("wide", "partly"));
  EXPECT_TRUE(becomes_blocked(kBystander));  // In the part that is blocked.
  EXPECT_THAT(table(), ::testing::Not(HasSubstr("192.0.2.3 ")));
  EXPECT_EQ(health_of("firewall"), "healthy");
}

TEST_F(FirewallTest, OnceAFirewallProtectsItItIsRefusedBeforeItIsARule) {
  const support::Process firewall = start_firewall();
  const auto gateway_is_refused = [&] {
    return add(kGateway, "gate").find("is never blocked") != std::string::npos;
  };
  ASSERT_TRUE(wait_until(gateway_is_refused, support::kPatienceMs, 200)) << firewall.err();
  EXPECT_THAT(add(kGateway, "gate"),
              HasSubstr("192.0.2.3/32 is never blocked: the firewall 'firewall' reports that "
                        "192.0.2.3 is the default gateway; name another network; if that firewall "
                        "is gone for good: ml-guard component rm firewall"));
  EXPECT_THAT(add(kOwn, "own"), HasSubstr("192.0.2.254 is an address of this host"));
  EXPECT_THAT(add(kFar, "r1"), HasSubstr("r1"));
  EXPECT_TRUE(in_force(kFar));
  EXPECT_THAT(cli({"rules", "show", "own"}), HasSubstr("no live rule"));
}

TEST_F(FirewallTest, WhatNobodyMayBlockIsRefusedBeforeItIsARule) {
  EXPECT_THAT(add("0.0.0.0/0", "all"), HasSubstr("every address there is"));
  EXPECT_THAT(add("::/0", "all6"), HasSubstr("every address there is"));
  EXPECT_THAT(add("192.0.0.0/7", "wide"), HasSubstr("an operator may go to /8"));
  EXPECT_THAT(add("127.0.0.1", "server"), HasSubstr("127.0.0.0/8 is loopback"));
  EXPECT_THAT(add("ff02::1", "many"), HasSubstr("ff00::/8 is multicast"));
  EXPECT_THAT(add("::ffff:192.0.2.1", "mapped"), HasSubstr("IPv4 address inside IPv6"));
  EXPECT_THAT(add("192.0.2.1/33", "bad"), HasSubstr("bad prefix length"));
  EXPECT_THAT(add("192.0.2", "short"), HasSubstr("is no address or prefix"));
  EXPECT_EQ(cli({"rules", "list", "-o", "raw"}), "");
}

}  // namespace
}  // namespace mlguard::e2e
