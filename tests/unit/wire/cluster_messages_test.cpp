#include "wire/cluster_messages.h"

#include <gtest/gtest.h>

#include "wire/channel.h"

namespace mlguard::wire {
namespace {

constexpr std::int64_t kNowMs = 1'700'000'000'123;

template <class T>
std::string problem_of(const base::Result<T>& decoded) {
  return decoded.ok() ? "ok" : decoded.error().message;
}

std::vector<MemberInfo> two_members() {
  return {{"10.0.0.1:2379", MemberKind::voter, true, 41, 0, 0},
          {"[2001:db8::1]:2380", MemberKind::learner, false, {}, {}, {}}};
}

void expect_two_members(const std::vector<MemberInfo>& members) {
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].address, "10.0.0.1:2379");
  EXPECT_EQ(members[0].kind, MemberKind::voter);
  EXPECT_TRUE(members[0].leader);
  EXPECT_EQ(members[0].match, 41U);
  EXPECT_EQ(members[0].lag, 0U);
  EXPECT_EQ(members[0].silent_ms, 0);
  EXPECT_EQ(members[1].kind, MemberKind::learner);
  EXPECT_FALSE(members[1].leader);
  EXPECT_FALSE(members[1].match || members[1].lag || members[1].silent_ms);
}

TEST(ClusterMessagesTest, MembersRoundTripAndWhatIsNotKnownIsNull) {
  const std::string json = encode(MemberList{7, "10.0.0.1:2379", 3, two_members()});
  EXPECT_EQ(json, R"({"revision":7,"leader":"10.0.0.1:2379","term":3,"members":[)"
                  R"({"address":"10.0.0.1:2379","kind":"voter","leader":true,)"
                  R"("match":41,"lag":0,"silent_ms":0},)"
                  R"({"address":"[2001:db8::1]:2380","kind":"learner","leader":false,)"
                  R"("match":null,"lag":null,"silent_ms":null}]})");
  const auto back = decode_members(json);
  ASSERT_TRUE(back.ok()) << problem_of(back);
  EXPECT_EQ(back->revision, 7U);
  EXPECT_EQ(back->leader, "10.0.0.1:2379");
  EXPECT_EQ(back->term, 3U);
  expect_two_members(back->members);
}

TEST(ClusterMessagesTest, WrongMembersAreRefusedByField) {
  const auto problem = [](const std::string& member) {
    return problem_of(decode_members(R"({"revision":1,"term":1,"members":[)" + member + "]}"));
  };
  EXPECT_EQ(problem(R"({"kind":"voter"})"), "'members[0].address' is missing");
  EXPECT_EQ(problem(R"({"address":"a:1","kind":"boss"})"),
            "'members[0].kind' must be voter or learner");
  EXPECT_EQ(problem(R"({"address":"a:1","kind":"voter","lag":-1})"),
            "'members[0].lag' must be a whole number, 0 or more");
  EXPECT_EQ(problem(R"({"address":"a:1","kind":"voter","silent_ms":"x"})"),
            "'members[0].silent_ms' must be a whole number, 0 or more");
  const MemberInfo member{"a:1", MemberKind::voter, false, {}, {}, {}};
  const std::vector<MemberInfo> many(kMembersMax + 1, member);
  EXPECT_EQ(problem_of(decode_members(encode(MemberList{1, "", 1, many}))),
            "'members' must be a list of at most 64 objects");
}

TEST(ClusterMessagesTest, AnAddressHasExactlyOneSpelling) {
  const auto change = decode_member_change(encode(MemberChange{"10.0.0.3:2379", true}));
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->address, "10.0.0.3:2379");
  EXPECT_TRUE(change->learner);
  EXPECT_FALSE(decode_member_change(R"({"address":"a:1"})")->learner);
  for (const std::string address :
       {"10.0.0.3", "http://a:1", "a:0", "a:02379", "::1:2379", "a b:1", "a:1/", "a:65536"}) {
    EXPECT_EQ(problem_of(decode_member_change(encode(MemberChange{address, false}))),
              "'address' must be an address with its port, as 10.0.0.1:2379")
        << address;
  }
}

TEST(ClusterMessagesTest, ATransferAndItsAnswerRoundTrip) {
  const auto transfer = decode_leader_transfer(encode(LeaderTransfer{"b:2"}));
  ASSERT_TRUE(transfer.ok());
  EXPECT_EQ(transfer->to, "b:2");
  EXPECT_EQ(problem_of(decode_leader_transfer("{}")), "'to' is missing");
  EXPECT_EQ(encode(LeaderReply{"b:2"}), R"({"status":"ok","leader":"b:2"})");
  EXPECT_EQ(decode_leader_reply(encode(LeaderReply{"b:2"}))->leader, "b:2");
}

TEST(ClusterMessagesTest, TheStatusOfAnInstanceRoundTrips) {
  NodeStatus status{"n1", "a:1", "follower", "b:2", 3, 41, 40, 120, "d1", "d2", two_members()};
  const auto back = decode_node_status(encode(status));
  ASSERT_TRUE(back.ok()) << problem_of(back);
  EXPECT_EQ(back->node, "n1");
  EXPECT_EQ(back->address, "a:1");
  EXPECT_EQ(back->role, "follower");
  EXPECT_EQ(back->leader, "b:2");
  EXPECT_EQ(back->term, 3U);
  EXPECT_EQ(back->revision, 41U);
  EXPECT_EQ(back->committed, 40U);
  EXPECT_EQ(back->age_ms, 120);
  EXPECT_EQ(back->digest, "d1");
  EXPECT_EQ(back->state_digest, "d2");
  expect_two_members(back->peers);
  status.leader.clear();
  EXPECT_NE(encode(status).find(R"("leader":null)"), std::string::npos);
  EXPECT_EQ(decode_node_status(encode(status))->leader, "");
}

ConflictInfo example_conflict() {
  ConflictInfo conflict;
  conflict.table = "rule";
  conflict.key = "printers";
  conflict.reason = "older";
  conflict.recorded_at_ms = kNowMs + 5;
  conflict.lost = R"({"action":"drop","score":0.5})";
  conflict.lost_at_ms = kNowMs;
  conflict.lost_by = "10.0.0.2:2379";
  conflict.kept = R"({"action":"allow","score":1.0})";
  return conflict;
}

TEST(ClusterMessagesTest, ConflictsKeepBothRowsAsTheyWere) {
  ConflictInfo deleted = example_conflict();
  deleted.kept.clear();
  const auto back = decode_conflicts(encode_conflicts({example_conflict(), deleted}));
  ASSERT_TRUE(back.ok()) << problem_of(back);
  ASSERT_EQ(back->size(), 2U);
  const ConflictInfo& first = back->front();
  EXPECT_EQ(first.table, "rule");
  EXPECT_EQ(first.key, "printers");
  EXPECT_EQ(first.reason, "older");
  EXPECT_EQ(first.recorded_at_ms, kNowMs + 5);
  EXPECT_EQ(first.lost, example_conflict().lost);
  EXPECT_EQ(first.lost_at_ms, kNowMs);
  EXPECT_EQ(first.lost_by, "10.0.0.2:2379");
  EXPECT_EQ(first.kept, example_conflict().kept);
  EXPECT_EQ(back->back().kept, "");
  ConflictInfo broken = example_conflict();
  broken.lost = "no json";
  EXPECT_EQ(problem_of(decode_conflicts(encode_conflicts({broken}))),
            "'conflicts[0].lost' must be an object: { … }");
}

TEST(ClusterMessagesTest, EveryDecoderRefusesWhatIsNoObjectAndWhatIsEndless) {
  const std::string endless(kPlainBodyBytesMax + 1, ' ');
  const auto expect_refused = [&](const auto& decode) {
    for (const char* text : {"", "null", "[]", "{", "{\"a\":\"\xff\"}"}) {
      EXPECT_EQ(decode(text).error().reason, "invalid_json") << text;
    }
    EXPECT_EQ(decode(endless).error().reason, "too_large");
  };
  expect_refused(decode_members);
  expect_refused(decode_member_change);
  expect_refused(decode_leader_transfer);
  expect_refused(decode_leader_reply);
  expect_refused(decode_node_status);
  expect_refused(decode_conflicts);
}

}  // namespace
}  // namespace mlguard::wire
