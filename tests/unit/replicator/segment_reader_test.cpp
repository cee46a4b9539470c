// SegmentFollower: what it applies, what it refuses by name, and how it goes on once that is
// mended.
#include "replicator/segment_reader.h"

#include "replicator/segment_upkeep.h"
#include "tests/unit/replicator/shipping_fixture.h"

namespace mlguard::replicator::test {
namespace {

class FollowerTest : public ShippingTest {
 protected:
  // A folder with a snapshot at 1 and segments 2-3, 4-5, 6-7; a follower that took the snapshot
  // and the first segment.
  void SetUp() override {
    source_ = make_source();
    ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 1));
    sink_ = make_sink();
    follower_ = std::make_unique<SegmentFollower>(make_options(), key_, *sink_);
    ASSERT_NO_FATAL_FAILURE(expect_level());
    ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 2));
    ASSERT_EQ(segments().size(), 3u);
  }
  FollowOptions make_options() const { return {shipped(), folder_ / "follower-work"}; }

  // A poll takes it all, and the states are the same.
  void expect_level() {
    const FollowReport report = follower_->poll();
    EXPECT_FALSE(report.problem.has_value()) << report.problem->message;
    EXPECT_TRUE(sink_->position() == position_of(source_->store()))
        << sink_->position().revision << " of " << source_->store().state().revision;
    EXPECT_EQ(sink_->store().state().state_digest, source_->store().state().state_digest);
    EXPECT_EQ(report.shipped, sink_->position().revision);
    const std::string work = folder_ / "follower-work";
    EXPECT_TRUE(!std::filesystem::exists(work) || std::filesystem::is_empty(work));
  }
  // Polls refuse with `reason`, naming `file`, and what is here stays.
  void expect_refused(const std::string& reason, const std::string& file) {
    const Position before = sink_->position();
    for (int i = 0; i < 2; ++i) {
      const FollowReport report = follower_->poll();
      ASSERT_TRUE(report.problem.has_value());
      EXPECT_EQ(report.problem->reason, reason);
      EXPECT_NE(report.problem->message.find(file), std::string::npos) << report.problem->message;
      EXPECT_EQ(report.entries, 0u);
      EXPECT_TRUE(sink_->position() == before);
    }
  }
  FileName next_segment() { return segments()[1]; }

  std::unique_ptr<TestSource> source_;
  std::unique_ptr<TestSink> sink_;
  std::unique_ptr<SegmentFollower> follower_;
};

TEST_F(FollowerTest, ItTakesTheSnapshotOnceAndThenEverySegment) {
  ASSERT_NO_FATAL_FAILURE(expect_level());
  EXPECT_EQ(sink_->installed, 1);
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 5));
  const FollowReport report = follower_->poll();
  EXPECT_EQ(report.entries, 10u);
  EXPECT_FALSE(report.installed);
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

TEST_F(FollowerTest, NothingNewIsNoProblem) {
  ASSERT_NO_FATAL_FAILURE(expect_level());
  const FollowReport report = follower_->poll();
  EXPECT_FALSE(report.problem.has_value());
  EXPECT_EQ(report.entries, 0u);
  EXPECT_FALSE(report.more);
}

TEST_F(FollowerTest, ATruncatedSegmentIsRefusedAndTakenOnceItIsWhole) {
  const FileName name = next_segment();
  const std::string whole = support::read_text(path(name));
  support::write_text(path(name), whole.substr(0, whole.size() - 7));
  ASSERT_NO_FATAL_FAILURE(expect_refused("segment_truncated", path(name)));
  support::write_text(path(name), whole);
  ASSERT_NO_FATAL_FAILURE(expect_level());
  EXPECT_EQ(sink_->installed, 1);
}

TEST_F(FollowerTest, AFlippedBitIsRefusedAndTakenOnceItIsMendedInPlace) {
  const FileName name = next_segment();
  flip_bit(name, 250);
  ASSERT_NO_FATAL_FAILURE(expect_refused("segment_damaged", path(name)));
  flip_bit(name, 250);
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

// rsync -t gives the copy the same size and time as the damaged file.
TEST_F(FollowerTest, AFileReplacedWithTheSameSizeAndTimeIsReadAgain) {
  const FileName name = next_segment();
  const std::string whole = support::read_text(path(name));
  flip_bit(name, 250);
  const auto time = std::filesystem::last_write_time(path(name));
  ASSERT_NO_FATAL_FAILURE(expect_refused("segment_damaged", path(name)));
  support::write_text(path(name) + ".copy", whole);
  std::filesystem::last_write_time(path(name) + ".copy", time);
  std::filesystem::rename(path(name) + ".copy", path(name));
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

TEST_F(FollowerTest, AMissingSegmentIsNamedAndTakenOnceItComes) {
  const FileName name = next_segment();
  std::filesystem::rename(path(name), folder_ / "late");
  ASSERT_NO_FATAL_FAILURE(expect_refused("segment_missing", "begins with revision 4"));
  ASSERT_NO_FATAL_FAILURE(expect_refused("segment_missing", segments().back().text()));
  std::filesystem::rename(folder_ / "late", path(name));
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

TEST_F(FollowerTest, SwappedSegmentsAreSeenToBeRenamed) {
  const FileName second = segments()[1];
  const FileName third = segments()[2];
  const auto swap = [&] {
    std::filesystem::rename(path(second), folder_ / "aside");
    std::filesystem::rename(path(third), path(second));
    std::filesystem::rename(folder_ / "aside", path(third));
  };
  swap();
  ASSERT_NO_FATAL_FAILURE(expect_refused("segment_renamed", path(second)));
  swap();
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

TEST_F(FollowerTest, AnotherClustersSegmentIsRefusedAndTheRightOneTaken) {
  const FileName name = next_segment();
  const std::string whole = support::read_text(path(name));
  auto segment = read_segment(path(name), key_);
  ASSERT_TRUE(segment.ok());
  const Position before{name.first - 1, 0, segment->header.before};
  const ShippingKey other = ShippingKey::of(wire::ClusterKey::generate());
  ASSERT_TRUE(write_segment(shipped(), other, 1, before, segment->entries).ok());
  ASSERT_NO_FATAL_FAILURE(expect_refused("other_cluster", path(name)));
  support::write_text(path(name), whole);
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

TEST_F(FollowerTest, ASegmentOfALowerTermThanOursIsRefused) {
  // Sealed by us, with the right digest before it, and yet of an earlier term.
  source_->set_term(3);
  source_->write();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 0));
  ASSERT_NO_FATAL_FAILURE(expect_level());
  const Position at = sink_->position();
  ASSERT_EQ(at.term, 3u);
  Entry entry;
  entry.revision = at.revision + 1;
  entry.term = 2;
  db::LogEntry payload;
  entry.payload = db::encode_payload(payload);
  entry.digest = db::chain_digest(at.digest, entry.term, entry.revision, "");
  const auto written = write_segment(shipped(), key_, 1, at, {entry});
  ASSERT_TRUE(written.ok());
  ASSERT_NO_FATAL_FAILURE(expect_refused("segment_wrong_term", path(name_of(*written))));
  std::filesystem::remove(path(name_of(*written)));
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

TEST_F(FollowerTest, TemporariesAndOtherFilesAreIgnored) {
  support::write_text(path(next_segment()) + ".tmp-0011223344556677", "half");
  support::write_text(shipped() + "/README", "hello");
  std::filesystem::create_directory(shipped() + "/replaced-1");
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

TEST_F(FollowerTest, AnAbsentFolderIsNamedAndFollowedOnceItIsThere) {
  std::filesystem::rename(shipped(), folder_ / "unmounted");
  ASSERT_NO_FATAL_FAILURE(expect_refused("no_folder", shipped()));
  std::filesystem::create_directory(shipped());
  ASSERT_NO_FATAL_FAILURE(expect_refused("nothing_shipped", shipped()));
  std::filesystem::remove(shipped());
  std::filesystem::rename(folder_ / "unmounted", shipped());
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

TEST_F(FollowerTest, WhenTheSegmentsAreGoneTheNewestSnapshotIsTaken) {
  options_.snapshot_after_segments = 3;
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 3));
  ASSERT_GE(snapshots().size(), 2u);
  ShippingFolder folder = listing(key_);
  for (const FileName& name : segments()) {
    if (name.last <= snapshots().back().last) std::filesystem::remove(path(name));
  }
  const FollowReport report = follower_->poll();
  EXPECT_TRUE(report.installed);
  ASSERT_NO_FATAL_FAILURE(expect_level());
  EXPECT_EQ(sink_->installed, 2);
}

TEST_F(FollowerTest, ADamagedSegmentIsGoneRoundByALaterSnapshot) {
  flip_bit(next_segment(), 250);
  ASSERT_NO_FATAL_FAILURE(expect_refused("segment_damaged", path(next_segment())));
  options_.snapshot_after_segments = 3;
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 3));
  ASSERT_NO_FATAL_FAILURE(expect_level());
  EXPECT_EQ(sink_->installed, 2);
}

TEST_F(FollowerTest, ADamagedSnapshotIsPassedOverForAnOlderOne) {
  options_.snapshot_after_segments = 2;
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 4));
  ASSERT_GE(snapshots().size(), 2u);
  flip_bit(snapshots().back(), 500);
  TestSink fresh(folder_ / "fresh.db", clock_);
  SegmentFollower follower(make_options(), key_, fresh);
  const FollowReport report = follower.poll();
  EXPECT_FALSE(report.problem.has_value()) << report.problem->message;
  EXPECT_EQ(fresh.installed, 1);
  EXPECT_TRUE(fresh.position() == position_of(source_->store()));
}

TEST_F(FollowerTest, WithoutAUsableSnapshotANewInstanceSaysWhichIsDamaged) {
  flip_bit(snapshots().back(), 500);
  TestSink fresh(folder_ / "fresh.db", clock_);
  SegmentFollower follower(make_options(), key_, fresh);
  const FollowReport report = follower.poll();
  ASSERT_TRUE(report.problem.has_value());
  EXPECT_EQ(report.problem->reason, "segment_damaged");
  EXPECT_NE(report.problem->message.find(path(snapshots().back())), std::string::npos);
}

TEST_F(FollowerTest, AFolderOfAnotherClusterIsNamedToANewInstance) {
  TestSink fresh(folder_ / "fresh.db", clock_);
  SegmentFollower follower(make_options(), ShippingKey::of(wire::ClusterKey::generate()), fresh);
  const FollowReport report = follower.poll();
  ASSERT_TRUE(report.problem.has_value());
  EXPECT_EQ(report.problem->reason, "other_cluster");
}

TEST_F(FollowerTest, MergedSegmentsAreTakenFromTheMiddle) {
  ShippingFolder folder = listing(key_);
  ASSERT_TRUE(merge_segments(folder, 1, folder.segments()).ok());
  ASSERT_EQ(segments().size(), 1u);
  ASSERT_EQ(sink_->position().revision, 3u) << "inside what was merged";
  ASSERT_NO_FATAL_FAILURE(expect_level());
  EXPECT_EQ(sink_->installed, 1);
}

TEST_F(FollowerTest, WhoIsAheadOfTheFolderKeepsWhatItHas) {
  ASSERT_NO_FATAL_FAILURE(expect_level());
  std::filesystem::remove(path(segments().back()));
  ASSERT_NO_FATAL_FAILURE(expect_refused("folder_behind", shipped()));
}

// ---- Another history ---------------------------------------------------------------------------

TEST_F(FollowerTest, AfterARestoreItGivesUpWhatTheRestoredHistoryLacks) {
  ASSERT_TRUE(source_->snapshot_to(folder_ / "restored.db").ok());  // At 7.
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 3));
  ASSERT_NO_FATAL_FAILURE(expect_level());
  ASSERT_EQ(sink_->position().revision, 13u);
  source_ = make_source("restored.db");
  source_->write();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 1));
  ASSERT_LT(source_->store().state().revision, 13u);
  // The follower learns it from the file alone, also after a restart of its own.
  follower_ = std::make_unique<SegmentFollower>(make_options(), key_, *sink_);
  ASSERT_NO_FATAL_FAILURE(expect_level());
  EXPECT_EQ(sink_->installed, 2);
}

TEST_F(FollowerTest, ARestoredHistoryThatGrewLongerIsNotTakenForOurs) {
  ASSERT_TRUE(source_->snapshot_to(folder_ / "restored.db").ok());
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 1));
  ASSERT_NO_FATAL_FAILURE(expect_level());
  source_ = make_source("restored.db");
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 6));
  ASSERT_NO_FATAL_FAILURE(expect_level());
  EXPECT_EQ(sink_->installed, 2);
}

TEST_F(FollowerTest, AnotherHistoryWithoutAUsableSnapshotIsSaid) {
  ASSERT_NO_FATAL_FAILURE(expect_level());
  const auto other = make_source("other.db");
  other->write_many(3);
  std::filesystem::remove_all(shipped());
  ASSERT_NO_FATAL_FAILURE(ship_segments(*other, 3));
  std::filesystem::rename(path(snapshots().back()), folder_ / "late");
  ASSERT_NO_FATAL_FAILURE(expect_refused("other_history", shipped()));
  std::filesystem::rename(folder_ / "late", path({FileKind::snapshot, 3, 3, 1}));
  source_ = make_source("other.db");
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

// ---- The sink's troubles -----------------------------------------------------------------------

TEST_F(FollowerTest, AFullDiskHereIsSaidAndTriedAgain) {
  sink_->apply_error =
      base::Error{base::ErrorCode::resource_exhausted, "disk_full", "the disk is full: x"};
  ASSERT_NO_FATAL_FAILURE(expect_refused("disk_full", "x"));
  sink_->apply_error.reset();
  ASSERT_NO_FATAL_FAILURE(expect_level());
}

TEST_F(FollowerTest, AStateThatDoesNotFitItsHistoryIsReplacedByASnapshot) {
  // Somebody writes into the follower's database.
  sink_->store().connection().execute("UPDATE config SET hlc = hlc + 1000000000000");
  sink_->store().connection().execute("UPDATE config_active SET hlc = hlc + 1000000000000");
  ASSERT_NO_FATAL_FAILURE(expect_level());
  EXPECT_EQ(sink_->installed, 2);
}

TEST_F(FollowerTest, EntriesThatNeverFitDoNotLoop) {
  options_.snapshot_after_segments = 2;
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source_, 5));
  ASSERT_GE(snapshots().size(), 2u);
  sink_->apply_error = base::Error{base::ErrorCode::corrupt, "entry_changed_nothing", "entry 4"};
  for (int i = 0; i < 5; ++i) {
    const FollowReport report = follower_->poll();
    ASSERT_TRUE(report.problem.has_value());
    EXPECT_EQ(report.problem->reason, "entry_changed_nothing");
  }
  EXPECT_LE(sink_->installed, 4);
}

}  // namespace
}  // namespace mlguard::replicator::test
