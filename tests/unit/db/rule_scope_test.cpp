// Which rules the store refuses because of what they name, and how many it keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/db/core_fixture.h"

namespace mlguard::db::test {
namespace {

using ::testing::HasSubstr;

class RuleScopeTest : public CoreTest {
 protected:
  void SetUp() override {
    store_ = make_store();
    ASSERT_TRUE(
        store_->set_initial_members({"10.0.9.1:2379", "[2001:db8:9::1]:2379", "cp3:2379"}).ok());
  }
  base::Result<WriteResult> drop(const std::string& cidr, const std::string& author = "operator") {
    return write(*store_, PutRules{{rule_for(cidr)}}, "", author);
  }
  base::Result<WriteResult> allow(const std::string& cidr) {
    base::Rule rule = rule_for(cidr);
    rule.action = "allow";
    return write(*store_, PutRules{{rule}});
  }

  std::unique_ptr<SqliteStore> store_;
};

TEST_F(RuleScopeTest, EveryAddressThereIsCannotBeNamed) {
  for (const char* all : {"0.0.0.0/0", "203.0.113.7/0", "::/0"}) {
    for (const char* author : {"operator", "ml-detector"}) {
      const auto refused = drop(all, author);
      EXPECT_EQ(reason_of(refused), "rule_too_wide") << all;
      EXPECT_THAT(refused.error().message, HasSubstr("every address there is")) << all;
    }
    EXPECT_EQ(reason_of(allow(all)), "rule_too_wide") << all;
  }
  EXPECT_EQ(count(*store_, "rule"), 0);
}

TEST_F(RuleScopeTest, AnOperatorMayGoFurtherThanADetectorAndIsToldHowFar) {
  for (const char* wide : {"203.0.0.0/15", "203.0.0.0/8", "2001:db8::/31", "2400::/12"}) {
    const auto refused = drop(wide, "ml-detector-dmz");
    EXPECT_EQ(reason_of(refused), "rule_too_wide") << wide;
    EXPECT_THAT(refused.error().message, HasSubstr("a detector may go to /")) << wide;
    EXPECT_EQ(reason_of(drop(wide)), "ok") << wide;
  }
  EXPECT_EQ(reason_of(drop("203.0.0.0/16", "ml-detector")), "ok");
  EXPECT_EQ(reason_of(drop("2001:db8::/32", "ml-detector")), "ok");
  EXPECT_THAT(drop("202.0.0.0/7").error().message, HasSubstr("an operator may go to /8"));
  EXPECT_THAT(drop("2400::/11").error().message, HasSubstr("an operator may go to /12"));
  EXPECT_EQ(reason_of(allow("202.0.0.0/7")), "rule_too_wide");
}

TEST_F(RuleScopeTest, AddressesThatAreNobodysCannotBeBlocked) {
  for (const char* address : {"127.0.0.1", "127.0.0.0/8", "::1", "0.0.0.0", "::", "224.0.0.251",
                              "239.0.0.0/8", "ff02::1", "255.255.255.255"}) {
    EXPECT_EQ(reason_of(drop(address)), "protected_address") << address;
    EXPECT_EQ(reason_of(drop(address, "ml-detector")), "protected_address") << address;
    EXPECT_EQ(reason_of(allow(address)), "ok") << address;
  }
  EXPECT_THAT(drop("127.9.9.9").error().message, HasSubstr("127.0.0.0/8 is loopback"));
}

TEST_F(RuleScopeTest, TheControlPlaneCannotBeBlocked) {
  const auto refused = drop("10.0.9.1");
  EXPECT_EQ(reason_of(refused), "protected_address");
  EXPECT_THAT(refused.error().message, HasSubstr("instance 10.0.9.1:2379"));
  EXPECT_EQ(reason_of(drop("2001:db8:9::1")), "protected_address");
  EXPECT_EQ(reason_of(drop("10.0.9.2")), "ok");
  // Firewalls leave it out of the rest.
  EXPECT_EQ(reason_of(drop("10.0.9.0/24")), "ok");
  // As of now: members come and go.
  ASSERT_TRUE(store_->begin_group().ok());
  ASSERT_TRUE(store_->set_members({{"10.0.9.7:2379", true}}, "operator").ok());
  ASSERT_TRUE(store_->commit_group().ok());
  EXPECT_EQ(reason_of(drop("10.0.9.1")), "ok");
  EXPECT_EQ(reason_of(drop("10.0.9.7")), "protected_address");
}

TEST_F(RuleScopeTest, Ipv4WrittenAsIpv6IsRefusedByName) {
  EXPECT_EQ(reason_of(drop("::ffff:192.0.2.7")), "invalid_cidr");
  EXPECT_THAT(drop("::ffff:c000:207").error().message, HasSubstr("IPv4 address inside IPv6"));
  const auto wide = drop("::/64");
  EXPECT_EQ(reason_of(wide), "invalid_cidr");
  EXPECT_THAT(wide.error().message, HasSubstr("all of IPv4 written as IPv6"));
}

TEST_F(RuleScopeTest, OneBadRuleRefusesTheWholeRequest) {
  const auto refused = write(*store_, PutRules{{rule_for("192.0.2.1"), rule_for("0.0.0.0/0")}});
  EXPECT_EQ(reason_of(refused), "rule_too_wide");
  EXPECT_EQ(count(*store_, "rule"), 0);
}

TEST_F(RuleScopeTest, MoreRulesThanAreKeptAreRefusedWithTheirNumberAndWhatToDo) {
  Retention retention;
  retention.rules_max = 2;
  store_ = make_store("", retention);
  ASSERT_EQ(
      reason_of(write(*store_, PutRules{{rule_for("192.0.2.1", "a"), rule_for("192.0.2.2", "b")}})),
      "ok");
  const auto refused = drop("192.0.2.3");
  EXPECT_EQ(reason_of(refused), "too_many_rules");
  EXPECT_THAT(refused.error().message,
              HasSubstr("there are 2 rules, 1 more were sent, and at most 2"));
  EXPECT_THAT(refused.error().message, HasSubstr("--rules-max"));
  // What is there can still be changed, and what goes makes room.
  EXPECT_EQ(reason_of(write(*store_, PutRules{{rule_for("192.0.2.9", "a")}})), "ok");
  EXPECT_EQ(reason_of(write(*store_, RemoveRules{{"b"}})), "ok");
  EXPECT_EQ(reason_of(drop("192.0.2.3")), "ok");
}

}  // namespace
}  // namespace mlguard::db::test
