// The store's core: groups, the log, applying another node's entries, merging by the guard.
#include <algorithm>
#include <random>

#include "db/image_apply.h"
#include "db/row_image.h"
#include "db/state_scan.h"
#include "tests/unit/db/core_fixture.h"

namespace mlguard::db::test {
namespace {

// One of everything, so that every replicated table but `conflict` has rows and tombstones.
void write_one_of_everything(SqliteStore& store, base::ManualClock& clock) {
  std::vector<Command> commands;
  commands.emplace_back(RegisterComponent{component_named("sniffer")});
  commands.emplace_back(RegisterComponent{component_named("sniffer-dmz")});
  commands.emplace_back(FlushHeartbeats{{beat_of(component_named("sniffer"))}});
  commands.emplace_back(FlushHeartbeats{{beat_of(component_named("sniffer"), 2)}});
  commands.emplace_back(RecordHealth{"sniffer", base::Health::late});
  commands.emplace_back(PutConfig{"sniffer", "{\"a\":1}", "first", {}});
  commands.emplace_back(PutConfig{"sniffer", "{\"a\":2}", "", 1});
  commands.emplace_back(RollbackConfig{"sniffer", 1, "", {}});
  commands.emplace_back(PutConfig{"global", "[]", "", {}});
  commands.emplace_back(DeleteConfig{"global", {}});
  commands.emplace_back(PutRules{{rule_for("10.0.0.1", "r1"), rule_for("10.0.0.2", "r2")}});
  commands.emplace_back(PutRules{{rule_for("10.0.0.0/8", "r1")}});
  commands.emplace_back(RemoveRules{{"r2"}});
  commands.emplace_back(PutDetections{{detection_of("d1"), detection_of("d2", "2001:db8::1")}});
  commands.emplace_back(RecordApplied{{"sniffer", "config", 8, "abc", 0}});
  commands.emplace_back(CreateToken{token_named("t1")});
  commands.emplace_back(EnrolIdentity{"t1", identity_of('b')});
  commands.emplace_back(RevokeIdentity{std::string(64, 'b')});
  commands.emplace_back(RevokeToken{"t1"});
  commands.emplace_back(AnnouncePipelineKey{"00ff", 1, 0});
  commands.emplace_back(AnnouncePipelineKey{"11ff", 1, 1});
  commands.emplace_back(Maintain{});  // Key 1 has retired.
  commands.emplace_back(AppendAudit{{0, 0, "server", "refused", "rules", "no right"}});
  commands.emplace_back(RemoveComponent{"sniffer-dmz"});
  commands.emplace_back(UnregisterComponent{"sniffer", "one"});
  for (Command& command : commands) {
    clock.advance_ms(7);
    ASSERT_TRUE(store.begin_group().ok());
    const auto result = store.execute({command, "operator", ""});
    ASSERT_TRUE(result.ok()) << result.error().message;
    ASSERT_TRUE(store.commit_group().ok());
    const StateTotals totals = scan_state(store.connection());
    ASSERT_EQ(digest_hex(totals.state_digest), digest_hex(store.state().state_digest));
    ASSERT_EQ(totals.rules_digest, store.state().rules_digest);
    ASSERT_EQ(totals.row_count, store.state().row_count);
  }
}

TEST_F(CoreTest, EveryWriteIsOneEntryAndTheKeptTotalsAgreeWithTheRows) {
  const auto store = make_store();
  write_one_of_everything(*store, clock_);
  const auto entries = all_entries(*store);
  EXPECT_EQ(entries.size(), 25U);
  Digest digest{};
  std::uint64_t revision = 0;
  for (const LogEntry& entry : entries) {
    EXPECT_EQ(entry.revision, ++revision);
    digest = chain_digest(digest, entry.term, entry.revision, entry.rows);
    EXPECT_EQ(digest, entry.digest);
    EXPECT_FALSE(entry.summary.empty());
    EXPECT_FALSE(entry.resource.empty());
  }
  EXPECT_EQ(digest, store->state().digest);
}

TEST_F(CoreTest, ApplyingAllEntriesOfANodeGivesEqualDigestsAtEveryRevision) {
  const auto leader = make_store("aaaa");
  write_one_of_everything(*leader, clock_);
  const auto follower = make_store("bbbb");
  for (const LogEntry& entry : all_entries(*leader)) {
    const auto applied = apply(*follower, entry);
    ASSERT_TRUE(applied.ok()) << applied.error().message;
    EXPECT_EQ(follower->state().digest, entry.digest);
  }
  EXPECT_EQ(follower->state().state_digest, leader->state().state_digest);
  EXPECT_EQ(follower->state().rules_digest, leader->state().rules_digest);
  EXPECT_EQ(follower->state().rules_revision, leader->state().rules_revision);
  EXPECT_EQ(follower->state().rules_live, leader->state().rules_live);
  EXPECT_EQ(follower->state().row_count, leader->state().row_count);
  EXPECT_EQ(follower->state().log_bytes, leader->state().log_bytes);
  EXPECT_GE(follower->last_hlc(), leader->state().revision);
  const auto mine = all_entries(*follower);
  const auto theirs = all_entries(*leader);
  ASSERT_EQ(mine.size(), theirs.size());
  EXPECT_EQ(mine.back().summary, theirs.back().summary);
  EXPECT_EQ(mine.back().rows, theirs.back().rows);
}

TEST_F(CoreTest, AFollowerThatBecomesLeaderWritesAboveAllItApplied) {
  const auto leader = make_store("aaaa");
  ASSERT_TRUE(put(*leader, "sniffer", "{}").ok());
  const auto follower = make_store("bbbb");
  ASSERT_TRUE(apply(*follower, all_entries(*leader)[0]).ok());
  clock_.jump_wall_ms(-60'000);
  ASSERT_TRUE(follower->set_hard_state(2, "bbbb").ok());
  const auto result = put(*follower, "sniffer", "{\"a\":1}");
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->version, 2U);
  EXPECT_EQ(result->term, 2U);
  const auto applied = apply(*leader, all_entries(*follower)[1]);
  ASSERT_TRUE(applied.ok()) << applied.error().message;
  EXPECT_EQ(leader->state().state_digest, follower->state().state_digest);
}

TEST_F(CoreTest, ApplyingAnEntryTwiceIsRefusedAndChangesNothing) {
  const auto leader = make_store("aaaa");
  ASSERT_TRUE(put(*leader, "sniffer", "{}").ok());
  const LogEntry entry = all_entries(*leader)[0];
  const auto follower = make_store("bbbb");
  ASSERT_TRUE(apply(*follower, entry).ok());
  const StoreState before = follower->state();
  const auto again = apply(*follower, entry);
  EXPECT_EQ(reason_of(again), "entry_gap");
  EXPECT_EQ(follower->state().revision, before.revision);
  EXPECT_EQ(follower->state().state_digest, before.state_digest);
}

TEST_F(CoreTest, AnEntryWhoseDigestOrImagesWereTamperedWithIsRefused) {
  const auto leader = make_store("aaaa");
  ASSERT_TRUE(put(*leader, "sniffer", "{}").ok());
  const LogEntry good = all_entries(*leader)[0];
  const auto follower = make_store("bbbb");
  LogEntry bad = good;
  bad.rows.back() = static_cast<char>(bad.rows.back() ^ 2);
  EXPECT_EQ(reason_of(apply(*follower, bad)), "entry_digest");
  bad.rows = "\x01\x63\x01";
  bad.digest = chain_digest({}, bad.term, bad.revision, bad.rows);
  EXPECT_EQ(reason_of(apply(*follower, bad)), "bad_image");
  bad = good;
  bad.revision = 3;
  EXPECT_EQ(reason_of(apply(*follower, bad)), "entry_gap");
  EXPECT_EQ(follower->state().revision, 0U);
  EXPECT_EQ(count(*follower, "config"), 0);
  EXPECT_TRUE(apply(*follower, good).ok());
}

TEST_F(CoreTest, AnEntryOlderThanTheRowsHereStopsInsteadOfBeingSkipped) {
  const auto leader = make_store("aaaa");
  ASSERT_TRUE(put(*leader, "sniffer", "{}").ok());
  LogEntry entry = all_entries(*leader)[0];
  clock_.advance_ms(10);
  const auto diverged = make_store("bbbb");
  ASSERT_TRUE(put(*diverged, "sniffer", "{\"mine\":1}").ok());
  entry.revision = 2;
  entry.digest = chain_digest(diverged->state().digest, entry.term, 2, entry.rows);
  EXPECT_EQ(reason_of(apply(*diverged, entry)), "entry_changed_nothing");
  EXPECT_EQ(diverged->state().revision, 1U);
}

TEST_F(CoreTest, RowsOfTwoWritersConvergeInAnyOrder) {
  const auto a = make_store("aaaa");
  const auto b = make_store("bbbb");
  std::vector<std::string> images;
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    // The clock mostly stands still, so that many rows tie in hlc and only the origin decides.
    if (i % 40 == 0) clock_.advance_ms(1);
    SqliteStore& store = random() % 2 == 0 ? *a : *b;
    const std::string id = "r" + std::to_string(random() % 20);
    const auto result =
        write(store, PutRules{{rule_for("10.0.0." + std::to_string(random() % 250), id)}});
    ASSERT_TRUE(result.ok());
    if (random() % 4 == 0) {
      ASSERT_TRUE(write(store, RemoveRules{{id}}).ok());
    }
  }
  for (SqliteStore* store : {a.get(), b.get()}) {
    for (const LogEntry& entry : all_entries(*store)) images.push_back(entry.rows);
  }

  std::string expected;
  for (int trial = 0; trial < 20; ++trial) {
    std::shuffle(images.begin(), images.end(), random);
    const auto merged = make_store("cccc");
    for (const std::string& each : images) {
      ASSERT_TRUE(apply_images(merged->connection(), each).ok());
    }
    const StateTotals totals = scan_state(merged->connection());
    EXPECT_EQ(totals.state_digest, merged->state().state_digest);
    if (trial == 0) expected = digest_hex(totals.state_digest);
    EXPECT_EQ(digest_hex(totals.state_digest), expected);
  }
}

TEST_F(CoreTest, WhatAComponentAppliedIsKeptForEachResource) {
  const auto store = make_store();
  for (const char* resource : {"config", "global", "rules"}) {
    ASSERT_TRUE(write(*store, RecordApplied{{"sniffer", resource, 3, "abc", 0}}).ok()) << resource;
  }
  ASSERT_TRUE(write(*store, RecordApplied{{"sniffer", "global", 4, "def", 0}}).ok());
  EXPECT_EQ(count(*store, "applied"), 3);
  EXPECT_EQ(count(*store, "applied WHERE resource = 'global' AND revision = 4"), 1);
  const auto refused = write(*store, RecordApplied{{"sniffer", "policy", 1, "abc", 0}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "invalid_resource");
}

TEST_F(CoreTest, ARefusedCommandInAGroupDoesNotDisturbItsNeighbours) {
  const auto store = make_store();
  ASSERT_TRUE(store->begin_group().ok());
  EXPECT_TRUE(store->execute({PutConfig{"sniffer", "{}", "", {}}, "operator", ""}).ok());
  EXPECT_EQ(reason_of(store->execute({PutConfig{"sniffer", "{", "", {}}, "operator", ""})),
            "invalid_json");
  EXPECT_EQ(reason_of(store->execute({RemoveRules{{"none"}}, "operator", ""})), "no_rule");
  EXPECT_TRUE(store->execute({PutConfig{"sniffer", "[]", "", 1}, "operator", ""}).ok());
  ASSERT_TRUE(store->commit_group().ok());
  EXPECT_EQ(store->state().revision, 2U);
  EXPECT_EQ(count(*store, "config"), 2);
}

TEST_F(CoreTest, AGroupThatIsRolledBackLeavesNothingBehind) {
  const auto store = make_store();
  ASSERT_TRUE(put(*store, "sniffer", "{}").ok());
  const StoreState before = store->state();
  ASSERT_TRUE(store->begin_group().ok());
  EXPECT_TRUE(store->execute({PutConfig{"sniffer", "[]", "", {}}, "operator", ""}).ok());
  store->roll_back_group();
  EXPECT_EQ(store->state().revision, before.revision);
  EXPECT_EQ(store->state().state_digest, before.state_digest);
  EXPECT_TRUE(store->take_effects().config_versions.empty());
  EXPECT_EQ(put(*store, "sniffer", "[1]")->version, 2U);
}

TEST_F(CoreTest, WhenSqliteFailsInTheMiddleTheWholeGroupGetsTheErrorAndNothingChanged) {
  const auto store = make_store();
  ASSERT_TRUE(put(*store, "sniffer", "{}").ok());
  const StoreState before = store->state();
  store->connection().execute(
      "CREATE TEMP TRIGGER broken BEFORE INSERT ON main.rule BEGIN SELECT RAISE(ABORT, 'no'); END");
  ASSERT_TRUE(store->begin_group().ok());
  EXPECT_TRUE(store->execute({PutConfig{"sniffer", "[]", "", {}}, "operator", ""}).ok());
  EXPECT_FALSE(store->execute({PutRules{{rule_for("10.0.0.1")}}, "operator", ""}).ok());
  EXPECT_TRUE(store->group_failed());
  EXPECT_FALSE(store->execute({PutConfig{"sniffer", "[2]", "", {}}, "operator", ""}).ok());
  EXPECT_FALSE(store->commit_group().ok());
  EXPECT_EQ(store->state().revision, before.revision);
  EXPECT_EQ(count(*store, "config"), 1);
  store->connection().execute("DROP TRIGGER broken");
  EXPECT_TRUE(put(*store, "sniffer", "[3]").ok());
  EXPECT_EQ(scan_state(store->connection()).state_digest, store->state().state_digest);
}

TEST_F(CoreTest, EntriesComeWithinTheirLimitsButAtLeastOne) {
  const auto store = make_store();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(put(*store, "sniffer", "{}").ok());
  EXPECT_EQ(store->entries_after(1, 2, 1U << 20)->size(), 2U);
  EXPECT_EQ(store->entries_after(1, 10, 1)->size(), 1U);
  EXPECT_EQ(store->entries_after(5, 10, 1)->size(), 0U);
  EXPECT_EQ((*store->last_entry())->revision, 5U);
  EXPECT_FALSE(make_store()->last_entry()->has_value());
}

TEST_F(CoreTest, TermAndVoteStayAndEntriesCarryTheTerm) {
  const auto store = make_store();
  ASSERT_TRUE(store->set_hard_state(7, "host:2379").ok());
  EXPECT_EQ(store->state().voted_for, "host:2379");
  EXPECT_EQ(put(*store, "sniffer", "{}")->term, 7U);
  EXPECT_EQ(store->connection().integer_of("SELECT term FROM node_state"), 7);
}

TEST_F(CoreTest, ARepeatedRequestGetsItsFirstAnswerAndChangesNothing) {
  const auto store = make_store();
  const auto first = write(*store, PutRules{{rule_for("10.0.0.1")}}, "session:1");
  ASSERT_TRUE(first.ok());
  const auto config = write(*store, PutConfig{"sniffer", "{}", "", {}}, "session:2");
  const auto again = write(*store, PutRules{{rule_for("10.0.0.1")}}, "session:1");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->ids, first->ids);
  EXPECT_EQ(again->revision, 1U);
  const auto config_again = write(*store, PutConfig{"sniffer", "{}", "", {}}, "session:2");
  EXPECT_EQ(config_again->version, config->version);
  EXPECT_EQ(store->state().revision, 2U);

  clock_.advance_ms(kRequestIdMemoryMs + 1);
  EXPECT_FALSE(write(*store, PutRules{{rule_for("10.0.0.1")}}, "session:1")->replayed);
  EXPECT_EQ(store->state().revision, 3U);
}

TEST_F(CoreTest, AFollowerKnowsTheRequestsOfTheEntriesItApplied) {
  const auto leader = make_store("aaaa");
  ASSERT_TRUE(write(*leader, PutRules{{rule_for("10.0.0.1", "r1")}}, "session:1").ok());
  const auto follower = make_store("bbbb");
  ASSERT_TRUE(apply(*follower, all_entries(*leader)[0]).ok());
  const auto again = write(*follower, PutRules{{rule_for("10.0.0.1", "r1")}}, "session:1");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->ids, std::vector<std::string>{"r1"});
}

}  // namespace
}  // namespace mlguard::db::test
