// Rules for what a firewall reports as protected: refused where they are made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/rule_scope.h"
#include "server/protected_board.h"
#include "tests/support/wait_until.h"
#include "tests/unit/server/server_fixture.h"

namespace mlguard::server::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class ProtectedRulesTest : public ServerTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(start());
    op_.emplace(connect_operator());
    firewall_.emplace(enrol(*op_, base::Role::firewall));
    ASSERT_EQ(agent().call("POST", "/register", registration("firewall")).status, 200);
  }
  SealedClient& agent() { return firewall_->client; }
  void report(const json& networks) {
    base::Heartbeat heartbeat;
    heartbeat.component = "firewall";
    heartbeat.instance_id = "i1";
    heartbeat.seq = ++seq_;
    heartbeat.detail = json({{"protected", {{"networks", networks}}}}).dump();
    ASSERT_EQ(agent().call("POST", "/heartbeat", wire::encode_heartbeat(heartbeat)).status, 200);
    // What was known before counts for so long.
    std::this_thread::sleep_for(std::chrono::milliseconds(kProtectedAgeMsMax + 1));
  }
  // Empty when it is taken, else the message.
  std::string put(const std::string& cidr, const std::string& action = "drop") {
    base::Rule rule;
    rule.cidr = cidr;
    rule.action = action;
    const Answer answer = op_->call("POST", "/v1/rules", wire::encode_rules({rule}));
    if (answer.status == 200) return {};
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(reason(answer), "protected_address");
    return wire::decode_error(answer.status, answer.message.body).message;
  }

  std::optional<SealedClient> op_;
  std::optional<Enrolled> firewall_;
  std::uint64_t seq_ = 0;
};

TEST_F(ProtectedRulesTest, TheErrorNamesTheAddressTheFirewallAndWhatToDo) {
  EXPECT_EQ(put("192.0.2.3"), "");
  report({{"the default gateway", {"192.0.2.3", "fe80::1"}},
          {base::kOnTheAllowlist, {"198.51.100.0/24"}}});
  EXPECT_EQ(put("192.0.2.3"),
            "192.0.2.3/32 is never blocked: the firewall 'firewall' reports that 192.0.2.3 is the "
            "default gateway; name another network; if that firewall is gone for good: ml-guard "
            "component rm firewall");
  EXPECT_THAT(put("fe80::1"), HasSubstr("fe80::1 is the default gateway"));
  EXPECT_THAT(put("198.51.100.0/25"), HasSubstr("ml-guard config edit firewall, or global"));
  EXPECT_EQ(put("192.0.2.3", "allow"), "");
  EXPECT_EQ(put("192.0.2.0/24"), "") << "firewalls leave the gateway out of it";
  EXPECT_EQ(put("192.0.2.4"), "");
}

TEST_F(ProtectedRulesTest, AFirewallThatUnregistersProtectsNothing) {
  report({{"the default gateway", {"192.0.2.3"}}});
  EXPECT_NE(put("192.0.2.3"), "");
  ASSERT_EQ(op_->call("DELETE", "/v1/components/firewall").status, 200);
  EXPECT_TRUE(support::wait_until([&] { return put("192.0.2.3").empty(); }));
}

TEST_F(ProtectedRulesTest, NoFirewallCanSwitchBlockingOffOrSayWhatItLikes) {
  json many = json::array({"0.0.0.0/0", "128.0.0.0/7", "::/0", "nonsense", 7, nullptr});
  for (int i = 0; i < 100; ++i) many.push_back("198.51.100." + std::to_string(i));
  report({{"x\n\x1b[31m" + std::string(500, 'y'), many}, {"no list", 3}});
  EXPECT_EQ(put("203.0.113.7"), "");
  EXPECT_EQ(put("128.0.0.1"), "");
  const std::string told = put("198.51.100.1");
  EXPECT_THAT(told, HasSubstr("198.51.100.1 is x??[31my"));
  EXPECT_LT(told.size(), 400U);
  EXPECT_EQ(put("198.51.100." + std::to_string(base::kProtectedToldMax)), "");
  EXPECT_NE(put("198.51.100." + std::to_string(base::kProtectedToldMax - 1)), "");
  report({{"nothing", json::array()}});
  EXPECT_EQ(put("198.51.100.1"), "");
}

}  // namespace
}  // namespace mlguard::server::test
