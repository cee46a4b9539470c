// Losers of merges as people and the API read them.
#include "db/row_text.h"
#include "db/sqlite_reader.h"
#include "support/temp_dir.h"
#include "tests/unit/db/cluster_fixture.h"

namespace mlguard::db::test {
namespace {

class ConflictsTest : public ClusterTest {
 protected:
  // The leader's file, after it merged a rule that lost, a version that lost and one that took its
  // place.
  ConflictsTest() {
    auto opened = SqliteStore::open({path_, {}, "aaaa"}, clock_);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    leader_ = std::move(opened).value();
    const auto other = make_store("bbbb");
    clock_.advance_ms(1'000);
    put_rule(*other, "r1", "10.1.0.1/32");
    EXPECT_TRUE(put(*other, "sniffer", "{\"v\":\"\\u00e9\"}").ok());
    clock_.advance_ms(1'000);
    put_rule(*leader_, "r1", "10.1.0.2/32");
    EXPECT_TRUE(put(*leader_, "sniffer", "{\"v\":1}").ok());
    clock_.advance_ms(1'000);
    merge(*leader_, *other, 0);
  }
  std::vector<base::Conflict> conflicts(std::size_t offset, std::size_t limit) {
    auto reader = SqliteReader::open(pool_);
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    auto found = (*reader)->conflicts(offset, limit);
    EXPECT_TRUE(found.ok()) << found.error().message;
    return std::move(found).value();
  }

  support::TempDir folder_;
  const std::string path_ = folder_ / "control.db";
  ReaderPool pool_{path_};
  std::unique_ptr<SqliteStore> leader_;
};

TEST_F(ConflictsTest, EachLoserStandsBesideTheRowThatWasKept) {
  const auto found = conflicts(0, 10);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].table, "config");
  EXPECT_EQ(found[0].key, "sniffer/1");
  EXPECT_EQ(found[0].reason, "older");
  EXPECT_EQ(found[0].lost_by, "bbbb");
  EXPECT_EQ(found[0].lost_at_ms, clock_.wall_ms() - 2'000);
  EXPECT_EQ(found[0].recorded_at_ms, clock_.wall_ms());
  EXPECT_NE(found[0].lost_row.find("\"document\":\"{\\\"v\\\":\\\"\\\\u00e9\\\"}\""),
            std::string::npos)
      << found[0].lost_row;
  EXPECT_NE(found[0].kept_row.find("\"document\":\"{\\\"v\\\":1}\""), std::string::npos);
  EXPECT_EQ(found[1].table, "config_active");
  EXPECT_EQ(found[2].table, "rule");
  EXPECT_NE(found[2].lost_row.find("\"cidr\":\"10.1.0.1/32\""), std::string::npos);
  EXPECT_NE(found[2].kept_row.find("\"cidr\":\"10.1.0.2/32\""), std::string::npos);
  ASSERT_EQ(conflicts(1, 1).size(), 1U);
  EXPECT_EQ(conflicts(1, 1)[0].table, "config_active");
  EXPECT_TRUE(conflicts(3, 10).empty());
}

TEST_F(ConflictsTest, TheViewSaysInPlainWordsWhatLostAndWhy) {
  ASSERT_TRUE(leader_->set_peer_node_id("b:2380", "bbbb").ok());
  EXPECT_EQ(text(*leader_,
                 "SELECT what || ', ' || which || ': ' || why || ', by ' || written_by "
                 "FROM v_conflicts WHERE what = 'rule'"),
            "rule, r1: a later write stands, by b:2380");
  EXPECT_EQ(text(*leader_, "SELECT written_at FROM v_conflicts WHERE what = 'rule'"),
            "2023-11-14T22:13:21Z");
}

TEST_F(ConflictsTest, OldLosersAreClearedAway) {
  clock_.advance_ms(Retention().audit_ms + 10);
  ASSERT_TRUE(write(*leader_, Maintain{}).ok());
  EXPECT_TRUE(conflicts(0, 10).empty());
  expect_sound(*leader_);
}

TEST_F(ConflictsTest, ARowThatIsGoneLeavesItsPlaceEmpty) {
  leader_->connection().execute("UPDATE conflict SET row_key = 'r0' WHERE table_name = 'rule'");
  EXPECT_EQ(conflicts(2, 1)[0].kept_row, "");
}

TEST_F(ConflictsTest, KeysAreReadBackAsTheyWereWrittenOrNotAtAll) {
  const auto two = parse_row_key(table_of(TableId::config), "sniffer/12");
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(std::get<std::string_view>(two[0]), "sniffer");
  EXPECT_EQ(std::get<std::int64_t>(two[1]), 12);
  EXPECT_TRUE(parse_row_key(table_of(TableId::config), "sniffer").empty());
  EXPECT_TRUE(parse_row_key(table_of(TableId::config), "sniffer/x").empty());
  EXPECT_EQ(parse_row_key(table_of(TableId::member), "[::1]:2379").size(), 1U);
}

TEST_F(ConflictsTest, ATokensSealedKeyIsNeverShown) {
  ASSERT_TRUE(write(*leader_, CreateToken{token_named("t1")}).ok());
  for (const LogEntry& entry : tail_of(*leader_, leader_->state().revision - 1)) {
    const auto images = decode_images(entry.rows);
    ASSERT_TRUE(images.ok());
    EXPECT_EQ(row_json(images->front()).find("00ff"), std::string::npos);
    EXPECT_NE(row_json(images->front()).find("\"uses_left\":1"), std::string::npos);
  }
}

}  // namespace
}  // namespace mlguard::db::test
