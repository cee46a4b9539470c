// The log as another thread sees it, beside the one that writes.
#include "db/log_view.h"

#include <atomic>
#include <thread>

#include "support/temp_dir.h"
#include "tests/unit/db/cluster_fixture.h"

namespace mlguard::db::test {
namespace {

class LogViewTest : public ClusterTest {
 protected:
  LogViewTest() {
    config_.path = folder_ / "control.db";
    config_.node_id = "aaaa";
    config_.retention.change_log_bytes_max = 0;
    auto store = SqliteStore::open(config_, clock_);
    EXPECT_TRUE(store.ok()) << store.error().message;
    store_ = std::move(store).value();
  }

  support::TempDir folder_;
  StoreConfig config_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(LogViewTest, ItSaysTheSameAsTheStore) {
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(put(*store_, "sniffer", "{}", i).ok());
  ASSERT_TRUE(store_->trim_log(2).ok());
  const auto opened = LogView::open(config_.path);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  LogView& view = **opened;
  for (std::uint64_t revision = 0; revision < 8; ++revision) {
    EXPECT_EQ(*view.position_at(revision), *store_->position_at(revision)) << revision;
  }
  const auto entries = view.entries(2, 5, 10, 1U << 20);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 3U);
  EXPECT_TRUE(entries->front().compare_and_set);
  EXPECT_EQ(entries->back().rows, tail_of(*store_, 4).front().rows);
  EXPECT_EQ(reason_of(view.entries(1, 5, 10, 1U << 20)), "compacted");
  EXPECT_TRUE(view.set_aside(10, 1U << 20)->entries.empty());
}

TEST_F(LogViewTest, AFileThatIsNotThereIsAnError) {
  EXPECT_EQ(reason_of(LogView::open(folder_ / "none")), "cannot_open");
}

// While entries are written and trimmed away, every answer is of one state.
TEST_F(LogViewTest, ItReadsWholeStatesWhileTheStoreWritesAndTrims) {
  std::atomic<bool> stop = false;
  std::uint64_t read = 0;
  std::thread reader([&] {
    const auto view = LogView::open(config_.path);
    ASSERT_TRUE(view.ok()) << view.error().message;
    std::uint64_t after = 0;
    while (!stop) {
      const auto position = (*view)->position_at(after);
      ASSERT_TRUE(position.ok()) << position.error().message;
      const auto entries = (*view)->entries(after, UINT64_MAX, 16, 1U << 20);
      if (!entries.ok()) {
        ASSERT_EQ(entries.error().reason, "compacted");
        ++after;
        continue;
      }
      if (entries->empty()) continue;
      ASSERT_EQ(entries->front().revision, after + 1);
      if (*position) {
        const LogEntry& first = entries->front();
        ASSERT_EQ(first.digest,
                  chain_digest((*position)->digest, first.term, first.revision, first.rows));
      }
      after = entries->back().revision;
      read += entries->size();
    }
  });
  for (int i = 0; i < 400; ++i) {
    put_rule(*store_, "r1", "10.0.0." + std::to_string(i % 250));
    if (i % 20 == 19) {
      ASSERT_TRUE(store_->trim_log(store_->state().revision - 10).ok());
    }
  }
  stop = true;
  reader.join();
  EXPECT_GT(read, 0U);
}

}  // namespace
}  // namespace mlguard::db::test
