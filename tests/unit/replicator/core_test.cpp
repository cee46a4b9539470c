// The core's first steps, by hand. What it does under fire is tests/sim's business.
#include "replicator/core.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace mlguard::replicator {
namespace {

class NoJitter final : public Jitter {
 public:
  std::int64_t up_to_ms(std::int64_t) override { return 0; }
};

class EmptyLog final : public LogReader {
 public:
  std::optional<Position> position_at(Revision) const override { return Position{}; }
  std::vector<Entry> entries(Revision, Revision, std::size_t, std::size_t) const override {
    return {};
  }
  SetAside set_aside(std::size_t, std::size_t) const override { return {}; }
};

class CoreTest : public testing::Test {
 protected:
  Core core(const NodeId& self, const std::vector<Member>& members) {
    return Core(self, Settings{}, Recovered{{}, {}, 0, {members, 0}}, {log_, jitter_, rules_}, 0);
  }
  template <class Body>
  static bool says(const Output& output) {
    return std::any_of(output.messages.begin(), output.messages.end(),
                       [](const Message& m) { return std::holds_alternative<Body>(m.body); });
  }
  // Reports the only command as durable, with an entry for each proposal.
  static void complete(Core& core, const Output& output, std::int64_t now_ms, Position tail = {}) {
    ASSERT_EQ(output.storage.size(), 1U);
    StorageDone done;
    done.id = output.storage[0].id;
    done.tail = tail;
    if (const auto* execute = std::get_if<Execute>(&output.storage[0].what)) {
      done.results.resize(execute->batch.size(), {ExecuteOutcome::appended, tail.revision, {}});
    }
    core.storage_done(now_ms, done);
  }

  EmptyLog log_;
  NoJitter jitter_;
  Rules rules_;
};

TEST_F(CoreTest, ASingleVoterLeadsAtOnceAndCommitsAlone) {
  Core one = core("a:1", {{"a:1"}});
  one.tick(0);
  complete(one, one.take_output(), 1);
  EXPECT_EQ(one.status().role, Role::leader);
  complete(one, one.take_output(), 2, {1, 1, {}});
  EXPECT_EQ(one.status().committed, 1U);
}

TEST_F(CoreTest, AFollowerStaysQuietUntilItsTimeoutAndThenAsksFirst) {
  Core two = core("a:2", {{"a:1"}, {"a:2"}, {"a:3"}});
  two.tick(749);
  EXPECT_TRUE(two.take_output().messages.empty());
  two.tick(750);  // 600 ms and one rank.
  const Output output = two.take_output();
  EXPECT_TRUE(says<VoteRequest>(output));
  EXPECT_TRUE(output.storage.empty()) << "a pre-vote must not raise the term";
  EXPECT_EQ(two.status().term, 0U);
}

TEST_F(CoreTest, NoVoteIsSentBeforeItIsDurable) {
  Core two = core("a:2", {{"a:1"}, {"a:2"}, {"a:3"}});
  two.receive(10, {"a:1", "a:2", 1, VoteRequest{VoteKind::real, 0, 0}});
  const Output before = two.take_output();
  EXPECT_FALSE(says<VoteReply>(before));
  complete(two, before, 20);
  EXPECT_TRUE(says<VoteReply>(two.take_output()));
}

TEST_F(CoreTest, AVoteThatTheDiskRefusesIsNeverSent) {
  Core two = core("a:2", {{"a:1"}, {"a:2"}, {"a:3"}});
  two.receive(10, {"a:1", "a:2", 1, VoteRequest{VoteKind::real, 0, 0}});
  StorageDone refused;
  refused.id = two.take_output().storage.at(0).id;
  refused.outcome = StorageOutcome::refused;
  two.storage_done(20, refused);
  const Output after = two.take_output();
  EXPECT_FALSE(says<VoteReply>(after));
  ASSERT_EQ(after.alarms.size(), 1U);
  EXPECT_EQ(after.alarms[0].kind, AlarmKind::storage_refused);
}

TEST_F(CoreTest, WhoDoesNotLeadSaysSoAndNamesTheLeader) {
  Core two = core("a:2", {{"a:1"}, {"a:2"}, {"a:3"}});
  two.receive(10, {"a:1", "a:2", 0, Ping{}});
  static_cast<void>(two.take_output());
  Proposal proposal;
  proposal.id = 7;
  two.propose(20, proposal);
  two.read(20, {8, 0, 0});
  const Output output = two.take_output();
  ASSERT_EQ(output.answers.size(), 2U);
  for (const Answer& answer : output.answers) {
    EXPECT_EQ(answer.kind, AnswerKind::not_leader);
    EXPECT_EQ(answer.leader, "a:1");
  }
}

TEST_F(CoreTest, ARefusedConnectionToTheLeaderShortensTheTimeout) {
  Core two = core("a:2", {{"a:1"}, {"a:2"}, {"a:3"}});
  two.receive(10, {"a:1", "a:2", 0, Ping{}});
  two.peer_lost(100, "a:1");
  static_cast<void>(two.take_output());
  two.tick(150);  // 50 ms; the lost leader does not count for the rank.
  EXPECT_TRUE(says<VoteRequest>(two.take_output()));
}

TEST_F(CoreTest, ALearnerNeverStands) {
  Core three = core("a:3", {{"a:1"}, {"a:2"}, {"a:3", MemberKind::learner}});
  three.tick(60'000);
  EXPECT_TRUE(three.take_output().messages.empty());
  EXPECT_EQ(three.status().role, Role::learner);
}

}  // namespace
}  // namespace mlguard::replicator
