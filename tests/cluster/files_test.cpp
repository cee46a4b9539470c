// Shipping to files by a running leader, and an instance that follows them.
#include <filesystem>
#include <fstream>

#include "cluster.h"
#include "e2e/live.h"

namespace mlguard::cluster {
namespace {

using etcd_client::Consistency;

constexpr std::int64_t kFollowedWithinMs = 40'000;  // A segment's age and one poll, with room.

class FilesTest : public ClusterTest {
 protected:
  // A leader alone that ships, and a second instance that follows.
  void start_both() {
    const std::string folder = shipped();
    for (const char* flag : {"--ship-to", "--follow-from"}) {
      support::ServerSettings settings;
      settings.state_folder = folder_.path();
      settings.flags = {flag, folder};
      instances_.push_back(std::make_unique<support::ServerProcess>(settings));
      start(instances_.size() - 1);
    }
  }
  std::string shipped() const { return folder_.path() + "/shipped"; }
  bool follower_says(const std::string& value) const {
    const auto read = client(1, Consistency::local)
                          ->call({"GET", "/v1/config/sniffer?consistency=local", "", {}});
    return read.ok() && read->status == 200 && value_of(read->body) == value;
  }
  std::filesystem::path newest_segment() const {
    std::filesystem::path newest;
    for (const auto& file : std::filesystem::directory_iterator(shipped())) {
      if (file.path().extension() == ".seg" && file.path() > newest) newest = file.path();
    }
    return newest;
  }
};

TEST_F(FilesTest, AnInstanceWithoutNetworkFollowsTheFilesAndRefusesWrites) {
  start_both();
  ASSERT_TRUE(client(0)->put_config("sniffer", document_of("shipped")).ok());
  EXPECT_TRUE(
      support::wait_until([&] { return follower_says("shipped"); }, kFollowedWithinMs, 100));
  // The leader may write of its own meanwhile, and that is followed as well.
  EXPECT_TRUE(
      support::wait_until([&] { return status(1, "/state_digest") == status(0, "/state_digest"); },
                          kFollowedWithinMs, 100));
  EXPECT_EQ(status(1, "/role"), "learner");
  // Where the deadline cuts an attempt off, nobody can know what came of it.
  base::Error refusal;
  for (int i = 0; i < 10 && refusal.code != base::ErrorCode::unavailable; ++i) {
    const auto refused = client(1, Consistency::local, 1'000)->put_config("sniffer", "{}");
    ASSERT_FALSE(refused.ok());
    refusal = refused.error();
  }
  EXPECT_EQ(refusal.code, base::ErrorCode::unavailable) << refusal.message;
}

TEST_F(FilesTest, ADamagedSegmentIsNamedAndFollowedOnceItIsMended) {
  start_both();
  ASSERT_TRUE(client(0)->put_config("sniffer", document_of("one")).ok());
  ASSERT_TRUE(support::wait_until([&] { return follower_says("one"); }, kFollowedWithinMs, 100));
  ASSERT_TRUE(at(1).terminate().has_value());
  ASSERT_TRUE(client(0)->put_config("sniffer", document_of("two")).ok());
  const std::filesystem::path before = newest_segment();
  ASSERT_TRUE(support::wait_until([&] { return newest_segment() != before; }, kFollowedWithinMs));
  const std::filesystem::path segment = newest_segment();
  const std::filesystem::path whole = folder_.path() + "/whole";
  std::filesystem::copy_file(segment, whole);
  std::filesystem::resize_file(segment, std::filesystem::file_size(segment) - 5);
  start(1);
  const auto named = [&] {
    return status(1, "/problem").find(segment.filename().string()) != std::string::npos;
  };
  EXPECT_TRUE(support::wait_until(named, kFollowedWithinMs, 100)) << status(1, "/problem");
  EXPECT_TRUE(follower_says("one"));
  std::filesystem::copy_file(whole, segment, std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(support::wait_until([&] { return follower_says("two"); }, kFollowedWithinMs, 100));
  EXPECT_TRUE(
      support::wait_until([&] { return status(1, "/problem").empty(); }, kFollowedWithinMs, 100));
}

}  // namespace
}  // namespace mlguard::cluster
