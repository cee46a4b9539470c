// Installing snapshots: what is replaced, what stays, what is set aside, and what is refused.
#include <fstream>

#include "db/backup.h"
#include "db/migrations.h"
#include "db/sqlite_reader.h"
#include "support/temp_dir.h"
#include "tests/unit/db/cluster_fixture.h"

namespace mlguard::db::test {
namespace {

class SnapshotTest : public ClusterTest {
 protected:
  SnapshotTest() : leader_(make_file_store("aaaa")), other_(make_file_store("bbbb")) {
    put_rule(*leader_, "shared", "10.0.0.1/32");
    EXPECT_TRUE(put(*leader_, "sniffer", "{\"v\":1}").ok());
    follow(*other_, *leader_);
    common_ = leader_->state().revision;
    clock_.advance_ms(10);
  }
  std::unique_ptr<SqliteStore> make_file_store(const std::string& node_id) {
    auto store = SqliteStore::open({folder_ / node_id, {}, node_id}, clock_);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return std::move(store).value();
  }
  std::string snapshot_of(const std::string& node_id) {
    const std::string path = folder_ / (node_id + ".snapshot #1?");
    ReaderPool pool(folder_ / node_id);
    auto reader = SqliteReader::open(pool);
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    const auto copied = backup_database(**reader, path);
    EXPECT_TRUE(copied.ok()) << copied.error().message;
    return path;
  }
  // All occurrences: pages keep old copies where nobody looks.
  static std::string changed(std::string content, const std::string& from, const std::string& to) {
    std::size_t at = content.find(from);
    EXPECT_NE(at, std::string::npos);
    for (; at != std::string::npos; at = content.find(from, at)) {
      content.replace(at, to.size(), to);
    }
    return content;
  }
  // Nothing of the other node has changed, and it can go on.
  void expect_untouched(const StoreState& before) {
    EXPECT_EQ(other_->state().revision, before.revision);
    EXPECT_EQ(other_->state().digest, before.digest);
    EXPECT_EQ(other_->state().state_digest, before.state_digest);
    EXPECT_EQ(count(*other_, "set_aside"), 0);
    EXPECT_FALSE(other_->take_effects().replaced);
    expect_sound(*other_);
    put_rule(*other_, "still", "10.4.0.1/32");
    expect_sound(*other_);
  }

  support::TempDir folder_;
  std::unique_ptr<SqliteStore> leader_;
  std::unique_ptr<SqliteStore> other_;
  std::uint64_t common_ = 0;
};

TEST_F(SnapshotTest, RowsLogAndTotalsAreReplacedAndOwnEntriesSetAside) {
  ASSERT_TRUE(write(*leader_, RegisterComponent{component_named("sniffer")}).ok());
  ASSERT_TRUE(write(*leader_, PutDetections{{detection_of("d1")}}).ok());
  ASSERT_TRUE(put(*leader_, "sniffer", "{\"v\":2}", 1).ok());
  ASSERT_TRUE(write(*other_, RegisterComponent{component_named("sniffer-dmz")}).ok());
  put_rule(*other_, "r1", "10.1.0.1/32");
  ASSERT_TRUE(other_->set_hard_state(7, "bbbb").ok());
  ASSERT_TRUE(other_->set_initial_members({"one:1", "two:2"}).ok());
  ASSERT_TRUE(other_->set_peer_node_id("one:1", "aaaa").ok());
  const std::vector<LogEntry> own = tail_of(*other_, common_);

  const auto installed = other_->install_snapshot(snapshot_of("aaaa"), common_);
  ASSERT_TRUE(installed.ok()) << installed.error().message;
  EXPECT_EQ(other_->state().revision, leader_->state().revision);
  EXPECT_EQ(other_->state().digest, leader_->state().digest);
  EXPECT_EQ(other_->state().state_digest, leader_->state().state_digest);
  EXPECT_EQ(other_->state().rules_digest, leader_->state().rules_digest);
  EXPECT_EQ(other_->state().detections, 1U);
  expect_sound(*other_);
  EXPECT_TRUE(tail_of(*other_, 0).back().compare_and_set);

  EXPECT_EQ(other_->node_id(), "bbbb");
  EXPECT_EQ(other_->state().term, 7U);
  EXPECT_EQ(other_->state().voted_for, "bbbb");
  EXPECT_EQ(other_->membership().members.size(), 2U);
  EXPECT_EQ(*other_->peer_node_id("one:1"), "aaaa");

  const auto aside = other_->set_aside(100, 1U << 20);
  ASSERT_TRUE(aside.ok());
  EXPECT_EQ(aside->common, common_);
  ASSERT_EQ(aside->entries.size(), own.size());
  EXPECT_EQ(aside->entries[1].rows, own[1].rows);
  EXPECT_EQ(aside->entries[1].digest, own[1].digest);
  EXPECT_EQ(aside->entries[1].revision, own[1].revision);

  // And all of it is there after a restart, and follows on.
  other_.reset();
  other_ = make_file_store("bbbb");
  EXPECT_EQ(other_->state().digest, leader_->state().digest);
  EXPECT_EQ(other_->set_aside(100, 1U << 20)->entries.size(), own.size());
  put_rule(*leader_, "r2", "10.2.0.1/32");
  follow(*other_, *leader_);
}

TEST_F(SnapshotTest, TheEffectsHoldEverythingThatThereIs) {
  ASSERT_TRUE(write(*leader_, RegisterComponent{component_named("sniffer")}).ok());
  ASSERT_TRUE(write(*other_, RegisterComponent{component_named("sniffer-dmz")}).ok());
  ASSERT_TRUE(write(*other_, CreateToken{token_named("t1")}).ok());
  ASSERT_TRUE(write(*other_, EnrolIdentity{"t1", identity_of('b')}).ok());
  ASSERT_TRUE(other_->install_snapshot(snapshot_of("aaaa"), common_).ok());
  const GroupEffects effects = other_->take_effects();
  EXPECT_TRUE(effects.replaced);
  EXPECT_TRUE(effects.rules_changed);
  EXPECT_TRUE(effects.members_changed);
  ASSERT_EQ(effects.components.size(), 1U);
  EXPECT_EQ(effects.components.begin()->first, "sniffer");
  ASSERT_EQ(effects.config_versions.size(), 1U);
  EXPECT_EQ(effects.config_versions.at("sniffer"), 1U);
  EXPECT_EQ(effects.revoked_keys, std::vector<std::string>{std::string(64, 'b')});
  EXPECT_TRUE(other_->take_changes().empty());
}

TEST_F(SnapshotTest, WhatBothLogsHoldIsNotSetAside) {
  put_rule(*leader_, "r1", "10.1.0.1/32");
  follow(*other_, *leader_);
  put_rule(*leader_, "r2", "10.2.0.1/32");
  put_rule(*other_, "r3", "10.3.0.1/32");
  // It knows of less than is common.
  ASSERT_TRUE(other_->install_snapshot(snapshot_of("aaaa"), common_ - 1).ok());
  const auto aside = other_->set_aside(100, 1U << 20);
  EXPECT_EQ(aside->common, common_ + 1);
  ASSERT_EQ(aside->entries.size(), 1U);
  EXPECT_EQ(aside->entries[0].revision, common_ + 2);
}

TEST_F(SnapshotTest, WhatIsSetAsideStaysUntilItIsForgottenOldestFirst) {
  put_rule(*other_, "r1", "10.1.0.1/32");
  put_rule(*other_, "r2", "10.1.0.2/32");
  ASSERT_TRUE(other_->install_snapshot(snapshot_of("aaaa"), common_).ok());
  put_rule(*other_, "r3", "10.1.0.3/32");
  put_rule(*leader_, "r4", "10.1.0.4/32");
  const std::string second = folder_ / "second";
  ReaderPool pool(folder_ / "aaaa");
  ASSERT_TRUE(backup_database(**SqliteReader::open(pool), second).ok());
  ASSERT_TRUE(other_->install_snapshot(second, common_).ok());
  EXPECT_EQ(count(*other_, "set_aside"), 3);
  // The histories parted twice: those of one call belong together, though the point is the same.
  EXPECT_EQ(other_->set_aside(100, 1U << 20)->entries.size(), 2U);
  EXPECT_EQ(other_->set_aside(1, 1U << 20)->entries.size(), 1U);
  EXPECT_EQ(other_->set_aside(100, 1)->entries.size(), 1U);
  ASSERT_TRUE(other_->forget_set_aside(1).ok());
  EXPECT_EQ(other_->set_aside(100, 1U << 20)->entries[0].revision, common_ + 2);
  ASSERT_TRUE(other_->forget_set_aside(1).ok());
  const auto aside = other_->set_aside(100, 1U << 20);
  EXPECT_EQ(cidr_of(*leader_, "r3"), "");
  EXPECT_EQ(merge_entries(*leader_, aside->entries, aside->common).entries_appended, 1U);
  EXPECT_EQ(cidr_of(*leader_, "r3"), "10.1.0.3/32");
  ASSERT_TRUE(other_->forget_set_aside(100).ok());
  EXPECT_TRUE(other_->set_aside(100, 1U << 20)->entries.empty());
}

TEST_F(SnapshotTest, RequestsOfTheNewHistoryAreKnownAndStampsGoOnAboveIt) {
  clock_.jump_wall_ms(40'000);
  put_rule(*leader_, "shared", "10.0.0.2/32", "session:1");
  const std::uint64_t ahead = leader_->last_hlc();
  clock_.jump_wall_ms(-40'000);
  ASSERT_TRUE(other_->install_snapshot(snapshot_of("aaaa"), common_).ok());
  EXPECT_GE(other_->last_hlc(), ahead);
  const auto again = write(*other_, PutRules{{rule_for("10.0.0.2", "shared")}}, "session:1");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
  put_rule(*other_, "shared", "10.0.0.3/32");
  follow(*leader_, *other_);
}

TEST_F(SnapshotTest, WhatIsCommittedIsNeverLostToAnOlderSnapshot) {
  const std::string path = snapshot_of("aaaa");
  put_rule(*leader_, "r1", "10.1.0.1/32");
  follow(*other_, *leader_);
  other_->note_committed(other_->state().revision);
  const StoreState before = other_->state();
  EXPECT_EQ(reason_of(other_->install_snapshot(path, common_)), "snapshot_behind");
  expect_untouched(before);
}

TEST_F(SnapshotTest, CutDamagedAndForeignFilesAreRefusedByName) {
  for (int i = 0; i < 30; ++i) put_rule(*leader_, "r" + std::to_string(i), "10.1.0.1/32");
  const std::string path = snapshot_of("aaaa");
  const std::string good = support::read_text(path);
  put_rule(*other_, "mine", "10.3.0.1/32");
  const StoreState before = other_->state();
  const auto attempt = [&](const std::string& content) {
    support::write_text(folder_ / "bad", content);
    const auto installed = other_->install_snapshot(folder_ / "bad", common_);
    EXPECT_EQ(other_->state().revision, before.revision);
    return reason_of(installed);
  };
  EXPECT_EQ(attempt(good.substr(0, good.size() / 2)), "snapshot_damaged");
  EXPECT_EQ(attempt("no database at all"), "snapshot_damaged");
  EXPECT_EQ(attempt(""), "foreign_database");
  EXPECT_EQ(reason_of(other_->install_snapshot(folder_ / "none", common_)), "cannot_open");
  // One letter of one row, and of one image in the log, which SQLite itself cannot notice.
  EXPECT_EQ(attempt(changed(good, "r710.1.0.1/32drop", "r710.1.0.7/32drop")), "snapshot_damaged");
  EXPECT_EQ(attempt(changed(good,
                            "r7\x03\x0b"
                            "10.1.0.1",
                            "r7\x03\x0b"
                            "10.1.0.7")),
            "snapshot_damaged");
  expect_untouched(before);
}

TEST_F(SnapshotTest, WhateverByteIsDamagedNothingFalseIsInstalled) {
  for (int i = 0; i < 30; ++i) put_rule(*leader_, "r" + std::to_string(i), "10.1.0.1/32");
  const std::string good = support::read_text(snapshot_of("aaaa"));
  int refused = 0;
  for (std::size_t byte = 200; byte + 8 < good.size(); byte += 1'500) {
    std::string flipped = good;
    for (std::size_t i = byte; i < byte + 8; ++i) flipped[i] = static_cast<char>(~flipped[i]);
    support::write_text(folder_ / "bad", flipped);
    const auto fresh = make_store("cccc");
    const auto installed = fresh->install_snapshot(folder_ / "bad", 0);
    expect_sound(*fresh);
    EXPECT_EQ(text(*fresh, "PRAGMA integrity_check"), "ok") << byte;
    if (!installed.ok()) {
      ++refused;
      EXPECT_EQ(fresh->state().revision, 0U);
      continue;
    }
    // Room that nothing uses, or words about an entry, which no digest covers.
    EXPECT_EQ(fresh->state().digest, leader_->state().digest) << byte;
    EXPECT_EQ(fresh->state().state_digest, leader_->state().state_digest) << byte;
  }
  EXPECT_GT(refused, 10);
}

TEST_F(SnapshotTest, AnotherSchemaOrApplicationIsRefused) {
  const std::string path = snapshot_of("aaaa");
  const StoreState before = other_->state();
  const std::int64_t version = latest_schema_version();
  for (const std::int64_t other : {version - 1, version + 1}) {
    Connection(path, OpenMode::create, 0).execute("PRAGMA user_version = " + std::to_string(other));
    EXPECT_EQ(reason_of(other_->install_snapshot(path, common_)), "schema_mismatch");
  }
  Connection(path, OpenMode::create, 0).execute("PRAGMA application_id = 1");
  EXPECT_EQ(reason_of(other_->install_snapshot(path, common_)), "foreign_database");
  expect_untouched(before);
}

TEST_F(SnapshotTest, WhenTheDiskFailsInTheMiddleEverythingIsAsBefore) {
  ASSERT_TRUE(write(*leader_, PutDetections{{detection_of("d1")}}).ok());
  put_rule(*other_, "mine", "10.3.0.1/32");
  const StoreState before = other_->state();
  other_->connection().execute(
      "CREATE TEMP TRIGGER broken BEFORE INSERT ON main.detection BEGIN SELECT RAISE(ABORT, 'no'); "
      "END");
  const auto installed = other_->install_snapshot(snapshot_of("aaaa"), common_);
  EXPECT_FALSE(installed.ok());
  EXPECT_EQ(cidr_of(*other_, "mine"), "10.3.0.1/32");
  other_->connection().execute("DROP TRIGGER broken");
  expect_untouched(before);
}

}  // namespace
}  // namespace mlguard::db::test
