#include "base/model.h"

#include <gtest/gtest.h>

namespace mlguard::base {
namespace {

TEST(ModelTest, RolesAndHealthRoundTripThroughTheirNames) {
  for (const char* name : {"operator", "peer", "sniffer", "ml-detector", "firewall", "rag"}) {
    const Result<Role> role = parse_role(name);
    ASSERT_TRUE(role.ok()) << name;
    EXPECT_STREQ(to_string(*role), name);
  }
  for (const char* name : {"healthy", "late", "stale", "dead"}) {
    const Result<Health> health = parse_health(name);
    ASSERT_TRUE(health.ok()) << name;
    EXPECT_STREQ(to_string(*health), name);
  }
  EXPECT_FALSE(parse_role("root").ok());
  EXPECT_FALSE(parse_health("").ok());
}

TEST(ModelTest, ANameFitsARoleAsItIsOrWithASuffix) {
  EXPECT_TRUE(name_fits_role("sniffer", Role::sniffer));
  EXPECT_TRUE(name_fits_role("ml-detector-east", Role::ml_detector));
  EXPECT_FALSE(name_fits_role("ml-detector", Role::sniffer));
  EXPECT_FALSE(name_fits_role("snifferx", Role::sniffer));
  EXPECT_FALSE(name_fits_role("", Role::rag));
}

TEST(ModelTest, TheRuleSetDigestDoesNotDependOnOrderButOnContent) {
  Rule first;
  first.id = "a";
  first.cidr = "10.0.0.1/32";
  Rule second = first;
  second.id = "b";
  EXPECT_EQ(rule_set_digest({first, second}), rule_set_digest({second, first}));
  EXPECT_NE(rule_set_digest({first}), rule_set_digest({second}));
  EXPECT_EQ(rule_set_digest({}), "0000000000000000");
  Rule renewed = first;
  renewed.expires_at_ms = 1;
  EXPECT_NE(rule_digest(first), rule_digest(renewed));
}

}  // namespace
}  // namespace mlguard::base
