// The small parts of the shell: who waits for a revision, and which peer is which.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "replicator/peer_ids.h"
#include "replicator/waiters.h"

namespace mlguard::replicator {
namespace {

std::string word_of(const base::Status& status) {
  return status.ok() ? "reached" : status.error().reason;
}

TEST(WaitersTest, WhoWaitsIsToldOnceTheRevisionIsReachedTheTimeIsUpOrTheHistoryIsAnother) {
  Waiters waiters;
  std::vector<std::string> told(4);
  const auto tell = [&](std::size_t who) {
    return [&told, who](const base::Status& status) { told[who] += word_of(status); };
  };
  waiters.wait(5, 100, tell(0));
  waiters.wait(7, 100, tell(1));
  waiters.wait(9, 50, tell(2));
  waiters.wait(9, 200, tell(3));
  waiters.reached(6);
  EXPECT_EQ(told, (std::vector<std::string>{"reached", "", "", ""}));
  waiters.expire(60);
  EXPECT_EQ(told[2], "no_quorum");
  waiters.reached(7);
  EXPECT_EQ(told[1], "reached");
  waiters.fail_all(history_replaced());
  EXPECT_EQ(told[3], "history_replaced");
  waiters.reached(100);
  waiters.expire(1'000);
  EXPECT_EQ(told,
            (std::vector<std::string>{"reached", "reached", "no_quorum", "history_replaced"}));
}

TEST(PeerIdsTest, APeerThatComesBackWithAnotherStateIsRefusedUntilItWasTakenOut) {
  PeerIds ids(std::map<NodeId, std::string>{{"b:1", "one"}});
  bool is_new = true;
  EXPECT_TRUE(ids.check("b:1", "one", is_new).ok());
  EXPECT_FALSE(is_new);
  const base::Status refused = ids.check("b:1", "two", is_new);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "peer_replaced");
  EXPECT_NE(refused.error().message.find("ml-guard member remove b:1"), std::string::npos);
  EXPECT_TRUE(ids.check("c:1", "three", is_new).ok());
  EXPECT_TRUE(is_new);

  Membership without;
  without.members = {{"a:1", MemberKind::voter}};
  EXPECT_EQ(ids.drop_strangers(without), std::vector<NodeId>{"b:1"});
  EXPECT_TRUE(ids.check("b:1", "two", is_new).ok());
}

}  // namespace
}  // namespace mlguard::replicator
