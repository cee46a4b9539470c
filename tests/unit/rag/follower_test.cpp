#include "rag/follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"
#include "unit/rag/fake_state.h"
#include "unit/rag/index_records.h"

namespace mlguard::rag {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class FollowerTest : public ::testing::Test {
 protected:
  FollowerTest() { clock_.jump_wall_ms(state_.now_ms - clock_.wall_ms() + 1'000'000); }

  SyncReport sync() {
    const auto report = follower_.sync(clock_.monotonic_ms() + 1'000);
    EXPECT_TRUE(report.ok()) << (report.ok() ? "" : report.error().message);
    return report.ok() ? *report : SyncReport{};
  }
  std::vector<Record> all(Table table, const std::string& key = {}) {
    Filter filter;
    filter.tables = {table};
    filter.key = key;
    filter.limit = kFindMax;
    const auto found = index_->find(filter);
    EXPECT_TRUE(found.ok());
    return *found;
  }
  std::vector<std::string> keys(Table table) {
    std::vector<std::string> keys;
    for (const Record& record : all(table)) keys.push_back(record.key);
    return keys;
  }
  Record one(Table table, const std::string& key) {
    const auto found = all(table, key);
    EXPECT_EQ(found.size(), 1u) << key;
    return found.empty() ? Record() : found.front();
  }

  FakeState state_;
  base::ManualClock clock_;
  std::unique_ptr<Index> index_ = index_in(":memory:");
  Follower follower_{state_, *index_, clock_};
};

TEST_F(FollowerTest, TheFirstSyncReadsEverything) {
  state_.put_config("sniffer", R"({"a":{"b":1}})", "alice", "first");
  state_.put_config("sniffer", R"({"a":{"b":2}})", "bob", "second");
  state_.put_rule("r1", "10.0.0.1/32");
  state_.detect("d1", "10.0.0.1");
  state_.component("sniffer").says = "ok";
  const SyncReport report = sync();
  EXPECT_TRUE(report.rebuilt);
  EXPECT_EQ(report.revision, state_.revision);
  EXPECT_EQ(index_->revision(), state_.revision);
  EXPECT_THAT(keys(Table::config), UnorderedElementsAre("sniffer@1 a.b", "sniffer@2 a.b"));
  const Record old = one(Table::config_version, "sniffer@1");
  EXPECT_EQ(old.ends_at_ms, one(Table::config_version, "sniffer@2").at_ms);
  EXPECT_THAT(one(Table::config_version, "sniffer@2").text, HasSubstr("a.b from 1 to 2"));
  EXPECT_EQ(one(Table::config, "sniffer@2 a.b").value, "2");
  EXPECT_EQ(one(Table::config, "sniffer@2 a.b").ends_at_ms, 0);
  EXPECT_THAT(keys(Table::rule), ElementsAre("r1"));
  EXPECT_THAT(keys(Table::detection), ElementsAre("d1"));
  EXPECT_THAT(keys(Table::component), ElementsAre("sniffer"));
  EXPECT_THAT(keys(Table::health), ElementsAre("sniffer"));
}

TEST_F(FollowerTest, ALaterSyncReadsOnlyWhatChanged) {
  state_.put_config("sniffer", R"({"a":1})");
  state_.put_config("firewall", R"({"a":1})");
  state_.put_rule("r1", "10.0.0.1/32");
  sync();
  state_.calls.clear();
  state_.put_config("sniffer", R"({"a":2})");
  EXPECT_FALSE(sync().rebuilt);
  EXPECT_EQ(state_.calls["config_history"], 1);
  EXPECT_EQ(state_.calls["rules_since"], 0);
  EXPECT_EQ(state_.calls["detections"], 0);
  EXPECT_NE(one(Table::config, "sniffer@1 a").ends_at_ms, 0);
  EXPECT_EQ(one(Table::config, "sniffer@2 a").ends_at_ms, 0);
  EXPECT_THAT(one(Table::config_version, "sniffer@1").text, HasSubstr("version 2 replaced it"));
}

TEST_F(FollowerTest, HealthIsReadEachTimeThoughItMakesNoEntry) {
  state_.component("sniffer").says = "ok";
  sync();
  state_.component("sniffer").says = "degraded";
  state_.component("sniffer").problem = "the interface is gone";
  const SyncReport report = sync();
  EXPECT_EQ(report.revision, state_.revision);
  EXPECT_EQ(one(Table::health, "sniffer").value, "degraded");
  EXPECT_THAT(one(Table::health, "sniffer").text, HasSubstr("Problem: the interface is gone"));
  state_.states.clear();
  sync();
  EXPECT_THAT(keys(Table::component), IsEmpty());
  EXPECT_THAT(keys(Table::health), IsEmpty());
}

TEST_F(FollowerTest, ARuleThatIsRemovedKeepsItsStoryWithWhoRemovedIt) {
  state_.put_rule("r1", "10.0.0.1/32", 0, "alice", "phishing");
  sync();
  state_.remove_rules({"r1"}, "bob");
  sync();
  const Record rule = one(Table::rule, "r1");
  EXPECT_EQ(rule.related, "bob");
  EXPECT_EQ(rule.ends_at_ms, state_.now_ms);
  EXPECT_THAT(rule.text, HasSubstr("phishing"));
  EXPECT_THAT(rule.text, HasSubstr("removed at"));
  EXPECT_THAT(rule.text, ::testing::Not(HasSubstr("never expires")));
}

TEST_F(FollowerTest, AnExpiredRuleEndedWhenItsTimeWasOver) {
  const std::int64_t expiry = state_.now_ms + 1'500;
  state_.put_rule("r1", "10.0.0.1/32", expiry);
  sync();
  state_.remove_rules({"r1"}, "server", "rules.expire");
  sync();
  EXPECT_EQ(one(Table::rule, "r1").related, "expiry");
  EXPECT_EQ(one(Table::rule, "r1").ends_at_ms, expiry);
}

TEST_F(FollowerTest, WhoRemovedManyAtOnceIsKnownOfEach) {
  const std::vector<std::string> ids = {"r1", "r2", "r3", "r4", "r5"};
  for (const std::string& id : ids) state_.put_rule(id, "10.0.0.1/32");
  sync();
  state_.remove_rules(ids, "carol");
  sync();
  for (const std::string& id : ids) EXPECT_EQ(one(Table::rule, id).related, "carol") << id;
}

TEST_F(FollowerTest, ARuleThatComesBackLeavesTheStoryOfTheFirst) {
  state_.put_rule("r1", "10.0.0.1/32");
  const std::uint64_t first = state_.revision;
  sync();
  state_.remove_rules({"r1"});
  sync();
  state_.put_rule("r1", "10.0.0.1/32");
  sync();
  EXPECT_EQ(one(Table::rule, "r1").related, "");
  EXPECT_EQ(one(Table::rule, "r1@" + std::to_string(first)).related, "bob");
}

// What came and went while nobody looked is told by the trail; so is everything after a rebuild.
TEST_F(FollowerTest, PastRulesAreKnownFromTheTrail) {
  state_.put_rule("r1", "10.0.0.1/32");
  state_.remove_rules({"r1"}, "bob");
  state_.put_rule("r1", "10.0.0.1/32");
  state_.put_rule("r1", "10.0.0.1/32", 0, "alice", "a better reason");
  state_.put_rule("r2", "10.0.0.2/32");
  state_.remove_rules({"r2"}, "carol");
  sync();
  EXPECT_THAT(keys(Table::rule), UnorderedElementsAre("r1", "r1@1", "r2"));
  EXPECT_EQ(one(Table::rule, "r1").related, "");
  EXPECT_EQ(one(Table::rule, "r1@1").related, "bob");
  EXPECT_EQ(one(Table::rule, "r2").related, "carol");
  EXPECT_EQ(one(Table::rule, "r2").address, "10.0.0.2/32");
  state_.put_rule("r3", "10.0.0.3/32");
  state_.remove_rules({"r3"}, "alice");
  EXPECT_FALSE(sync().rebuilt);
  EXPECT_EQ(one(Table::rule, "r3").related, "alice");
}

TEST_F(FollowerTest, ADeletedConfigurationEnds) {
  state_.put_config("sniffer", R"({"a":1})");
  sync();
  state_.delete_config("sniffer");
  sync();
  EXPECT_EQ(one(Table::config, "sniffer@1 a").ends_at_ms, state_.now_ms);
  EXPECT_THAT(one(Table::config_version, "sniffer@1").text, HasSubstr("when it was deleted"));
  // Also for one that begins from nothing.
  ASSERT_TRUE(index_->clear().ok());
  EXPECT_TRUE(sync().rebuilt);
  EXPECT_EQ(one(Table::config, "sniffer@1 a").ends_at_ms, state_.now_ms);
}

TEST_F(FollowerTest, HealthTransitionsAreKept) {
  state_.entry("components/sniffer");
  state_.audit_entry("server", "health", "components/sniffer", "healthy → dead");
  sync();
  const Record transition = one(Table::health, "sniffer@1");
  EXPECT_EQ(transition.value, "dead");
  EXPECT_EQ(transition.component, "sniffer");
  EXPECT_THAT(transition.text, HasSubstr("went from healthy to dead"));
}

TEST_F(FollowerTest, AFailureInTheMiddleChangesNothingAndIsMadeGoodByTheNextSync) {
  state_.put_rule("r1", "10.0.0.1/32");
  sync();
  const std::uint64_t before = index_->revision();
  state_.put_config("sniffer", R"({"a":1})");
  state_.put_rule("r2", "10.0.0.2/32");
  state_.detect("d1", "10.0.0.9");
  for (const char* call : {"head", "changes", "audit", "config_history", "config_document",
                           "rules_since", "detections", "components"}) {
    state_.broken = call;
    const auto report = follower_.sync(clock_.monotonic_ms() + 1'000);
    ASSERT_FALSE(report.ok()) << call;
    EXPECT_EQ(report.error().reason, "broken");
    EXPECT_EQ(index_->revision(), before) << call;
    EXPECT_THAT(keys(Table::rule), ElementsAre("r1")) << call;
    EXPECT_THAT(keys(Table::config), IsEmpty()) << call;
    EXPECT_EQ(all(Table::audit).size(), 1u) << call;
  }
  state_.broken.clear();
  EXPECT_FALSE(sync().rebuilt);
  EXPECT_EQ(index_->revision(), state_.revision);
  EXPECT_THAT(keys(Table::rule), UnorderedElementsAre("r1", "r2"));
}

TEST_F(FollowerTest, ACompactedLogMeansBeginningAnew) {
  state_.put_rule("r1", "10.0.0.1/32");
  sync();
  for (int number = 0; number < 5; ++number) state_.entry("heartbeats");
  state_.put_rule("r2", "10.0.0.2/32");
  state_.compacted_to = state_.revision - 1;
  EXPECT_TRUE(sync().rebuilt);
  EXPECT_THAT(keys(Table::rule), UnorderedElementsAre("r1", "r2"));
}

TEST_F(FollowerTest, AStateRestoredToAnEarlierRevisionIsNoticed) {
  state_.put_rule("r1", "10.0.0.1/32");
  const FakeState early = state_;
  state_.put_rule("r2", "10.0.0.2/32");
  sync();
  state_ = early;
  EXPECT_TRUE(sync().rebuilt);
  EXPECT_THAT(keys(Table::rule), ElementsAre("r1"));
  EXPECT_EQ(index_->revision(), state_.revision);
}

TEST_F(FollowerTest, ARestoredStateThatWentOnBeyondOursIsNoticed) {
  state_.put_rule("r1", "10.0.0.1/32");
  const FakeState early = state_;
  state_.put_rule("r2", "10.0.0.2/32");
  sync();
  state_ = early;
  state_.now_ms += 5;
  state_.put_rule("r3", "10.0.0.3/32");
  state_.put_rule("r4", "10.0.0.4/32");
  EXPECT_TRUE(sync().rebuilt);
  EXPECT_THAT(keys(Table::rule), UnorderedElementsAre("r1", "r3", "r4"));
}

TEST_F(FollowerTest, AnotherClusterIsNoticed) {
  state_.put_rule("r1", "10.0.0.1/32");
  sync();
  state_.cluster_id = "c2";
  EXPECT_TRUE(sync().rebuilt);
  EXPECT_FALSE(sync().rebuilt);
}

TEST_F(FollowerTest, AnEntryThatNobodyKnowsMeansBeginningAnew) {
  state_.put_rule("r1", "10.0.0.1/32");
  sync();
  state_.entry("merge of two histories");
  EXPECT_TRUE(sync().rebuilt);
  EXPECT_FALSE(sync().rebuilt);
}

TEST_F(FollowerTest, HeartbeatsMakeNoRecords) {
  state_.put_rule("r1", "10.0.0.1/32");
  sync();
  const auto before = *index_->count({});
  for (int number = 0; number < 2'500; ++number) state_.entry("heartbeats");
  EXPECT_FALSE(sync().rebuilt);
  EXPECT_EQ(*index_->count({}), before);
  EXPECT_EQ(index_->revision(), state_.revision);
}

TEST_F(FollowerTest, ManyDetectionsOfOneRevisionAreAllRead) {
  for (int number = 0; number < 700; ++number)
    state_.detect("a" + std::to_string(number), "10.0.0.1");
  for (int number = 0; number < 900; ++number) {
    state_.detect("b" + std::to_string(number), "10.0.0.1");
    state_.stored.back().revision = 701;
  }
  sync();
  EXPECT_EQ(all(Table::detection).size(), 1'600u);
}

TEST_F(FollowerTest, RetentionHoldsForWhatIsReadAndForWhatIsKept) {
  state_.detect("old", "10.0.0.1");
  state_.now_ms += 40LL * 24 * 3'600'000;
  clock_.jump_wall_ms(40LL * 24 * 3'600'000);
  state_.detect("new", "10.0.0.1");
  sync();
  EXPECT_THAT(keys(Table::detection), ElementsAre("new"));
  follower_.set_retention({30, 4});
  for (int number = 0; number < 9; ++number)
    state_.detect("d" + std::to_string(number), "10.0.0.1");
  const SyncReport report = sync();
  EXPECT_GT(report.trimmed, 0u);
  EXPECT_LE(*index_->count({}), 4u);
}

TEST_F(FollowerTest, WithoutTimeNothingIsChanged) {
  state_.put_rule("r1", "10.0.0.1/32");
  sync();
  state_.put_rule("r2", "10.0.0.2/32");
  clock_.advance_ms(5'000);
  const auto report = follower_.sync(clock_.monotonic_ms() - 1);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().reason, "sync_timeout");
  EXPECT_THAT(keys(Table::rule), ElementsAre("r1"));
}

TEST_F(FollowerTest, NoSecretOfAConfigurationGetsIn) {
  state_.put_config("sniffer", R"({"smtp":{"password":"hunter2"},"url":"http://u:hunter2@h/"})",
                    "alice", "password: hunter2");
  state_.put_rule("r1", "10.0.0.1/32", 0, "alice", "token=hunter2");
  sync();
  const auto everything = index_->find({});
  ASSERT_TRUE(everything.ok());
  ASSERT_FALSE(everything->empty());
  for (const Record& record : *everything) {
    for (const std::string* text : {&record.title, &record.text, &record.value, &record.detail}) {
      EXPECT_EQ(text->find("hunter2"), std::string::npos) << record.key << ": " << *text;
    }
  }
  EXPECT_EQ(one(Table::config, "sniffer@1 smtp.password").value, "\"(hidden)\"");
}

TEST(ProductDocsTest, AreIndexedOnceAndReplacedWhenTheyChange) {
  const auto index = index_in(":memory:");
  std::vector<Record> docs = product_docs();
  ASSERT_GT(docs.size(), 50u);
  ASSERT_TRUE(put_docs(*index, docs).ok());
  EXPECT_EQ(*index->count({}), docs.size());
  const auto found = index->search({{{"allowlist"}, {"firewall"}}, {}, 0});
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->empty());
  docs.resize(10);
  docs.front().text = "zyzzyva";
  ASSERT_TRUE(put_docs(*index, docs).ok());
  EXPECT_EQ(*index->count({}), 10u);
  EXPECT_EQ(keys_of(index->search({{{"zyzzyva"}}, {}, 0})).size(), 1u);
}

TEST(ProductDocsTest, FitIntoRecordsUncut) {
  for (const Record& record : product_docs()) {
    EXPECT_LE(record.text.size(), kRecordTextBytesMax) << record.key;
    EXPECT_FALSE(record.title.empty()) << record.key;
  }
}

}  // namespace
}  // namespace mlguard::rag
