// Merging over several histories: what was merged is merged on, trimmed logs, records, damage.
#include "db/row_image.h"
#include "tests/unit/db/cluster_fixture.h"

namespace mlguard::db::test {
namespace {

using Losers = std::vector<std::string>;

TEST_F(PartedTest, WhatWasMergedIsMergedOnWithItsLosers) {
  put_rule(*leader_, "shared", "10.0.0.2/32");
  clock_.advance_ms(10);
  put_rule(*other_, "shared", "10.0.0.3/32");
  merge_other();
  // The leader's history loses against a third node's.
  const auto third = make_store("cccc");
  for (const LogEntry& entry : tail_of(*leader_, 0)) {
    if (entry.revision <= common_) {
      ASSERT_TRUE(apply(*third, entry).ok());
    }
  }
  put_rule(*third, "r3", "10.3.0.1/32");
  merge(*third, *leader_, common_);
  EXPECT_EQ(cidr_of(*third, "shared"), "10.0.0.3/32");
  EXPECT_EQ(losers(*third), Losers{"rule shared overwritten"});
  EXPECT_EQ(tail_of(*third, common_).back().summary,
            "rule shared put: drop 10.0.0.3/32 (merged from other:2380)");
  // The node that wrote it first hands it over as well.
  EXPECT_EQ(merge(*third, *other_, common_).entries_appended, 0U);
  EXPECT_EQ(merge(*third, *leader_, common_).entries_appended, 0U);
}

TEST_F(PartedTest, ThreeHistoriesComeToOneState) {
  const auto third = make_store("cccc");
  follow(*third, *leader_);
  int address = 0;
  for (SqliteStore* store : {leader_.get(), other_.get(), third.get(), other_.get(), third.get()}) {
    clock_.advance_ms(1);
    for (const char* id : {"shared", "r1", "r2", "r3"}) {
      put_rule(*store, id, "10.5.0." + std::to_string(++address));
      if (address % 3 == 0) {
        ASSERT_TRUE(write(*store, RemoveRules{{id}}).ok());
      }
    }
    ASSERT_TRUE(put(*store, "sniffer", "{\"v\":" + std::to_string(address) + "}").ok());
    ASSERT_TRUE(write(*store, RegisterComponent{component_named("sniffer")}).ok());
  }
  merge(*leader_, *other_, common_);
  merge(*leader_, *third, common_);
  const std::string rows = text(*leader_, "SELECT group_concat(id || cidr || deleted) FROM rule");
  EXPECT_EQ(text(*leader_,
                 "SELECT document FROM config_active JOIN config USING (component, "
                 "version)"),
            text(*third,
                 "SELECT document FROM config_active JOIN config USING (component, "
                 "version)"));
  expect_settled();

  // In another order the same rows stand, whatever the numbers of the entries.
  const auto again = make_store("dddd");
  for (const LogEntry& entry : tail_of(*leader_, 0)) {
    if (entry.revision <= common_) {
      ASSERT_TRUE(apply(*again, entry).ok());
    }
  }
  merge(*again, *third, common_);
  std::vector<LogEntry> leaders = tail_of(*leader_, common_);
  std::erase_if(leaders, [](const LogEntry& entry) {
    return entry.summary.find("merged") != std::string::npos;
  });
  merge_entries(*again, leaders, common_);
  merge(*again, *other_, common_);
  EXPECT_EQ(text(*again, "SELECT group_concat(id || cidr || deleted) FROM rule"), rows);
}

TEST_F(PartedTest, AuditRecordsAreKeptAndStandInNobodysWay) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(other_->begin_group().ok());
    ASSERT_TRUE(other_->append_marker("leader", "leads", "server").ok());
    ASSERT_TRUE(other_->commit_group().ok());
  }
  put_rule(*other_, "r1", "10.1.0.1/32");
  EXPECT_EQ(count(*other_, "audit WHERE id = 8"), 1);
  merge_other();
  EXPECT_EQ(text(*leader_, "SELECT id || ' ' || node || ' ' || detail FROM audit ORDER BY id DESC"),
            "3 bbbb rule r1 put: drop 10.1.0.1/32");
  // The other node leads again, and comes to the revision whose record it has written before.
  const auto again = make_store("bbbb");
  follow(*again, *leader_);
  for (int i = 0; i < 6; ++i) put_rule(*again, "r2", "10.2.0." + std::to_string(i));
  EXPECT_EQ(count(*again, "audit"), 9);
  expect_settled();
}

TEST_F(PartedTest, AKnownRequestStillBringsTheLosersThatItRecorded) {
  put_rule(*leader_, "shared", "10.0.0.2/32");
  clock_.advance_ms(10);
  put_rule(*other_, "shared", "10.0.0.3/32", "session:1");
  merge_other();
  const auto third = make_store("cccc");
  for (const LogEntry& entry : tail_of(*leader_, 0)) {
    if (entry.revision <= common_ + 1) {
      ASSERT_TRUE(apply(*third, entry).ok());
    }
  }
  put_rule(*third, "shared", "10.0.0.3/32", "session:1");
  merge(*third, *leader_, common_ + 1);
  EXPECT_EQ(losers(*third), Losers{"rule shared overwritten"});
}

TEST_F(PartedTest, WithoutTheOldImagesRatherALoserTooManyThanOneTooFew) {
  put_rule(*other_, "shared", "10.0.0.2/32");
  Retention retention;
  retention.change_log_bytes_max = 0;
  const auto trimmed = make_store("aaaa", retention);
  follow(*trimmed, *leader_);
  put_rule(*trimmed, "r2", "10.2.0.1/32");
  ASSERT_TRUE(trimmed->trim_log(trimmed->state().revision).ok());
  ASSERT_GT(trimmed->state().log_base_revision, common_);
  merge(*trimmed, *other_, common_);
  EXPECT_EQ(cidr_of(*trimmed, "shared"), "10.0.0.2/32");
  EXPECT_EQ(losers(*trimmed), Losers{"rule shared overwritten"});
}

TEST_F(PartedTest, ATailThatCannotBeReadIsRefusedAndTheGroupGoesOn) {
  put_rule(*other_, "r1", "10.1.0.1/32");
  put_rule(*other_, "r2", "10.1.0.2/32");
  std::vector<LogEntry> cut = tail_of(*other_, common_);
  cut.back().rows.pop_back();
  // A row that its table would refuse: no version, which is an integer.
  std::vector<LogEntry> misfit = tail_of(*other_, common_);
  misfit.back().rows.clear();
  ImageWriter writer(misfit.back().rows);
  writer.begin(ImageKind::row, table_of(TableId::config_active));
  writer.text("sniffer");
  writer.null();
  writer.integer(1);
  writer.text("bbbb");
  writer.integer(0);
  ASSERT_TRUE(leader_->begin_group().ok());
  EXPECT_EQ(reason_of(leader_->merge({common_, "other:2380", cut})), "bad_image");
  EXPECT_EQ(reason_of(leader_->merge({common_, "other:2380", misfit})), "bad_image");
  EXPECT_FALSE(leader_->group_failed());
  ASSERT_TRUE(leader_->execute({PutRules{{rule_for("10.9.0.1", "r9")}}, "operator", ""}).ok());
  ASSERT_TRUE(leader_->commit_group().ok());
  EXPECT_EQ(leader_->state().revision, common_ + 1);
  EXPECT_EQ(cidr_of(*leader_, "r1"), "");
  expect_sound(*leader_);
}

TEST_F(PartedTest, AMergeThatTheDiskRefusesChangesNothing) {
  put_rule(*other_, "r1", "10.1.0.1/32");
  put_rule(*other_, "shared", "10.0.0.2/32");
  const StoreState before = leader_->state();
  leader_->connection().execute(
      "CREATE TEMP TRIGGER broken BEFORE UPDATE ON main.rule BEGIN SELECT RAISE(ABORT, 'no'); END");
  ASSERT_TRUE(leader_->begin_group().ok());
  EXPECT_FALSE(leader_->merge({common_, "other:2380", tail_of(*other_, common_)}).ok());
  EXPECT_TRUE(leader_->group_failed());
  EXPECT_FALSE(leader_->commit_group().ok());
  EXPECT_EQ(leader_->state().revision, before.revision);
  EXPECT_EQ(cidr_of(*leader_, "r1"), "");
  expect_sound(*leader_);
  leader_->connection().execute("DROP TRIGGER broken");
  EXPECT_EQ(merge_other().entries_appended, 2U);
}

TEST_F(PartedTest, AKeyThatAMergeRevokesIsTold) {
  ASSERT_TRUE(write(*leader_, CreateToken{token_named("t1")}).ok());
  ASSERT_TRUE(write(*leader_, EnrolIdentity{"t1", identity_of('b')}).ok());
  part();
  ASSERT_TRUE(write(*other_, RevokeIdentity{std::string(64, 'b')}).ok());
  merge_other();
  EXPECT_EQ(leader_->take_effects().revoked_keys, std::vector<std::string>{std::string(64, 'b')});
}

}  // namespace
}  // namespace mlguard::db::test
