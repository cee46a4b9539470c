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
