// Pipeline keys in the store: announced, active, retired, gone, and the same everywhere.
#include "db/lease_load.h"
#include "db/lease_table.h"
#include "db/row_mapping.h"
#include "tests/unit/db/core_fixture.h"

namespace mlguard::db::test {
namespace {

constexpr std::int64_t kGraceMs = 600'000;

class PipelineKeysTest : public CoreTest {
 protected:
  base::Result<WriteResult> announce(SqliteStore& store, std::optional<std::uint64_t> expected) {
    return write(store, AnnouncePipelineKey{"5ea1ed" + std::to_string(clock_.wall_ms()), kGraceMs,
                                            expected});
  }
  static std::vector<StoredPipelineKey> keys_of(SqliteStore& store) {
    std::vector<StoredPipelineKey> all;
    Query query = store.connection().query(
        "SELECT id, sealed_secret, active_from, retires_at, author FROM pipeline_key WHERE deleted "
        "= 0 ORDER BY id");
    while (query.step()) all.push_back(pipeline_key_of(query));
    return all;
  }
};

TEST_F(PipelineKeysTest, TheFirstOneIsActiveAtOnceAndStays) {
  const auto store = make_store();
  const auto first = announce(*store, 0);
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->version, 1U);
  const auto keys = keys_of(*store);
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].key.active_from_ms, clock_.wall_ms());
  EXPECT_EQ(keys[0].key.retires_at_ms, 0);
  EXPECT_EQ(keys[0].key.author, "operator");
  clock_.advance_ms(365LL * 24 * 3'600'000);
  EXPECT_FALSE(write(*store, Maintain{})->changed);
  EXPECT_EQ(keys_of(*store).size(), 1U);
}

TEST_F(PipelineKeysTest, TheNextOneIsAnnouncedAndThePredecessorRetiresAfterTheGrace) {
  const auto store = make_store();
  ASSERT_TRUE(announce(*store, 0).ok());
  clock_.advance_ms(1'000);
  const std::int64_t announced_ms = clock_.wall_ms();
  ASSERT_EQ(announce(*store, 1)->version, 2U);
  const auto keys = keys_of(*store);
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].key.retires_at_ms, announced_ms + 2 * kGraceMs);
  EXPECT_EQ(keys[1].key.active_from_ms, announced_ms + kGraceMs);
  EXPECT_EQ(keys[1].key.retires_at_ms, 0);
  EXPECT_NE(keys[0].sealed_secret, keys[1].sealed_secret);

  clock_.advance_ms(2 * kGraceMs - 1);
  EXPECT_FALSE(write(*store, Maintain{})->changed);
  clock_.advance_ms(1);
  EXPECT_TRUE(write(*store, Maintain{})->changed);
  ASSERT_EQ(keys_of(*store).size(), 1U);
  EXPECT_EQ(keys_of(*store)[0].key.id, 2U);
  EXPECT_EQ(count(*store, "pipeline_key WHERE id = 1 AND sealed_secret = ''"), 1);
  EXPECT_EQ(announce(*store, 2)->version, 3U) << "an id is never used again";
}

TEST_F(PipelineKeysTest, WhoComesSecondOrTooEarlyIsRefusedAndChangesNothing) {
  const auto store = make_store();
  EXPECT_EQ(reason_of(announce(*store, std::nullopt)), "invalid_pipeline_key");
  EXPECT_EQ(reason_of(write(*store, AnnouncePipelineKey{"", kGraceMs, 0})), "invalid_pipeline_key");
  EXPECT_EQ(reason_of(write(*store, AnnouncePipelineKey{"aa", 0, 0})), "invalid_pipeline_key");
  ASSERT_TRUE(announce(*store, 0).ok());
  EXPECT_EQ(reason_of(announce(*store, 0)), "pipeline_keys_moved");
  EXPECT_EQ(reason_of(announce(*store, 2)), "pipeline_keys_moved");
  ASSERT_TRUE(announce(*store, 1).ok());
  EXPECT_EQ(reason_of(announce(*store, 2)), "rotation_under_way");
  EXPECT_EQ(keys_of(*store).size(), 2U);
  clock_.advance_ms(kGraceMs);
  EXPECT_TRUE(announce(*store, 2).ok());
}

TEST_F(PipelineKeysTest, AFollowerHasTheSameAndNoMergeEverTakesOne) {
  const auto leader = make_store("aaaa");
  ASSERT_TRUE(announce(*leader, 0).ok());
  ASSERT_TRUE(announce(*leader, 1).ok());
  clock_.advance_ms(2 * kGraceMs);
  ASSERT_TRUE(write(*leader, Maintain{}).ok());
  const auto follower = make_store("bbbb");
  for (const LogEntry& entry : all_entries(*leader)) {
    const auto applied = apply(*follower, entry);
    ASSERT_TRUE(applied.ok()) << applied.error().message;
  }
  EXPECT_EQ(follower->state().state_digest, leader->state().state_digest);
  EXPECT_EQ(keys_of(*follower).at(0).sealed_secret, keys_of(*leader).at(0).sealed_secret);
  EXPECT_TRUE(all_entries(*leader)[0].compare_and_set) << "two sides' keys are never merged";
}

TEST_F(PipelineKeysTest, HeartbeatsTellTheRevisionThatChangedThem) {
  const auto store = make_store();
  LeaseTable leases;
  const auto told = [&leases, this] {
    return leases.renew(beat_of(component_named("sniffer")), clock_.wall_ms())
        ->pipeline_keys_revision;
  };
  ASSERT_TRUE(write(*store, RegisterComponent{component_named("sniffer")}).ok());
  ASSERT_TRUE(load_leases(*store, leases).ok());
  EXPECT_EQ(told(), 0U);
  (void)store->take_effects();
  const auto first = announce(*store, 0);
  EXPECT_EQ(store->take_effects().pipeline_keys_revision, first->revision);
  ASSERT_TRUE(load_leases(*store, leases).ok());
  EXPECT_EQ(told(), first->revision);
  ASSERT_TRUE(announce(*store, 1).ok());
  clock_.advance_ms(2 * kGraceMs);
  const auto retired = write(*store, Maintain{});
  EXPECT_EQ(store->take_effects().pipeline_keys_revision, retired->revision);
  ASSERT_TRUE(put(*store, "sniffer", "{}").ok());
  EXPECT_FALSE(store->take_effects().pipeline_keys_revision.has_value());
  leases.set_pipeline_keys_revision(99);
  EXPECT_EQ(told(), 99U);
}

}  // namespace
}  // namespace mlguard::db::test
