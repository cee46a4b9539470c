// SegmentShipper: what is written when, how it goes on after a restart, and what it makes of a
// folder that holds something else.
#include "replicator/segment_writer.h"

#include "tests/unit/replicator/shipping_fixture.h"

namespace mlguard::replicator::test {
namespace {

class ShipperTest : public ShippingTest {
 protected:
  void ship(SegmentShipper& shipper, std::int64_t later_ms = 0) {
    now_ms_ += later_ms;
    const base::Status done = shipper.ship(now_ms_);
    EXPECT_TRUE(done.ok()) << done.error().message;
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(shipped())) {
      found.push_back(entry.path().filename());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  // Every segment reads, and each follows from the one before.
  void expect_chain(Revision from, Revision to, std::uint64_t generation = 1,
                    const std::string& below = "") {
    ShippingFolder folder(shipped() + below, key_);
    ASSERT_TRUE(folder.scan().ok());
    Position at;
    for (const FileHeader& snapshot : folder.snapshots_of(generation)) {
      if (snapshot.last == from) at = end_of(snapshot);
    }
    ASSERT_EQ(at.revision, from) << "no snapshot at " << from;
    while (at.revision < to) {
      const auto next = continue_from(folder, at, {.min = generation, .max = generation});
      ASSERT_TRUE(next.segment) << "nothing goes on after " << at.revision;
      at = end_of(next.segment->header);
    }
    EXPECT_EQ(at.revision, to);
  }
};

TEST_F(ShipperTest, NothingIsWrittenBeforeAnythingIsCommitted) {
  const auto source = make_source();
  SegmentShipper shipper(options_, key_, *source);
  ship(shipper);
  EXPECT_FALSE(std::filesystem::exists(shipped()));
  source->write();
  source->committed_max = 0;
  ship(shipper, 10'000);
  EXPECT_FALSE(std::filesystem::exists(shipped()));
}

TEST_F(ShipperTest, ItBeginsWithASnapshotAndGoesOnWithSegments) {
  const auto source = make_source();
  source->write_many(3);
  SegmentShipper shipper(options_, key_, *source);
  ship(shipper);
  EXPECT_EQ(names(), std::vector<std::string>{"000000000003-000001.snap"});
  source->write_many(2);
  ship(shipper);
  EXPECT_EQ(names().size(), 1u) << "a segment waits until it is of age";
  ship(shipper, kSegmentAgeMs - 1);
  EXPECT_EQ(names().size(), 1u);
  ship(shipper, 1);
  EXPECT_EQ(names().front(), "000000000003-000001.snap");
  EXPECT_EQ(names().back(), "000000000004-000000000005-000001.seg");
  EXPECT_EQ(shipper.status().shipped, 5u);
  EXPECT_EQ(shipper.status().generation, 1u);
  expect_chain(3, 5);
}

TEST_F(ShipperTest, AnEmptyPeriodWritesNothing) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 1));
  SegmentShipper shipper(options_, key_, *source);
  const auto before = names();
  for (int i = 0; i < 20; ++i) ship(shipper, 10'000);
  EXPECT_EQ(names(), before);
}

TEST_F(ShipperTest, AFullSegmentClosesAtOnce) {
  options_.close_bytes = 10'000;
  const auto source = make_source();
  source->write();
  SegmentShipper shipper(options_, key_, *source);
  ship(shipper);
  source->write_many(10, 3'000);
  ship(shipper);
  EXPECT_GE(segments().size(), 2u);
  for (const FileName& name : segments()) {
    EXPECT_LT(std::filesystem::file_size(path(name)), 20'000u);
  }
  ship(shipper, kSegmentAgeMs);
  expect_chain(1, 11);
}

TEST_F(ShipperTest, OnlyWhatIsCommittedIsShipped) {
  const auto source = make_source();
  source->write();
  SegmentShipper shipper(options_, key_, *source);
  ship(shipper);
  source->write_many(5);
  source->committed_max = 4;
  ship(shipper);
  ship(shipper, kSegmentAgeMs);
  EXPECT_EQ(shipper.status().shipped, 4u);
  source->committed_max = 6;
  ship(shipper);
  ship(shipper, kSegmentAgeMs);
  expect_chain(1, 6);
}

TEST_F(ShipperTest, ASnapshotWaitsUntilWhatItHoldsIsCommitted) {
  const auto source = make_source();
  source->write_many(5);
  source->committed_max = 3;
  SegmentShipper shipper(options_, key_, *source);
  ship(shipper);
  ship(shipper, 10'000);
  EXPECT_TRUE(names().empty()) << "its copy is of revision 5";
  source->committed_max = 5;
  ship(shipper);
  EXPECT_EQ(names(), std::vector<std::string>{"000000000005-000001.snap"});
  EXPECT_EQ(source->snapshots_taken, 1);
  EXPECT_TRUE(std::filesystem::is_empty(options_.work_folder)) << "nothing stays in clear";
}

TEST_F(ShipperTest, AfterARestartItGoesOnWhereTheFolderEnds) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 2));
  source->write_many(3);
  SegmentShipper again(options_, key_, *source);
  ASSERT_NO_FATAL_FAILURE(ship_all(again));
  EXPECT_EQ(again.status().generation, 1u);
  EXPECT_EQ(snapshots().size(), 1u);
  expect_chain(1, 8);
}

TEST_F(ShipperTest, AnotherInstanceOfTheSameHistoryGoesOnAsWell) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 1));
  ASSERT_TRUE(source->snapshot_to(folder_ / "other.db").ok());
  const auto other = make_source("other.db");
  other->set_term(2);  // It was elected.
  other->write_many(2);
  SegmentShipper shipper(options_, key_, *other);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  EXPECT_EQ(shipper.status().generation, 1u);
  EXPECT_EQ(segments().back().text(), "000000000004-000000000005-000002.seg");
  expect_chain(1, 5);
}

TEST_F(ShipperTest, ADamagedLastSegmentIsWrittenAgain) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 2));
  flip_bit(segments().back(), 300);
  SegmentShipper shipper(options_, key_, *source);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  expect_chain(1, 5);
  EXPECT_EQ(segments().size(), 2u);
}

TEST_F(ShipperTest, AnotherHistoryBeginsAGenerationOfItsOwn) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 1));
  ASSERT_TRUE(source->snapshot_to(folder_ / "restored.db").ok());
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 3));  // Up to revision 9.

  const auto restored = make_source("restored.db");  // As of revision 3.
  restored->write_many(2);
  SegmentShipper shipper(options_, key_, *restored);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  EXPECT_EQ(shipper.status().generation, 2u);
  restored->write_many(2);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  expect_chain(5, 7, 2);
  expect_chain(1, 9, 1, "/replaced-1");  // What was shipped before is kept.
  EXPECT_EQ(segments().size(), 1u) << "but not where followers look";
  EXPECT_EQ(listing(key_).newest_generation(), 2u);
}

TEST_F(ShipperTest, WhenItsOwnHistoryChangesUnderItItBeginsAnew) {
  const auto source = make_source();
  source->write_many(2);
  const auto other = make_source("other.db");
  // One source that becomes another.
  class Turning final : public EntrySource {
   public:
    Turning(TestSource& a, TestSource& b) : at_(&a), other_(&b) {}
    void turn() { at_ = other_; }
    Revision committed() override { return at_->committed(); }
    base::Result<std::optional<Position>> position_at(Revision revision) override {
      return at_->position_at(revision);
    }
    base::Result<std::vector<Entry>> entries(Revision after, std::size_t count,
                                             std::size_t bytes) override {
      return at_->entries(after, count, bytes);
    }
    base::Status snapshot_to(const std::string& path) override { return at_->snapshot_to(path); }

   private:
    TestSource* at_;
    TestSource* other_;
  } turning(*source, *other);
  SegmentShipper shipper(options_, key_, turning);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  other->write_many(6);
  turning.turn();
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  EXPECT_EQ(shipper.status().generation, 2u);
  expect_chain(6, 6, 2);
}

TEST_F(ShipperTest, OfTwoHistoriesInOneFolderTheOlderStopsAndSaysSo) {
  const auto source = make_source();
  source->write();
  SegmentShipper first(options_, key_, *source);
  ASSERT_NO_FATAL_FAILURE(ship_all(first));
  const auto other = make_source("other.db");
  other->write_many(4);
  ShipOptions options = options_;
  options.work_folder = folder_ / "work2";
  SegmentShipper second(options, key_, *other);
  ASSERT_NO_FATAL_FAILURE(ship_all(second));
  const auto before = names();
  source->write();
  now_ms_ += 10'000;
  EXPECT_EQ(reason_of(first.flush(now_ms_)), "shipped_elsewhere");
  EXPECT_EQ(reason_of(first.ship(now_ms_ + 60'000)), "shipped_elsewhere");
  EXPECT_EQ(names(), before);
}

TEST_F(ShipperTest, AFolderOfAnotherClusterIsLeftAlone) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 1));
  const auto before = names();
  SegmentShipper shipper(options_, ShippingKey::of(wire::ClusterKey::generate()), *source);
  const auto refused = shipper.ship(1);
  EXPECT_EQ(reason_of(refused), "other_cluster");
  EXPECT_EQ(names(), before);
}

TEST_F(ShipperTest, ALogTrimmedBeforeItWasShippedIsBridgedByASnapshot) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 1));
  SegmentShipper shipper(options_, key_, *source);
  ship(shipper);
  source->write_many(5);
  clock_.advance_ms(8LL * 24 * 3'600'000);
  ASSERT_TRUE(source->store().trim_log(6).ok());
  ASSERT_EQ(source->store().state().log_base_revision, 6u);
  ship(shipper);
  ship(shipper);
  EXPECT_EQ(snapshots().back().text(), "000000000008-000001.snap");
  source->write_many(2);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  expect_chain(8, 10);
}

TEST_F(ShipperTest, AnUnwritableFolderIsSaidHoldsLittleAndIsGotOver) {
  options_.close_bytes = 5'000;
  support::write_text(shipped(), "a file where the folder should be");
  const auto source = make_source();
  source->write();
  SegmentShipper shipper(options_, key_, *source);
  const auto refused = shipper.ship(now_ms_);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find(shipped()), std::string::npos);
  EXPECT_FALSE(shipper.ship(now_ms_ + 1).ok()) << "not even tried before its time";
  std::filesystem::remove(shipped());
  ship(shipper, kShipRetryMs);

  // Gone while it ships: entries wait in the store, not in memory.
  std::filesystem::rename(shipped(), folder_ / "elsewhere");
  source->write_many(60, 1'000);
  for (int i = 0; i < 20; ++i) {
    now_ms_ += kShipRetryMs;
    EXPECT_FALSE(shipper.ship(now_ms_).ok());
  }
  EXPECT_LT(source->most_entries_pulled, 20u);
  EXPECT_TRUE(shipper.status().problem.has_value());
  std::filesystem::rename(folder_ / "elsewhere", shipped());
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  EXPECT_FALSE(shipper.status().problem.has_value());
  expect_chain(1, 61);
}

TEST_F(ShipperTest, SnapshotsComeAfterSoManySegmentsAndTheOldestGo) {
  options_.snapshot_after_segments = 3;
  options_.snapshots_kept = 2;
  options_.merge_segments = 1'000;
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 13));
  const auto kept = snapshots();
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_LT(kept.front().last, kept.back().last);
  EXPECT_GT(segments().front().last, kept.front().last) << "older segments are gone";
  expect_chain(kept.front().last, source->store().state().revision);
}

TEST_F(ShipperTest, SnapshotsComeOnceTheSegmentsOutweighTheLast) {
  options_.snapshot_after_bytes_min = 50'000;
  options_.merge_segments = 1'000;
  const auto source = make_source();
  source->write();
  SegmentShipper shipper(options_, key_, *source);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  source->write_many(30, 4'000);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  EXPECT_EQ(snapshots().size(), 2u);
  EXPECT_EQ(snapshots().back().last, 31u);
}

TEST_F(ShipperTest, ASnapshotIsPublishedOnlyOnceTheSegmentsReachIt) {
  const auto source = make_source();
  source->write();
  options_.snapshot_after_segments = 2;
  SegmentShipper shipper(options_, key_, *source);
  ship(shipper);
  for (int i = 0; i < 2; ++i) {
    source->write();
    ship(shipper);
    ship(shipper, kSegmentAgeMs);
  }
  source->write_many(2);
  ship(shipper);
  // The segment is closed before its time, so that a follower at 3 needs no snapshot.
  EXPECT_EQ(snapshots().back().last, 5u);
  EXPECT_EQ(segments().back().last, 5u);
  expect_chain(1, 5);
}

TEST_F(ShipperTest, AReplacedHistoryGoesOnceTheNewOneHasItsSnapshots) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 3));
  const auto other = make_source("other.db");
  options_.snapshot_after_segments = 2;
  options_.snapshots_kept = 2;
  ASSERT_NO_FATAL_FAILURE(ship_segments(*other, 1));
  EXPECT_TRUE(std::filesystem::exists(shipped() + "/replaced-1"));
  ASSERT_NO_FATAL_FAILURE(ship_segments(*other, 4));
  EXPECT_FALSE(std::filesystem::exists(shipped() + "/replaced-1"));
}

TEST_F(ShipperTest, ACrashBetweenSettingAsideAndTheSnapshotCostsNoGeneration) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 2));
  ShippingFolder folder = listing(key_);
  ASSERT_TRUE(set_aside(folder, 1).ok());
  EXPECT_TRUE(folder.empty());
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 0));
  EXPECT_EQ(listing(key_).newest_generation(), 2u);
}

TEST_F(ShipperTest, ManySmallSegmentsBecomeOne) {
  options_.merge_segments = 4;
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 0));
  SegmentShipper shipper(options_, key_, *source);
  for (int i = 0; i < 9; ++i) {
    source->write_many(2);
    ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  }
  std::vector<std::string> texts;
  for (const FileName& name : segments()) texts.push_back(name.text());
  EXPECT_EQ(texts, (std::vector<std::string>{"000000000002-000000000009-000001.seg",
                                             "000000000010-000000000017-000001.seg",
                                             "000000000018-000000000019-000001.seg"}));
  expect_chain(1, 19);
}

TEST_F(ShipperTest, ADamagedSegmentIsNotMergedAway) {
  options_.merge_segments = 3;
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 0));
  SegmentShipper shipper(options_, key_, *source);
  source->write_many(2);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  flip_bit(segments().back(), 400);
  source->write_many(2);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  source->write_many(2);
  EXPECT_EQ(reason_of(shipper.flush(now_ms_ += 10'000)), "segment_damaged");
  EXPECT_EQ(segments().size(), 3u);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
}

TEST_F(ShipperTest, TemporariesOfACrashGoWhenTheyAreOld) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 0));
  const std::string old = shipped() + "/000000000004-000000000005-000001.seg.tmp-00112233";
  const std::string young = shipped() + "/000000000004-000000000006-000001.seg.tmp-00112233";
  const std::string foreign = shipped() + "/notes.tmp-1";
  for (const std::string& file : {old, young, foreign}) support::write_text(file, "x");
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(2);
  std::filesystem::last_write_time(old, long_ago);
  std::filesystem::last_write_time(foreign, long_ago);
  SegmentShipper shipper(options_, key_, *source);
  ship(shipper);
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(young)) << "somebody may be writing it";
  EXPECT_TRUE(std::filesystem::exists(foreign)) << "not ours";
}

TEST_F(ShipperTest, WhoStandsDownLeavesNothingInClearAndLooksAgainLater) {
  const auto source = make_source();
  source->write_many(3);
  source->committed_max = 2;
  SegmentShipper shipper(options_, key_, *source);
  ship(shipper);
  EXPECT_FALSE(std::filesystem::is_empty(options_.work_folder));
  shipper.stand_down();
  EXPECT_TRUE(std::filesystem::is_empty(options_.work_folder));
  source->committed_max = 3;
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  expect_chain(3, 3);
}

}  // namespace
}  // namespace mlguard::replicator::test
