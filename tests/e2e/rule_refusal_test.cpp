// Rules that the control plane refuses whoever sends them, with words that say why and what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "live.h"

namespace mlguard::e2e {
namespace {

using ::testing::HasSubstr;

class RuleRefusalTest : public LiveServerTest {
 protected:
  std::string answer(etcd_client::Client& client, const std::string& cidr) {
    const auto put = client.put_rules({rule_of("", cidr)});
    return put.ok() ? "taken" : put.error().message;
  }
};

TEST_F(RuleRefusalTest, ADetectorMayNotBlockWhatAnOperatorMay) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto op = operator_client();
  const auto detector = agent_client(base::Role::ml_detector, "ml-detector");
  EXPECT_THAT(answer(*detector, "198.18.0.0/15"), HasSubstr("a detector may go to /16"));
  EXPECT_EQ(answer(*op, "198.18.0.0/15"), "taken");
  EXPECT_EQ(answer(*detector, "198.18.0.0/16"), "taken");
  EXPECT_THAT(answer(*op, "198.0.0.0/7"), HasSubstr("an operator may go to /8"));
  for (const auto& client : {op.get(), detector.get()}) {
    EXPECT_THAT(answer(*client, "0.0.0.0/0"), HasSubstr("every address there is"));
    EXPECT_THAT(answer(*client, "::/0"), HasSubstr("every address there is"));
    EXPECT_THAT(answer(*client, "127.0.0.1"), HasSubstr("127.0.0.0/8 is loopback"));
    EXPECT_THAT(answer(*client, "::ffff:192.0.2.1"), HasSubstr("IPv4 address inside IPv6"));
    EXPECT_THAT(answer(*client, "192.0.2.1/x"), HasSubstr("bad prefix length"));
  }
}

TEST_F(RuleRefusalTest, TheControlPlanesOwnAddressIsNotBlocked) {
  ASSERT_NO_FATAL_FAILURE(start({"--advertise", "192.0.2.200:2379"}));
  const auto op = operator_client();
  EXPECT_THAT(answer(*op, "192.0.2.200"), HasSubstr("the control plane's instance 192.0.2.200"));
  EXPECT_EQ(answer(*op, "192.0.2.201"), "taken");
}

TEST_F(RuleRefusalTest, WhatAFirewallProtectsIsRefusedWithItsNameAndWhatToDo) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto op = operator_client();
  ASSERT_TRUE(op->put_config("global", R"({"heartbeat":{"interval_s":1}})").ok());
  ASSERT_TRUE(op->put_config("firewall", R"({"allowlist":["198.51.100.0/24"]})").ok());
  ASSERT_EQ(answer(*op, "198.51.100.9"), "taken");
  const support::Process firewall =
      start_agent("firewall", "firewall", {"--dry-run", "--state", folder_ / "rules"});
  const auto is_refused = [&] { return answer(*op, "198.51.100.7") != "taken"; };
  ASSERT_TRUE(support::wait_until(is_refused, 20'000 * kSlowdown, 200)) << firewall.err();
  EXPECT_EQ(answer(*op, "198.51.100.7"),
            "198.51.100.7/32 is never blocked: the firewall 'firewall' reports that "
            "198.51.100.0/24 is on the allowlist; take it off there first (ml-guard config edit "
            "firewall, or global), or name another network");
  const auto detector = agent_client(base::Role::ml_detector, "ml-detector");
  EXPECT_THAT(answer(*detector, "198.51.100.7"), HasSubstr("is never blocked"));
  // What holds more than that is left to the firewalls, and other networks are free.
  EXPECT_EQ(answer(*op, "198.51.0.0/16"), "taken");
  EXPECT_EQ(answer(*op, "198.51.101.7"), "taken");
  // Taken off the list, it may be blocked.
  ASSERT_TRUE(op->put_config("firewall", "{}").ok());
  const auto is_taken = [&] { return answer(*op, "198.51.100.7") == "taken"; };
  EXPECT_TRUE(support::wait_until(is_taken, 20'000 * kSlowdown, 200));
}

TEST_F(RuleRefusalTest, RulesAreBoundedAndTheAnswerSaysHowManyThereAre) {
  ASSERT_NO_FATAL_FAILURE(start({"--rules-max", "2"}));
  const auto op = operator_client();
  EXPECT_EQ(answer(*op, "192.0.2.1"), "taken");
  EXPECT_EQ(answer(*op, "192.0.2.2"), "taken");
  EXPECT_THAT(answer(*op, "192.0.2.3"), HasSubstr("there are 2 rules, 1 more were sent"));
  EXPECT_TRUE(server_is_well());
}

}  // namespace
}  // namespace mlguard::e2e
