#include "cli/instance_check.h"

#include <gtest/gtest.h>

namespace mlguard::cli {
namespace {

using Verdict = InstanceCheck::Verdict;

std::vector<wire::MemberInfo> three() {
  std::vector<wire::MemberInfo> members(3);
  members[0].address = "a:1";
  members[1].address = "b:2";
  members[2].address = "c:3";
  return members;
}

wire::NodeStatus at(std::uint64_t revision, const std::string& digest,
                    const std::string& rows = "rows") {
  wire::NodeStatus status;
  status.revision = revision;
  status.digest = digest;
  status.state_digest = rows;
  return status;
}

TEST(InstanceCheckTest, EqualRevisionsWithEqualDigestsAgree) {
  InstanceCheck check(three());
  for (std::size_t i = 0; i < 3; ++i) check.observe(i, at(7, "d"));
  EXPECT_TRUE(check.all_agree());
  EXPECT_EQ(check.highest_revision(), 7U);
}

TEST(InstanceCheckTest, InstancesThatMoveNeedNotBeSeenAtTheSameMoment) {
  InstanceCheck check(three());
  check.observe(0, at(9, "d9"));
  check.observe(1, at(7, "d7"));
  check.observe(2, at(8, "d8"));
  EXPECT_FALSE(check.all_agree());
  EXPECT_EQ(check.instances()[1].verdict, Verdict::not_met);
  check.observe(0, at(12, "d12"));
  check.observe(1, at(9, "d9"));
  check.observe(2, at(12, "d12"));
  EXPECT_TRUE(check.all_agree());
}

TEST(InstanceCheckTest, AnotherHistoryOrOtherRowsAreNamed) {
  InstanceCheck check(three());
  check.observe(0, at(7, "d"));
  check.observe(1, at(7, "e"));
  check.observe(2, at(7, "d", "other"));
  EXPECT_TRUE(check.any_differs());
  EXPECT_EQ(check.instances()[1].problem, "another history than a:1 at revision 7");
  EXPECT_EQ(check.instances()[2].problem, "other rows than a:1 at revision 7");
}

TEST(InstanceCheckTest, OneThatHasMergedItsChangesAgreesAgain) {
  InstanceCheck check(three());
  for (std::size_t i = 0; i < 3; ++i) check.observe(i, at(7, i == 1 ? "e" : "d"));
  for (std::size_t i = 0; i < 3; ++i) check.observe(i, at(8, "f"));
  EXPECT_TRUE(check.all_agree());
}

TEST(InstanceCheckTest, ASilentInstanceIsNotCompared) {
  InstanceCheck check(three());
  check.observe(0, at(7, "d"));
  check.observe(1, at(7, "d"));
  check.observe(2, base::Error{base::ErrorCode::unavailable, "no answer from c:3"});
  EXPECT_FALSE(check.all_agree());
  EXPECT_EQ(check.instances()[2].verdict, Verdict::no_answer);
  EXPECT_EQ(check.instances()[2].problem, "no answer from c:3");
}

}  // namespace
}  // namespace mlguard::cli
