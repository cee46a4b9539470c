// Databases of released versions, as they were dumped then: they come up to date with their rows.
#include "support/temp_dir.h"
#include "tests/unit/db/cluster_fixture.h"

namespace mlguard::db::test {
namespace {

constexpr const char* kSchema1 = MLGUARD_SOURCE_DIR "/tests/unit/db/data/schema_0001.sql";

TEST_F(ClusterTest, ADatabaseOfSchema1MigratesWithItsRowsAndDigests) {
  const support::TempDir folder;
  const StoreConfig config{folder / "control.db", {}, ""};
  Connection(config.path, OpenMode::create, 0).execute(support::read_text(kSchema1));
  const auto store = SqliteStore::open(config, clock_);
  ASSERT_TRUE(store.ok()) << store.error().message;
  // As the release that wrote it said.
  EXPECT_EQ(digest_hex((*store)->state().digest),
            "796ab811fb7648d39d66c9d1fc955fe46862a76a3a663e37f017a47f20bb3e9d");
  EXPECT_EQ(digest_hex((*store)->state().state_digest),
            "04147daa1e43a0caf5a821290aafe94546648eba1f31e3691c843e1bbbb7626e");
  EXPECT_EQ((*store)->state().row_count, 33U);
  EXPECT_EQ((*store)->state().term, 3U);
  EXPECT_EQ((*store)->node_id(), "a1b2c3d4e5f60718");
  expect_sound(**store);
  EXPECT_EQ((*store)->state().committed, 0U);
  EXPECT_TRUE((*store)->membership().members.empty());
  EXPECT_FALSE(tail_of(**store, 0).front().compare_and_set);

  // It goes on: requests are known, new entries follow, another node follows it from the start.
  const auto again = write(**store, PutConfig{"sniffer", "{\"a\":1}", "", {}}, "session:1");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
  ASSERT_TRUE(put(**store, "sniffer", "{\"a\":3}").ok());
  const auto follower = make_store("bbbb");
  follow(*follower, **store);
}

}  // namespace
}  // namespace mlguard::db::test
