// Shipping to a disk that fills up, and to one that is read-only. Mounts need root.
#include "support/mounts.h"
#include "tests/unit/replicator/shipping_fixture.h"

namespace mlguard::replicator::test {
namespace {

constexpr std::size_t kKiB = 1024;

class ShippingDiskTest : public ShippingTest {
 protected:
  void SetUp() override {
    if (!support::is_root()) GTEST_SKIP() << "mounting a small disk needs root";
    std::filesystem::create_directory(shipped());
  }
  // What a follower gets of it is what was written, and nothing is left half done.
  void expect_whole(TestSource& source) {
    const auto sink = make_sink();
    SegmentFollower follower({shipped(), folder_ / "follower-work"}, key_, *sink);
    FollowReport report;
    do {
      report = follower.poll();
      EXPECT_FALSE(report.problem.has_value()) << report.problem->message;
    } while (report.more);
    EXPECT_TRUE(sink->position() == position_of(source.store()));
    EXPECT_EQ(sink->store().state().state_digest, source.store().state().state_digest);
    for (const auto& entry : std::filesystem::directory_iterator(shipped())) {
      EXPECT_TRUE(FileName::parse(entry.path().filename().string())) << entry.path();
    }
  }
};

TEST_F(ShippingDiskTest, AFullDiskIsSaidAndGotOverOnceThereIsRoom) {
  support::Mount disk = support::Mount::tmpfs(shipped(), 512 * kKiB);
  ASSERT_EQ(disk.problem(), "");
  options_.close_bytes = 20'000;
  const auto source = make_source();
  source->write();
  SegmentShipper shipper(options_, key_, *source);
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  source->write_many(300, 4'000);
  testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) (void)shipper.flush(now_ms_ += kShipRetryMs);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("stands still"), std::string::npos);
  EXPECT_EQ(log.find("stands still"), log.rfind("stands still")) << "said once:\n" << log;
  ASSERT_TRUE(shipper.status().problem.has_value());
  EXPECT_EQ(shipper.status().problem->code, base::ErrorCode::resource_exhausted);
  EXPECT_NE(shipper.status().problem->message.find(shipped()), std::string::npos);
  EXPECT_GT(shipper.status().shipped, 1u);

  // What got there is whole and can be followed meanwhile.
  const auto sink = make_sink();
  SegmentFollower follower({shipped(), folder_ / "follower-work"}, key_, *sink);
  EXPECT_FALSE(follower.poll().problem.has_value());
  EXPECT_EQ(sink->position().revision, shipper.status().shipped);

  ASSERT_TRUE(disk.resize(16 * 1024 * kKiB));
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  EXPECT_EQ(shipper.status().shipped, source->store().state().revision);
  expect_whole(*source);
}

TEST_F(ShippingDiskTest, ADiskTooSmallForTheFirstSnapshotLeavesNothingHalfDone) {
  support::Mount disk = support::Mount::tmpfs(shipped(), 64 * kKiB);
  ASSERT_EQ(disk.problem(), "");
  const auto source = make_source();
  source->write_many(100, 4'000);
  SegmentShipper shipper(options_, key_, *source);
  EXPECT_EQ(shipper.flush(now_ms_ += kShipRetryMs).error().code,
            base::ErrorCode::resource_exhausted);
  EXPECT_TRUE(std::filesystem::is_empty(shipped()));
  ASSERT_TRUE(disk.resize(16 * 1024 * kKiB));
  ASSERT_NO_FATAL_FAILURE(ship_all(shipper));
  EXPECT_EQ(source->snapshots_taken, 1) << "the copy at hand was good still";
  expect_whole(*source);
}

TEST_F(ShippingDiskTest, AReadOnlyFolderIsSaidAndFollowedAllTheSame) {
  const auto source = make_source();
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 2));
  {
    const support::Mount read_only = support::Mount::read_only(shipped());
    ASSERT_EQ(read_only.problem(), "");
    expect_whole(*source);
    source->write();
    SegmentShipper shipper(options_, key_, *source);
    const auto refused = shipper.flush(now_ms_ += kShipRetryMs);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("Read-only"), std::string::npos)
        << refused.error().message;
  }
  ASSERT_NO_FATAL_FAILURE(ship_segments(*source, 1));
}

}  // namespace
}  // namespace mlguard::replicator::test
