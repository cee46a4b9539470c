// The store's core as the replicator uses it: markers, terms, members, peers, what is committed.
#include "support/temp_dir.h"
#include "tests/unit/db/cluster_fixture.h"

namespace mlguard::db::test {
namespace {

using Members = std::vector<ClusterMember>;

class ReplicatedStoreTest : public ClusterTest {
 protected:
  static void set_members(SqliteStore& store, const Members& members) {
    ASSERT_TRUE(store.begin_group().ok());
    const auto result = store.set_members(members, "operator");
    ASSERT_TRUE(result.ok()) << result.error().message;
    ASSERT_TRUE(store.commit_group().ok());
  }
};

TEST_F(ReplicatedStoreTest, AMarkerIsAnEntryWithoutRowsThatChainsAndIsHeardOf) {
  const auto leader = make_store("aaaa");
  put_rule(*leader, "r1", "10.0.0.1");
  ASSERT_TRUE(leader->begin_group(5).ok());
  const auto marker = leader->append_marker("leader", "localhost:2379 leads", "server");
  ASSERT_TRUE(marker.ok());
  EXPECT_EQ(marker->revision, 2U);
  EXPECT_EQ(marker->term, 5U);
  ASSERT_TRUE(leader->commit_group().ok());
  const auto changes = leader->take_changes();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].summary, "localhost:2379 leads");
  EXPECT_EQ(changes[0].term, 5U);
  put_rule(*leader, "r2", "10.0.0.2");
  const auto follower = make_store("bbbb");
  follow(*follower, *leader);
  expect_sound(*follower);
  EXPECT_EQ(tail_of(*follower, 1).front().rows, "");
}

TEST_F(ReplicatedStoreTest, EntriesCarryTheTermOfTheirGroup) {
  const auto store = make_store();
  ASSERT_TRUE(store->set_hard_state(9, "").ok());
  ASSERT_TRUE(store->begin_group(4).ok());
  ASSERT_TRUE(store->execute({PutConfig{"sniffer", "{}", "", {}}, "operator", ""}).ok());
  ASSERT_TRUE(store->commit_group().ok());
  EXPECT_EQ(tail_of(*store, 0).front().term, 4U);
  EXPECT_EQ(store->state().term, 9U);
}

TEST_F(ReplicatedStoreTest, OnlyConditionalConfigurationWritesAreCompareAndSet) {
  const auto store = make_store();
  ASSERT_TRUE(put(*store, "sniffer", "{}").ok());
  ASSERT_TRUE(put(*store, "sniffer", "{}", 1).ok());
  ASSERT_TRUE(write(*store, RollbackConfig{"sniffer", 1, "", {}}).ok());
  ASSERT_TRUE(write(*store, RollbackConfig{"sniffer", 1, "", 3}).ok());
  ASSERT_TRUE(write(*store, DeleteConfig{"sniffer", 4}).ok());
  ASSERT_TRUE(put(*store, "sniffer", "{}", 0).ok());
  put_rule(*store, "r1", "10.0.0.1");
  std::string flags;
  for (const LogEntry& entry : tail_of(*store, 0)) flags += entry.compare_and_set ? '1' : '0';
  EXPECT_EQ(flags, "0101110");
}

TEST_F(ReplicatedStoreTest, PositionsAreThoseOfTheLogAndOfItsBase) {
  Retention retention;
  retention.change_log_bytes_max = 0;
  const auto store = make_store("aaaa", retention);
  EXPECT_EQ(**store->position_at(0), LogPosition());
  for (int i = 0; i < 4; ++i) put_rule(*store, "r1", "10.0.0." + std::to_string(i));
  const auto log = tail_of(*store, 0);
  EXPECT_EQ(**store->position_at(3), (LogPosition{3, 1, log[2].digest}));
  EXPECT_FALSE(store->position_at(5)->has_value());
  EXPECT_FALSE(store->position_at(UINT64_MAX)->has_value());
  EXPECT_EQ(store->entries(1, 3, 10, 1U << 20)->size(), 2U);
  EXPECT_EQ(store->entries(1, 3, 1, 1U << 20)->size(), 1U);
  ASSERT_TRUE(store->trim_log(2).ok());
  EXPECT_EQ(**store->position_at(2), (LogPosition{2, 1, log[1].digest}));
  EXPECT_FALSE(store->position_at(1)->has_value());
  EXPECT_EQ(reason_of(store->entries(1, 3, 10, 1U << 20)), "compacted");
  // Only what is committed is trimmed.
  EXPECT_EQ(store->state().committed, 2U);
}

TEST_F(ReplicatedStoreTest, WhatIsCommittedIsWrittenWithTheNextEntryAndNeverGoesBack) {
  const support::TempDir folder;
  const StoreConfig config{folder / "control.db", {}, "aaaa"};
  auto store = SqliteStore::open(config, clock_);
  ASSERT_TRUE(store.ok());
  put_rule(**store, "r1", "10.0.0.1");
  put_rule(**store, "r2", "10.0.0.2");
  (*store)->note_committed(2);
  (*store)->note_committed(1);
  EXPECT_EQ((*store)->state().committed, 2U);
  ASSERT_TRUE((*store)->begin_group().ok());
  (*store)->roll_back_group();
  EXPECT_EQ((*store)->state().committed, 2U);
  put_rule(**store, "r3", "10.0.0.3");
  store = SqliteStore::open(config, clock_);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ((*store)->state().committed, 2U);
}

TEST_F(ReplicatedStoreTest, InitialMembersCountUntilTheTableHasSome) {
  const support::TempDir folder;
  const StoreConfig config{folder / "control.db", {}, "aaaa"};
  auto store = SqliteStore::open(config, clock_);
  ASSERT_TRUE(store.ok());
  EXPECT_TRUE((*store)->membership().members.empty());
  EXPECT_EQ(reason_of((*store)->set_initial_members({"b:2", "b:2"})), "invalid_member");
  EXPECT_EQ(reason_of((*store)->set_initial_members({"b:2,c:3"})), "invalid_member");
  EXPECT_EQ(reason_of((*store)->set_initial_members({""})), "invalid_member");
  ASSERT_TRUE((*store)->set_initial_members({"z:9"}).ok());
  ASSERT_TRUE((*store)->set_initial_members({"b:2", "a:1"}).ok());
  const Members initial{{"a:1", true}, {"b:2", true}};
  EXPECT_EQ((*store)->membership().members, initial);
  EXPECT_EQ((*store)->membership().revision, 0U);
  store = SqliteStore::open(config, clock_);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ((*store)->membership().members, initial);
  set_members(**store, {{"a:1", true}});
  EXPECT_EQ((*store)->membership().members, (Members{{"a:1", true}}));
  EXPECT_EQ((*store)->membership().revision, 1U);
  ASSERT_TRUE((*store)->set_initial_members({"z:9"}).ok());
  EXPECT_EQ((*store)->membership().members, (Members{{"a:1", true}}));
}

TEST_F(ReplicatedStoreTest, MembersChangeInOneEntryThatFollowersApply) {
  const auto leader = make_store("aaaa");
  ASSERT_TRUE(leader->set_initial_members({"a:1"}).ok());
  set_members(*leader, {{"a:1", true}, {"b:2", false}, {"c:3", true}});
  EXPECT_TRUE(leader->take_effects().members_changed);
  clock_.advance_ms(5);
  put_rule(*leader, "r1", "10.0.0.1");
  EXPECT_FALSE(leader->take_effects().members_changed);
  set_members(*leader, {{"a:1", true}, {"b:2", true}});
  EXPECT_EQ(leader->membership().members, (Members{{"a:1", true}, {"b:2", true}}));
  EXPECT_EQ(leader->membership().revision, 3U);
  EXPECT_EQ(count(*leader, "member"), 3);
  EXPECT_EQ(text(*leader, "SELECT group_concat(address || ' ' || kind) FROM v_members"),
            "a:1 voter,b:2 voter");
  EXPECT_EQ(text(*leader, "SELECT detail FROM audit WHERE action = 'members.set' ORDER BY id"),
            "a:1, b:2 (learner), c:3");

  const auto follower = make_store("bbbb");
  ASSERT_TRUE(follower->set_initial_members({"a:1"}).ok());
  ASSERT_TRUE(apply(*follower, tail_of(*leader, 0)[0]).ok());
  EXPECT_TRUE(follower->take_effects().members_changed);
  EXPECT_EQ(follower->membership().members.size(), 3U);
  follow(*follower, *leader);
  EXPECT_EQ(follower->membership().members, leader->membership().members);
  EXPECT_EQ(follower->membership().revision, 3U);
}

TEST_F(ReplicatedStoreTest, PurgingRemovedMembersChangesNothingForTheOthers) {
  const auto store = make_store("aaaa");
  set_members(*store, {{"a:1", true}, {"b:2", true}});
  set_members(*store, {{"a:1", true}});
  clock_.advance_ms(Retention().tombstone_ms + 10);
  ASSERT_TRUE(write(*store, Maintain{}).ok());
  EXPECT_EQ(count(*store, "member"), 1);
  EXPECT_EQ(store->membership().members, (Members{{"a:1", true}}));
  EXPECT_EQ(store->membership().revision, 2U);
}

TEST_F(ReplicatedStoreTest, AChangeOfMembersThatIsRolledBackDidNotHappen) {
  const auto store = make_store("aaaa");
  ASSERT_TRUE(store->set_initial_members({"a:1"}).ok());
  ASSERT_TRUE(store->begin_group().ok());
  EXPECT_EQ(reason_of(store->set_members({{"a:1", false}}, "operator")), "invalid_member");
  EXPECT_EQ(reason_of(store->set_members({{"a:1", true}, {"a:1", true}}, "operator")),
            "invalid_member");
  ASSERT_TRUE(store->set_members({{"b:2", true}}, "operator").ok());
  store->roll_back_group();
  EXPECT_EQ(store->membership().members, (Members{{"a:1", true}}));
}

TEST_F(ReplicatedStoreTest, TheNodeFirstSeenAtAnAddressIsRemembered) {
  const auto store = make_store("aaaa");
  EXPECT_FALSE(store->peer_node_id("b:2")->has_value());
  ASSERT_TRUE(store->set_peer_node_id("b:2", "bbbb").ok());
  ASSERT_TRUE(store->set_peer_node_id("b:2", "bbbb").ok());
  EXPECT_EQ(*store->peer_node_id("b:2"), "bbbb");
  EXPECT_EQ(reason_of(store->set_peer_node_id("b:2", "cccc")), "peer_changed");
  EXPECT_EQ(*store->peer_node_id("b:2"), "bbbb");
  ASSERT_TRUE(store->forget_peer("b:2").ok());
  EXPECT_TRUE(store->set_peer_node_id("b:2", "cccc").ok());
}

TEST_F(ReplicatedStoreTest, RevokedKeysAreToldOnEveryNode) {
  const auto leader = make_store("aaaa");
  ASSERT_TRUE(write(*leader, CreateToken{token_named("t1")}).ok());
  ASSERT_TRUE(write(*leader, EnrolIdentity{"t1", identity_of('b')}).ok());
  EXPECT_TRUE(leader->take_effects().revoked_keys.empty());
  ASSERT_TRUE(write(*leader, RevokeIdentity{std::string(64, 'b')}).ok());
  const std::vector<std::string> revoked{std::string(64, 'b')};
  EXPECT_EQ(leader->take_effects().revoked_keys, revoked);
  const auto follower = make_store("bbbb");
  for (const LogEntry& entry : tail_of(*leader, 0)) ASSERT_TRUE(apply(*follower, entry).ok());
  EXPECT_EQ(follower->take_effects().revoked_keys, revoked);
}

}  // namespace
}  // namespace mlguard::db::test
