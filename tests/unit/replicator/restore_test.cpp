// Restoring: the state as of any revision that was shipped, and a clear word where that cannot be.
#include "replicator/restore.h"

#include "db/adopt.h"
#include "tests/unit/replicator/shipping_fixture.h"

namespace mlguard::replicator::test {
namespace {

class RestoreTest : public ShippingTest {
 protected:
  // Real writes of several kinds, shipped as a snapshot, segments, a later snapshot, more segments.
  void SetUp() override {
    source_ = make_source();
    options_.snapshot_after_segments = 4;
    source_->write_many(3);
    SegmentShipper shipper(options_, key_, *source_);
    ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
    for (int i = 0; i < 7; ++i) {
      source_->write_many(1 + i % 3, 200);
      ASSERT_NO_FATAL_FAILURE(rules(i));
      ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
    }
    ASSERT_EQ(snapshots().size(), 2u);
  }
  void rules(int i) {
    db::SqliteStore& store = source_->store();
    const std::string id = "r-" + std::to_string(i);
    const std::string cidr = "10.0.0." + std::to_string(i) + "/32";
    ASSERT_TRUE(store.begin_group().ok());
    ASSERT_TRUE(store.execute({db::PutRules{{db::test::rule_for(cidr, id)}}, "operator", ""}).ok());
    ASSERT_TRUE(store.commit_group().ok());
    digests_[store.state().revision] = store.state().state_digest;
    if (i % 2 == 0) return;
    ASSERT_TRUE(store.begin_group().ok());
    ASSERT_TRUE(store.execute({db::RemoveRules{{id}}, "operator", ""}).ok());
    ASSERT_TRUE(store.commit_group().ok());
    digests_[store.state().revision] = store.state().state_digest;
  }
  db::Digest state_digest_at(Revision revision) const {
    const auto own = digests_.find(revision);
    return own != digests_.end() ? own->second : source_->state_digests().at(revision);
  }
  Revision last() { return source_->store().state().revision; }

  RestoreOptions to(std::optional<Revision> revision, const std::string& data_dir = "restored") {
    RestoreOptions options;
    options.from = shipped();
    options.to_revision = revision;
    options.data_dir = folder_ / data_dir;
    return options;
  }
  base::Result<RestoreReport> run(const RestoreOptions& options) {
    return restore(options, key_, clock_);
  }
  // Refused, naming `part`, and nothing is left in the data folder.
  void expect_refused(const RestoreOptions& options, const std::string& reason,
                      const std::string& part) {
    const auto refused = run(options);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().reason, reason) << refused.error().message;
    EXPECT_NE(refused.error().message.find(part), std::string::npos) << refused.error().message;
    EXPECT_FALSE(std::filesystem::exists(options.data_dir));
  }

  std::unique_ptr<TestSource> source_;
  std::map<Revision, db::Digest> digests_;
};

TEST_F(RestoreTest, EveryRevisionSinceTheFirstSnapshotIsRestoredAsItWas) {
  for (Revision revision = 3; revision <= last(); ++revision) {
    SCOPED_TRACE(revision);
    const std::string name = "at-" + std::to_string(revision);
    const auto report = run(to(revision, name));
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_EQ(report->revision, revision);
    EXPECT_EQ(report->state_digest, db::digest_hex(state_digest_at(revision)));
    EXPECT_EQ(report->digest, db::digest_hex((*source_->position_at(revision))->digest));
    const auto store = open_store(folder_ / (name + "/control.db"), clock_);
    EXPECT_EQ(store->state().revision, revision);
    EXPECT_EQ(store->state().state_digest, state_digest_at(revision));
    EXPECT_EQ(store->node_id(), report->node_id);
  }
}

TEST_F(RestoreTest, WithoutARevisionTheLastIsRestoredFromTheNewestSnapshot) {
  const auto report = run(to(std::nullopt));
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->revision, last());
  EXPECT_EQ(report->snapshot, snapshots().back().text());
  EXPECT_GT(report->segments, 0u);
  EXPECT_GT(report->rows, 10u);
  EXPECT_EQ(report->time_ms, clock_.wall_ms());
}

TEST_F(RestoreTest, TheRestoredNodeIsNotTheOneItWasTakenFromAndCanGoOn) {
  const auto report = run(to(last() - 1));
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_NE(report->node_id, source_->store().node_id());
  const auto facts = db::inspect_database(report->database);
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->node_id, report->node_id);
  TestSource again(report->database, clock_);
  EXPECT_EQ(again.store().state().voted_for, "");
  EXPECT_EQ(again.store().state().term, report->term);
  again.write();
  EXPECT_EQ(again.store().state().revision, last());
}

TEST_F(RestoreTest, ADataFolderWithADatabaseIsLeftAsItIs) {
  for (const char* name : {"control.db", "control.db-wal"}) {
    const std::string data_dir = folder_ / ("full-" + std::string(name));
    std::filesystem::create_directory(data_dir);
    support::write_text(data_dir + "/" + name, "precious");
    const auto refused = run(to(last(), "full-" + std::string(name)));
    EXPECT_EQ(reason_of(refused), "data_dir_in_use");
    EXPECT_NE(refused.error().message.find(data_dir + "/" + name), std::string::npos);
    EXPECT_EQ(support::read_text(data_dir + "/" + name), "precious");
  }
}

TEST_F(RestoreTest, ARevisionBeyondTheEndNamesTheHighest) {
  ASSERT_NO_FATAL_FAILURE(
      expect_refused(to(last() + 5), "beyond_shipped", "--to-revision " + std::to_string(last())));
}

TEST_F(RestoreTest, ARevisionBeforeTheFirstSnapshotNamesTheLowest) {
  ASSERT_NO_FATAL_FAILURE(expect_refused(to(2), "too_old", "restored is 3"));
}

TEST_F(RestoreTest, AMissingSegmentNamesItAndTheHighestRevision) {
  const FileName gone = segments()[1];
  std::filesystem::rename(path(gone), folder_ / "late");
  const Revision reached = gone.first - 1;
  ASSERT_NO_FATAL_FAILURE(expect_refused(to(gone.last), "segment_missing",
                                         "begins with revision " + std::to_string(gone.first)));
  ASSERT_NO_FATAL_FAILURE(
      expect_refused(to(gone.last), "segment_missing", "--to-revision " + std::to_string(reached)));
  EXPECT_TRUE(run(to(reached, "less")).ok());
  EXPECT_TRUE(run(to(last(), "later")).ok()) << "the later snapshot reaches the rest";
  std::filesystem::rename(folder_ / "late", path(gone));
  EXPECT_TRUE(run(to(gone.last)).ok());
}

TEST_F(RestoreTest, ADamagedSegmentInBetweenIsNamed) {
  const FileName damaged = segments()[1];
  flip_bit(damaged, 300);
  ASSERT_NO_FATAL_FAILURE(expect_refused(to(damaged.last), "segment_damaged", path(damaged)));
  ASSERT_NO_FATAL_FAILURE(expect_refused(to(damaged.last), "segment_damaged",
                                         "--to-revision " + std::to_string(damaged.first - 1)));
}

TEST_F(RestoreTest, WithoutARevisionADamagedLastSegmentIsNotSilentlyLeftOut) {
  flip_bit(segments().back(), 300);
  ASSERT_NO_FATAL_FAILURE(
      expect_refused(to(std::nullopt), "segment_damaged", path(segments().back())));
  std::filesystem::remove(path(segments().back()));
  EXPECT_TRUE(run(to(std::nullopt)).ok());
}

TEST_F(RestoreTest, ADamagedSnapshotIsPassedOverForAnEarlierOne) {
  flip_bit(snapshots().back(), 700);
  const auto report = run(to(last()));
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->snapshot, snapshots().front().text());
  EXPECT_EQ(report->state_digest, db::digest_hex(state_digest_at(last())));
  flip_bit(snapshots().front(), 700);
  ASSERT_NO_FATAL_FAILURE(
      expect_refused(to(last(), "other"), "segment_damaged", path(snapshots().front())));
}

TEST_F(RestoreTest, AnotherClustersFolderIsNamed) {
  key_ = ShippingKey::of(wire::ClusterKey::generate());
  ASSERT_NO_FATAL_FAILURE(expect_refused(to(5), "other_cluster", key_.cluster_id));
}

TEST_F(RestoreTest, AnAbsentOrEmptyFolderIsNamed) {
  RestoreOptions options = to(5);
  options.from = folder_ / "none";
  ASSERT_NO_FATAL_FAILURE(expect_refused(options, "no_folder", options.from));
  std::filesystem::create_directory(options.from);
  ASSERT_NO_FATAL_FAILURE(expect_refused(options, "nothing_shipped", "--list"));
}

TEST_F(RestoreTest, AnInterruptedRestoreIsCleanedUpByTheNext) {
  const std::string data_dir = folder_ / "restored";
  std::filesystem::create_directory(data_dir);
  support::write_text(data_dir + "/restoring.db", "half");
  support::write_text(data_dir + "/restoring.db-wal", "half");
  ASSERT_TRUE(run(to(last())).ok());
  EXPECT_FALSE(std::filesystem::exists(data_dir + "/restoring.db-wal"));
}

TEST_F(RestoreTest, AReplacedHistoryCanBeRestoredFromItsOwnFolder) {
  const auto report = run(to(4, "early"));
  ASSERT_TRUE(report.ok());
  const Revision lost = last();
  TestSource early(report->database, clock_);
  early.write();
  options_.snapshot_after_segments = kSnapshotAfterSegments;
  SegmentShipper shipper(options_, key_, early);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  EXPECT_EQ(run(to(std::nullopt, "now"))->revision, 5u);
  const std::string aside = shipped() + "/replaced-1";
  ASSERT_NO_FATAL_FAILURE(expect_refused(to(lost, "again"), "beyond_shipped", aside));
  ASSERT_NO_FATAL_FAILURE(expect_refused(to(4, "again"), "too_old", aside));
  RestoreOptions options = to(lost, "again");
  options.from = aside;
  EXPECT_EQ(run(options)->revision, lost);
}

// ---- What a node keeps for itself
// ----------------------------------------------------------------

TEST_F(RestoreTest, AllOfItCountsAsCommittedAndNothingOfTheOldNodeIsLeft) {
  source_->store().connection().execute(
      "INSERT INTO peer VALUES ('n2:1', 'id', 1);"
      "UPDATE node_state SET initial_members = 'n1:1,n2:1'");
  options_.snapshot_after_segments = 1;
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 2));
  const auto report = run(to(std::nullopt));
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->members.empty());
  const auto store = open_store(report->database, clock_);
  EXPECT_EQ(store->state().committed, report->revision);
  EXPECT_TRUE(store->membership().members.empty());
  EXPECT_EQ(store->connection().integer_of("SELECT count(*) FROM peer"), 0);
  EXPECT_EQ(store->connection().integer_of("SELECT count(*) FROM set_aside"), 0);
}

TEST_F(RestoreTest, MembersOfTheHistoryStayUnlessOneIsMadeTheOnlyOne) {
  db::SqliteStore& store = source_->store();
  ASSERT_TRUE(store.begin_group().ok());
  ASSERT_TRUE(store.set_members({{"n1:1", true}, {"n2:1", true}, {"n3:1", false}}, "o").ok());
  ASSERT_TRUE(store.commit_group().ok());
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 1));
  const auto kept = run(to(last(), "kept"));
  ASSERT_TRUE(kept.ok()) << kept.error().message;
  EXPECT_EQ(kept->members, (std::vector<std::string>{"n1:1", "n2:1", "n3:1"}));
  EXPECT_EQ(kept->revision, last());

  RestoreOptions alone = to(last(), "alone");
  alone.only_member = "localhost:2380";
  const auto report = run(alone);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->members, std::vector<std::string>{"localhost:2380"});
  EXPECT_EQ(report->revision, last() + 1);
  const auto restored = open_store(report->database, clock_);
  EXPECT_EQ(restored->state().committed, last() + 1);
  EXPECT_EQ(restored->membership().members.size(), 1u);

  alone.data_dir = folder_ / "bad";
  alone.only_member = "nowhere";
  ASSERT_NO_FATAL_FAILURE(expect_refused(alone, "invalid_member", "nowhere"));
}

// ---- The list ----------------------------------------------------------------------------------

TEST_F(RestoreTest, TheListNamesWhatCanBeRestored) {
  const auto list = list_restorable(shipped(), key_);
  ASSERT_TRUE(list.ok()) << list.error().message;
  EXPECT_TRUE(list->problems.empty());
  ASSERT_EQ(list->generations.size(), 1u);
  ASSERT_EQ(list->generations[0].ranges.size(), 1u);
  const RestorableRange& range = list->generations[0].ranges[0];
  ASSERT_EQ(range.snapshots.size(), 2u);
  EXPECT_EQ(range.snapshots[0].last, 3u);
  EXPECT_EQ(range.last.revision, last());
  EXPECT_EQ(range.last_time_ms, clock_.wall_ms());
}

TEST_F(RestoreTest, TheListNamesEachDamagedFileOnce) {
  flip_bit(segments().back(), 300);
  EXPECT_EQ(list_restorable(shipped(), key_)->problems.size(), 1u);
  flip_bit(segments().back(), 300);
  flip_bit(segments()[1], 300);  // Not missing: the next one is not named as if it were.
  EXPECT_EQ(list_restorable(shipped(), key_)->problems.size(), 1u);
}

TEST_F(RestoreTest, TheListShowsGapsAndNamesDamage) {
  const FileName gone = segments()[1];
  std::filesystem::remove(path(gone));
  flip_bit(segments().back(), 300);
  support::write_text(path({FileKind::snapshot, 99, 99, 1}), "no snapshot");
  const auto list = list_restorable(shipped(), key_);
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->generations[0].ranges.size(), 2u);
  EXPECT_EQ(list->generations[0].ranges[0].last.revision, gone.first - 1);
  EXPECT_EQ(list->generations[0].ranges[1].last.revision, segments().back().first - 1);
  EXPECT_EQ(list->problems.size(), 3u) << "what is missing, and two damaged files";
}

}  // namespace
}  // namespace mlguard::replicator::test
