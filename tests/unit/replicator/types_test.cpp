#include "replicator/types.h"

#include <gtest/gtest.h>

namespace mlguard::replicator {
namespace {

TEST(MembershipTest, RankIsThePlaceByPortThenHost) {
  const Membership membership{{{"b:2380"}, {"a:2380"}, {"z:2379"}, {"a:10000"}}, 0};
  EXPECT_EQ(membership.rank_of("z:2379", ""), 0U);
  EXPECT_EQ(membership.rank_of("a:2380", ""), 1U);
  EXPECT_EQ(membership.rank_of("b:2380", ""), 2U);
  EXPECT_EQ(membership.rank_of("a:10000", ""), 3U);
}

TEST(MembershipTest, TheAbsentLeaderAndLearnersDoNotCountForTheRank) {
  const Membership membership{{{"a:1"}, {"a:2", MemberKind::learner}, {"a:3"}}, 0};
  EXPECT_EQ(membership.rank_of("a:3", ""), 1U);
  EXPECT_EQ(membership.rank_of("a:3", "a:1"), 0U);
  EXPECT_EQ(membership.voter_count(), 2U);
  EXPECT_FALSE(membership.is_voter("a:2"));
  EXPECT_FALSE(membership.is_voter("a:9"));
}

TEST(MembershipTest, MembersMustBeAddressesNamedOnce) {
  EXPECT_TRUE(check_members({{"localhost:2379"}, {"[::1]:2379"}}).ok());
  for (const char* wrong : {"localhost", ":2379", "localhost:", "localhost:70000", "localhost:x"}) {
    const base::Status checked = check_members({{wrong}});
    ASSERT_FALSE(checked.ok()) << wrong;
    EXPECT_EQ(checked.error().reason, "invalid_member");
  }
  EXPECT_FALSE(check_members({{"a:1"}, {"a:1"}}).ok());
}

TEST(MembershipTest, ThereAreAtMostSevenVoters) {
  std::vector<Member> members;
  for (int i = 1; i <= 8; ++i) members.push_back({"a:" + std::to_string(i)});
  EXPECT_EQ(check_members(members).error().reason, "too_many_members");
  members.back().kind = MemberKind::learner;
  EXPECT_TRUE(check_members(members).ok());
}

}  // namespace
}  // namespace mlguard::replicator
