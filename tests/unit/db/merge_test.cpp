// Merging by row: who wins, what is kept of the loser, and that followers come to the same.
#include "db/hybrid_clock.h"
#include "db/row_image.h"
#include "tests/unit/db/cluster_fixture.h"

namespace mlguard::db::test {
namespace {

using Losers = std::vector<std::string>;

TEST_F(PartedTest, WhatOnlyTheTailHoldsTakesEffectAndStreamsDeliverIt) {
  put_rule(*other_, "r1", "10.1.0.1/32");
  ASSERT_TRUE(write(*other_, PutDetections{{detection_of("d1")}}).ok());
  put_rule(*leader_, "r2", "10.2.0.1/32");
  const MergeReport report = merge_other();
  EXPECT_EQ(report.entries_appended, 2U);
  EXPECT_EQ(report.conflicts, 0U);
  EXPECT_EQ(report.revision, common_ + 3);
  EXPECT_EQ(cidr_of(*leader_, "r1"), "10.1.0.1/32");
  EXPECT_EQ(text(*leader_, "SELECT revision FROM rule WHERE id = 'r1'"),
            std::to_string(common_ + 2));
  EXPECT_EQ(text(*leader_, "SELECT revision FROM detection"), std::to_string(common_ + 3));
  EXPECT_EQ(text(*leader_, "SELECT origin FROM rule WHERE id = 'r1'"), "bbbb");
  EXPECT_EQ(leader_->state().rules_live, 3U);
  EXPECT_EQ(leader_->state().rules_revision, common_ + 2);
  EXPECT_EQ(leader_->state().detections, 1U);
  const LogEntry merged = tail_of(*leader_, common_ + 1).front();
  EXPECT_EQ(merged.author, "operator");
  EXPECT_EQ(merged.resource, "rules");
  EXPECT_EQ(merged.summary, "rule r1 put: drop 10.1.0.1/32 (merged from other:2380)");
  expect_settled();
}

TEST_F(PartedTest, TheLaterWriteWinsAndTheOlderOneStaysReadable) {
  put_rule(*leader_, "shared", "10.0.0.2/32");
  put_rule(*other_, "r1", "10.1.0.1/32");
  put_rule(*leader_, "r1", "10.1.0.2/32");
  clock_.advance_ms(10);
  put_rule(*other_, "shared", "10.0.0.3/32");
  clock_.advance_ms(10);
  put_rule(*leader_, "r1", "10.1.0.3/32");
  const MergeReport report = merge_other();
  EXPECT_EQ(cidr_of(*leader_, "shared"), "10.0.0.3/32");
  EXPECT_EQ(cidr_of(*leader_, "r1"), "10.1.0.3/32");
  EXPECT_EQ(losers(*leader_), (Losers{"rule r1 older", "rule shared overwritten"}));
  EXPECT_EQ(report.conflicts, 2U);
  EXPECT_EQ(text(*leader_, "SELECT lost_row ->> 'cidr' FROM conflict WHERE row_key = 'shared'"),
            "10.0.0.2/32");
  EXPECT_EQ(text(*leader_, "SELECT lost_origin FROM conflict WHERE row_key = 'shared'"), "aaaa");
  EXPECT_EQ(text(*leader_, "SELECT lost_row ->> 'cidr' FROM conflict WHERE row_key = 'r1'"),
            "10.1.0.1/32");
  expect_settled();
}

TEST_F(PartedTest, AtOneInstantTheHigherOriginWinsFromBothSides) {
  // Both clocks stand at what both have seen, so that both give the same stamp.
  put_rule(*leader_, "r1", "10.1.0.1/32");
  put_rule(*other_, "r1", "10.1.0.2/32");
  ASSERT_EQ(leader_->last_hlc(), other_->last_hlc());
  merge_other();
  EXPECT_EQ(cidr_of(*leader_, "r1"), "10.1.0.2/32");
  EXPECT_EQ(losers(*leader_), Losers{"rule r1 overwritten"});
  expect_settled();
}

TEST_F(PartedTest, AtOneInstantTheLowerOriginLosesWhenItIsTheTail) {
  put_rule(*other_, "r1", "10.1.0.2/32");
  put_rule(*leader_, "r1", "10.1.0.1/32");
  ASSERT_EQ(leader_->last_hlc(), other_->last_hlc());
  // The other one leads now.
  merge(*other_, *leader_, common_);
  EXPECT_EQ(cidr_of(*other_, "r1"), "10.1.0.2/32");
  EXPECT_EQ(losers(*other_), Losers{"rule r1 older"});
}

TEST_F(PartedTest, OverwritingWhatItsWriterHadSeenIsNoConflict) {
  put_rule(*other_, "shared", "10.0.0.2/32");
  clock_.advance_ms(10);
  put_rule(*other_, "shared", "10.0.0.3/32");
  put_rule(*leader_, "r2", "10.2.0.1/32");
  const MergeReport report = merge_other();
  EXPECT_EQ(report.entries_appended, 2U);
  EXPECT_EQ(report.conflicts, 0U);
  EXPECT_EQ(cidr_of(*leader_, "shared"), "10.0.0.3/32");
  expect_settled();
}

TEST_F(PartedTest, WhatTheSameNodeWroteInAnotherHistoryWasNotSeen) {
  // The other node wrote, lost that history, leads again elsewhere and writes the same rule without
  // having seen its own first write, which the leader has merged meanwhile.
  const auto elsewhere = make_store("bbbb");
  follow(*elsewhere, *leader_);
  put_rule(*other_, "shared", "10.0.0.2/32");
  merge_other();
  clock_.advance_ms(10);
  put_rule(*elsewhere, "shared", "10.0.0.3/32");
  const MergeReport report = merge(*leader_, *elsewhere, common_);
  EXPECT_EQ(cidr_of(*leader_, "shared"), "10.0.0.3/32");
  EXPECT_EQ(report.conflicts, 1U);
  EXPECT_EQ(losers(*leader_), Losers{"rule shared overwritten"});
}

TEST_F(PartedTest, ATombstoneCountsAsAWrite) {
  ASSERT_TRUE(write(*leader_, RemoveRules{{"shared"}}).ok());
  put_rule(*leader_, "r1", "10.1.0.1/32");
  part();
  put_rule(*leader_, "shared", "10.0.0.2/32");
  clock_.advance_ms(10);
  put_rule(*other_, "shared", "10.0.0.3/32");
  ASSERT_TRUE(write(*other_, RemoveRules{{"shared"}}).ok());
  ASSERT_TRUE(write(*other_, RemoveRules{{"r1"}}).ok());
  clock_.advance_ms(10);
  put_rule(*leader_, "r1", "10.1.0.2/32");
  merge_other();
  EXPECT_EQ(cidr_of(*leader_, "shared"), "");
  EXPECT_EQ(cidr_of(*leader_, "r1"), "10.1.0.2/32");
  EXPECT_EQ(losers(*leader_), (Losers{"rule r1 older", "rule shared overwritten"}));
  EXPECT_EQ(text(*leader_, "SELECT lost_row ->> 'deleted' FROM conflict WHERE row_key = 'r1'"),
            "1");
  expect_settled();
}

TEST_F(PartedTest, WhatWasDeletedOnBothSidesIsLostToNobody) {
  ASSERT_TRUE(write(*leader_, RemoveRules{{"shared"}}).ok());
  clock_.advance_ms(10);
  ASSERT_TRUE(write(*other_, RemoveRules{{"shared"}}).ok());
  merge_other();
  EXPECT_EQ(losers(*leader_), Losers{});
  expect_settled();
}

TEST_F(PartedTest, ALeaderMergesItsOwnOldTailAlike) {
  put_rule(*other_, "shared", "10.0.0.2/32");
  const std::vector<LogEntry> own = tail_of(*other_, common_);
  // It took the leader's history over and leads now.
  const auto again = make_store("bbbb");
  follow(*again, *leader_);
  const MergeReport report = merge_entries(*again, own, common_);
  EXPECT_EQ(report.entries_appended, 1U);
  EXPECT_EQ(cidr_of(*again, "shared"), "10.0.0.2/32");
  EXPECT_EQ(count(*again, "audit"), 3);
}

TEST_F(PartedTest, CompareAndSetWritesAreNeverMerged) {
  ASSERT_TRUE(put(*other_, "sniffer", "{\"v\":2}", 1).ok());
  EXPECT_TRUE(tail_of(*other_, common_).front().compare_and_set);
  const MergeReport report = merge_other();
  EXPECT_EQ(text(*leader_, "SELECT version FROM config_active"), "1");
  EXPECT_EQ(losers(*leader_),
            (Losers{"config sniffer/2 compare-and-set", "config_active sniffer compare-and-set"}));
  EXPECT_EQ(report.conflicts, 3U);  // And its audit record.
  EXPECT_EQ(text(*leader_,
                 "SELECT lost_row ->> 'document' FROM conflict WHERE row_key = "
                 "'sniffer/2'"),
            "{\"v\":2}");
  EXPECT_EQ(tail_of(*leader_, common_).front().summary,
            "version 2 of the configuration of sniffer put, 7 bytes (merged from other:2380: it "
            "lost)");
  expect_settled();
}

TEST_F(PartedTest, MembersAreNeverMerged) {
  ASSERT_TRUE(other_->begin_group().ok());
  ASSERT_TRUE(other_->set_members({{"node:2379", true}}, "operator").ok());
  ASSERT_TRUE(other_->commit_group().ok());
  merge_other();
  EXPECT_TRUE(leader_->membership().members.empty());
  EXPECT_EQ(losers(*leader_), Losers{"member node:2379 membership"});
  expect_settled();
}

TEST_F(PartedTest, ARowMoreThanAMinuteAheadOfTheClockIsKeptAside) {
  clock_.jump_wall_ms(kMergeClockAheadMsMax + 1);
  put_rule(*other_, "shared", "10.0.0.2/32");
  clock_.jump_wall_ms(-kMergeClockAheadMsMax - 1);
  const std::uint64_t hlc = leader_->last_hlc();
  merge_other();
  EXPECT_EQ(cidr_of(*leader_, "shared"), "10.0.0.1/32");
  EXPECT_EQ(losers(*leader_), Losers{"rule shared clock ahead"});
  EXPECT_LT(hlc_wall_ms(leader_->last_hlc()), hlc_wall_ms(hlc) + 1'000);
  // Judged once is judged, also when the clock has caught up.
  clock_.advance_ms(kMergeClockAheadMsMax + 10);
  expect_settled();
}

TEST_F(PartedTest, ARowSomewhatAheadIsMergedAndTheClockGoesOnAboveIt) {
  clock_.jump_wall_ms(30'000);
  put_rule(*other_, "shared", "10.0.0.2/32");
  const std::uint64_t ahead = other_->last_hlc();
  clock_.jump_wall_ms(-30'000);
  merge_other();
  EXPECT_EQ(cidr_of(*leader_, "shared"), "10.0.0.2/32");
  EXPECT_GT(tail_of(*leader_, common_).front().hlc, ahead);
  put_rule(*leader_, "shared", "10.0.0.3/32");
  expect_settled();
}

TEST_F(PartedTest, ARequestThatTheClientHasRepeatedHereIsNotDoneTwice) {
  put_rule(*other_, "shared", "10.0.0.2/32", "session:1");
  put_rule(*leader_, "shared", "10.0.0.2/32", "session:1");
  clock_.advance_ms(10);
  put_rule(*leader_, "shared", "10.0.0.3/32");
  const MergeReport report = merge_other();
  EXPECT_EQ(report.entries_appended, 0U);
  EXPECT_EQ(cidr_of(*leader_, "shared"), "10.0.0.3/32");
}

TEST_F(PartedTest, ARequestThatWasMergedIsKnownFromThenOn) {
  put_rule(*other_, "r1", "10.1.0.1/32", "session:1");
  merge_other();
  const auto again = write(*leader_, PutRules{{rule_for("10.1.0.1", "r1")}}, "session:1");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->ids, std::vector<std::string>{"r1"});
}

TEST_F(PartedTest, ARequestThatLostIsDoneWhenItsClientAsksAgain) {
  put_rule(*other_, "shared", "10.0.0.2/32", "session:1");
  clock_.advance_ms(10);
  put_rule(*leader_, "shared", "10.0.0.3/32");
  merge_other();
  EXPECT_EQ(cidr_of(*leader_, "shared"), "10.0.0.3/32");
  const auto again = write(*leader_, PutRules{{rule_for("10.0.0.2", "shared")}}, "session:1");
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->replayed);
  EXPECT_EQ(cidr_of(*leader_, "shared"), "10.0.0.2/32");
}

TEST_F(PartedTest, TwoVersionsOfOneNumberAreDecidedByTimeAndTheNextNumberIsFree) {
  ASSERT_TRUE(put(*leader_, "sniffer", "{\"v\":\"leader\"}").ok());
  clock_.advance_ms(10);
  ASSERT_TRUE(put(*other_, "sniffer", "{\"v\":\"other\"}").ok());
  ASSERT_TRUE(put(*other_, "sniffer", "{\"v\":\"third\"}").ok());
  clock_.advance_ms(10);
  ASSERT_TRUE(write(*leader_, DeleteConfig{"sniffer", {}}).ok());
  merge_other();
  EXPECT_EQ(text(*leader_, "SELECT document FROM config WHERE version = 2"), "{\"v\":\"other\"}");
  EXPECT_EQ(text(*leader_,
                 "SELECT lost_row ->> 'document' FROM conflict WHERE table_name = "
                 "'config'"),
            "{\"v\":\"leader\"}");
  EXPECT_EQ(text(*leader_, "SELECT deleted FROM config_active"), "1");
  // Version 3 came with the merge and is not in force, but its number is taken.
  const auto next = put(*leader_, "sniffer", "{}");
  ASSERT_TRUE(next.ok()) << next.error().message;
  EXPECT_EQ(next->version, 4U);
  expect_settled();
}

TEST_F(PartedTest, PurgesAndLostHeartbeatsLeaveNoTrace) {
  const auto component = component_named("sniffer");
  ASSERT_TRUE(write(*leader_, RegisterComponent{component}).ok());
  ASSERT_TRUE(write(*leader_, RemoveRules{{"shared"}}).ok());
  part();
  ASSERT_TRUE(write(*other_, FlushHeartbeats{{beat_of(component, 1)}}).ok());
  clock_.advance_ms(Retention().tombstone_ms + 10);
  ASSERT_TRUE(write(*other_, Maintain{}).ok());
  ASSERT_EQ(count(*other_, "rule"), 0);
  ASSERT_TRUE(write(*leader_, FlushHeartbeats{{beat_of(component, 2)}}).ok());
  const MergeReport report = merge_other();
  EXPECT_EQ(report.entries_appended, 0U);
  EXPECT_EQ(count(*leader_, "rule"), 1);
  EXPECT_EQ(text(*leader_, "SELECT seq FROM heartbeat"), "2");
}

TEST_F(PartedTest, MarkersAndEntriesOfThisLogAreSkipped) {
  put_rule(*leader_, "r1", "10.1.0.1/32");
  ASSERT_TRUE(put(*leader_, "sniffer", "{\"v\":2}", 1).ok());
  ASSERT_TRUE(leader_->begin_group().ok());
  ASSERT_TRUE(leader_->append_marker("leader", "leads", "server").ok());
  ASSERT_TRUE(leader_->commit_group().ok());
  follow(*other_, *leader_);
  // It had not heard that so much is committed, and hands over what the leader has already.
  EXPECT_EQ(merge_other().entries_appended, 0U);
  put_rule(*leader_, "r1", "10.1.0.2/32");
  EXPECT_EQ(merge_other().entries_appended, 0U);
  EXPECT_EQ(losers(*leader_), Losers{});
}

}  // namespace
}  // namespace mlguard::db::test
