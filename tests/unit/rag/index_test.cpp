#include "rag/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "support/temp_dir.h"
#include "unit/rag/index_records.h"

namespace mlguard::rag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Keys = std::vector<std::string>;

Keys sorted(Keys keys) {
  std::sort(keys.begin(), keys.end());
  return keys;
}

TEST(IndexTest, ARecordComesBackAsItWasPut) {
  const auto index = index_in(":memory:");
  Record whole;
  whole.table = Table::detection;
  whole.key = "d1";
  whole.revision = 7;
  whole.at_ms = 1'000;
  whole.ends_at_ms = 2'000;
  whole.title = "a title";
  whole.text = "a text";
  whole.component = "ml-detector";
  whole.version = 3;
  whole.path = "a.b";
  whole.value = "drop";
  whole.address = "10.0.0.5";
  whole.destination = "10.0.0.1:22";
  whole.kind = "portscan";
  whole.actor = "alice";
  whole.score = 0.93;
  whole.related = "r1";
  whole.detail = "{}";
  ASSERT_TRUE(index->put({whole}, 7).ok());
  const auto found = index->find({});
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 1u);
  const Record& got = found->front();
  EXPECT_EQ(got.table, whole.table);
  EXPECT_EQ(got.key, whole.key);
  EXPECT_EQ(got.revision, whole.revision);
  EXPECT_EQ(got.at_ms, whole.at_ms);
  EXPECT_EQ(got.ends_at_ms, whole.ends_at_ms);
  EXPECT_EQ(got.title, whole.title);
  EXPECT_EQ(got.text, whole.text);
  EXPECT_EQ(got.component, whole.component);
  EXPECT_EQ(got.version, whole.version);
  EXPECT_EQ(got.path, whole.path);
  EXPECT_EQ(got.value, whole.value);
  EXPECT_EQ(got.address, whole.address);
  EXPECT_EQ(got.destination, whole.destination);
  EXPECT_EQ(got.kind, whole.kind);
  EXPECT_EQ(got.actor, whole.actor);
  EXPECT_EQ(got.score, whole.score);
  EXPECT_EQ(got.related, whole.related);
  EXPECT_EQ(got.detail, whole.detail);
  EXPECT_EQ(index->revision(), 7u);
}

TEST(IndexTest, ARecordWithAKnownKeyReplacesIt) {
  const auto index = index_in(":memory:");
  ASSERT_TRUE(index->put({passage(Table::rule, "r1", "first", "apple")}, 1).ok());
  ASSERT_TRUE(index->put({passage(Table::rule, "r1", "second", "pear")}, 2).ok());
  EXPECT_EQ(*index->count({}), 1u);
  EXPECT_THAT(keys_of(index->search({{{"apple"}}, {}, 0})), IsEmpty());
  EXPECT_THAT(keys_of(index->search({{{"pear"}}, {}, 0})), ElementsAre("r1"));
}

TEST(IndexTest, FindsAnAddressInNetworksAndANetworksAddressesInBothFamilies) {
  const auto index = index_in(":memory:");
  ASSERT_TRUE(
      index
          ->put({rule("all4", "0.0.0.0/0"), rule("ten", "10.0.0.0/8"), rule("five", "10.0.0.5/32"),
                 rule("six", "10.0.0.6/32"), rule("eleven", "11.0.0.0/8"),
                 rule("doc", "2001:db8::/32"), rule("host6", "2001:db8::5/128"),
                 rule("all6", "::/0"), rule("name", "no address")},
                1)
          .ok());
  const auto asked = [&](const std::string& address) {
    Filter filter;
    filter.address = address;
    return sorted(keys_of(index->find(filter)));
  };
  EXPECT_EQ(asked("10.0.0.5"), (Keys{"all4", "five", "ten"}));
  EXPECT_EQ(asked("::ffff:10.0.0.5"), (Keys{"all4", "five", "ten"}));
  EXPECT_EQ(asked("10.0.0.0/24"), (Keys{"all4", "five", "six", "ten"}));
  EXPECT_EQ(asked("10.0.0.0/8"), (Keys{"all4", "five", "six", "ten"}));
  EXPECT_EQ(asked("12.0.0.1"), (Keys{"all4"}));
  EXPECT_EQ(asked("2001:db8::5"), (Keys{"all6", "doc", "host6"}));
  EXPECT_EQ(asked("2001:db8::/16"), (Keys{"all6", "doc", "host6"}));
  EXPECT_EQ(asked("::/0"), (Keys{"all6", "doc", "host6"}));
  Filter wrong;
  wrong.address = "sniffer";
  EXPECT_EQ(index->find(wrong).error().reason, "invalid_address");
}

TEST(IndexTest, FiltersHoldTogether) {
  const auto index = index_in(":memory:");
  Record one = record(Table::audit, "1", 100);
  one.kind = "config.put";
  one.actor = "alice";
  one.component = "sniffer";
  one.path = "capture.mode";
  Record two = record(Table::audit, "2", 200);
  two.kind = "config.rollback";
  two.actor = "bob";
  two.component = "sniffer";
  two.version = 4;
  two.path = "mode";
  Record three = record(Table::change, "3", 300);
  three.kind = "config/sniffer";
  three.path = "capture_mode";
  ASSERT_TRUE(index->put({one, two, three}, 3).ok());
  const auto asked = [&](auto&& set) {
    Filter filter;
    set(filter);
    return keys_of(index->find(filter));
  };
  EXPECT_THAT(asked([](Filter& f) { f.tables = {Table::audit}; }), ElementsAre("2", "1"));
  EXPECT_THAT(asked([](Filter& f) { f.order = Order::oldest_first; }), ElementsAre("1", "2", "3"));
  EXPECT_THAT(asked([](Filter& f) { f.kind_prefix = "config."; }), ElementsAre("2", "1"));
  EXPECT_THAT(asked([](Filter& f) { f.kind_prefix = "config/"; }), ElementsAre("3"));
  EXPECT_THAT(asked([](Filter& f) { f.kind = "config.put"; }), ElementsAre("1"));
  EXPECT_THAT(asked([](Filter& f) { f.actor = "bob"; }), ElementsAre("2"));
  EXPECT_THAT(asked([](Filter& f) { f.version = 4; }), ElementsAre("2"));
  EXPECT_THAT(asked([](Filter& f) { f.path = "mode"; }), ElementsAre("2"));
  EXPECT_THAT(asked([](Filter& f) { f.path_suffix = "mode"; }), ElementsAre("2", "1"));
  EXPECT_THAT(asked([](Filter& f) { f.path_suffix = "capture.mode"; }), ElementsAre("1"));
  EXPECT_THAT(asked([](Filter& f) { f.key = "3"; }), ElementsAre("3"));
  EXPECT_THAT(asked([](Filter& f) { f.from_ms = 200; }), ElementsAre("3", "2"));
  EXPECT_THAT(asked([](Filter& f) { f.until_ms = 200; }), ElementsAre("1"));
  EXPECT_THAT(asked([](Filter& f) { f.limit = 1; }), ElementsAre("3"));
  EXPECT_THAT(asked([](Filter& f) {
                f.component = "sniffer";
                f.actor = "alice";
              }),
              ElementsAre("1"));
  EXPECT_THAT(asked([](Filter& f) { f.actor = "' OR 1=1 --"; }), IsEmpty());
}

TEST(IndexTest, TellsWhatWasInForceAtAMoment) {
  const auto index = index_in(":memory:");
  ASSERT_TRUE(index
                  ->put({rule("old", "10.0.0.1/32", 100, 200), rule("now", "10.0.0.1/32", 200, 0),
                         rule("later", "10.0.0.1/32", 900, 0)},
                        1)
                  .ok());
  const auto at = [&](std::int64_t moment) {
    Filter filter;
    filter.in_force_at_ms = moment;
    return keys_of(index->find(filter));
  };
  EXPECT_THAT(at(99), IsEmpty());
  EXPECT_THAT(at(150), ElementsAre("old"));
  EXPECT_THAT(at(200), ElementsAre("now"));
  EXPECT_THAT(at(900), ElementsAre("later", "now"));
}

TEST(IndexTest, CountsByColumnMostFrequentFirstWithTheNewestOfEach) {
  const auto index = index_in(":memory:");
  std::vector<Record> records;
  for (int number = 1; number <= 6; ++number) {
    Record one = record(Table::detection, "d" + std::to_string(number), number * 10);
    one.address = number <= 3 ? "10.0.0.1" : number <= 5 ? "10.0.0.2" : "10.0.0.3";
    one.path = number <= 4 ? "a.b" : "c.d";
    records.push_back(one);
  }
  ASSERT_TRUE(index->put(records, 60).ok());
  const auto counts = index->count_by(Column::address, {}, 2);
  ASSERT_TRUE(counts.ok());
  ASSERT_EQ(counts->size(), 2u);
  EXPECT_EQ(counts->at(0).value, "10.0.0.1");
  EXPECT_EQ(counts->at(0).records, 3u);
  EXPECT_EQ(counts->at(0).last_ms, 30);
  EXPECT_EQ(counts->at(0).newest_key, "d3");
  EXPECT_EQ(counts->at(0).revision, 30u);
  EXPECT_EQ(counts->at(1).value, "10.0.0.2");
  Filter late;
  late.from_ms = 30;
  const auto since = index->count_by(Column::address, late, 1);
  EXPECT_EQ(since->front().value, "10.0.0.2");
  const auto paths = index->count_by(Column::path, {}, 9);
  ASSERT_EQ(paths->size(), 2u);
  EXPECT_EQ(paths->at(0).value, "a.b");
  EXPECT_EQ(paths->at(0).newest_key, "d4");
}

TEST(IndexTest, TrimTakesTheOldestHistoryAndNothingThatStands) {
  const auto index = index_in(":memory:");
  Record standing = record(Table::config, "sniffer@2 a", 1);
  Record replaced = record(Table::config, "sniffer@1 a", 1);
  replaced.ends_at_ms = 50;
  ASSERT_TRUE(
      index
          ->put({standing, replaced, record(Table::doc, "docs/x.md"),
                 record(Table::health, "sniffer", 1), record(Table::health, "sniffer@9", 90),
                 rule("live", "10.0.0.1/32", 1, 900), rule("forever", "10.0.0.2/32", 1),
                 rule("gone", "10.0.0.3/32", 1, 120), record(Table::detection, "d1", 130),
                 record(Table::audit, "140", 140), record(Table::change, "150", 150)},
                150)
          .ok());
  auto gone = index->trim(100, 1'000);
  ASSERT_TRUE(gone.ok());
  EXPECT_EQ(*gone, 2u);
  gone = index->trim(100, 8);
  EXPECT_EQ(*gone, 1u);
  EXPECT_EQ(*index->count({}), 8u);
  gone = index->trim(100, 1);
  EXPECT_EQ(sorted(keys_of(index->find({}))),
            (Keys{"docs/x.md", "forever", "live", "sniffer", "sniffer@2 a"}));
  EXPECT_EQ(index->revision(), 150u);
}

TEST(IndexTest, ClearLeavesDocsOnly) {
  const auto index = index_in(":memory:");
  ASSERT_TRUE(index->put({record(Table::doc, "docs/x.md"), record(Table::rule, "r1")}, 9).ok());
  ASSERT_TRUE(index->set_history("one").ok());
  ASSERT_TRUE(index->clear().ok());
  EXPECT_THAT(keys_of(index->find({})), ElementsAre("docs/x.md"));
  EXPECT_EQ(index->revision(), 0u);
  EXPECT_EQ(index->history(), "");
}

TEST(IndexTest, LongTextIsCutAtACharacterAndSaysSo) {
  const auto index = index_in(":memory:");
  std::string text;
  while (text.size() < kRecordTextBytesMax + 10) text += "é";
  ASSERT_TRUE(index->put({passage(Table::doc, "d", "t", text)}, 1).ok());
  const std::string kept = index->find({})->front().text;
  EXPECT_LE(kept.size(), kRecordTextBytesMax);
  EXPECT_THAT(kept, ::testing::EndsWith("é … (cut)"));
  EXPECT_EQ(index->put({record(Table::doc, "")}, 2).error().reason, "bad_key");
  EXPECT_EQ(index->put({record(Table::doc, std::string(600, 'k'))}, 2).error().reason, "bad_key");
}

TEST(IndexTest, ATransactionThatIsNotCommittedLeavesNothing) {
  support::TempDir folder;
  const std::string path = folder.path() + "/index.db";
  {
    const auto index = index_in(path);
    ASSERT_TRUE(index->put({record(Table::rule, "r1")}, 1).ok());
    {
      auto open = index->begin();
      ASSERT_TRUE(open.ok());
      ASSERT_TRUE(index->clear().ok());
      ASSERT_TRUE(index->put({record(Table::rule, "r2")}, 2).ok());
      ASSERT_TRUE(index->set_history("other").ok());
      EXPECT_EQ(index->revision(), 2u);
    }
    EXPECT_EQ(index->revision(), 1u);
    EXPECT_EQ(index->history(), "");
    EXPECT_THAT(keys_of(index->find({})), ElementsAre("r1"));
    auto kept = index->begin();
    ASSERT_TRUE(index->put({record(Table::rule, "r3")}, 3).ok());
    ASSERT_TRUE((*kept)->commit().ok());
  }
  const auto again = index_in(path);
  EXPECT_EQ(again->revision(), 3u);
  EXPECT_FALSE(again->rebuilt());
  EXPECT_THAT(keys_of(again->find({})), UnorderedElementsAre("r1", "r3"));
}

TEST(IndexTest, TheFileIsForItsOwnerOnly) {
  support::TempDir folder;
  const std::string path = folder.path() + "/below/index.db";
  const auto index = index_in(path);
  ASSERT_TRUE(index->put({record(Table::rule, "r1")}, 1).ok());
  for (const char* end : {"", "-wal", "-shm"}) {
    struct stat status = {};
    ASSERT_EQ(::stat((path + end).c_str(), &status), 0) << end;
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << end;
  }
}

TEST(IndexTest, ADamagedFileIsSetAsideAndBegunAnew) {
  support::TempDir folder;
  const std::string path = folder.path() + "/index.db";
  std::ofstream(path) << "this is no database, and longer than the header of one is, surely so";
  const auto index = index_in(path);
  ASSERT_NE(index, nullptr);
  EXPECT_TRUE(index->rebuilt());
  EXPECT_EQ(index->revision(), 0u);
  EXPECT_EQ(::access((path + ".damaged").c_str(), F_OK), 0);
  EXPECT_TRUE(index->put({record(Table::rule, "r1")}, 1).ok());
}

TEST(IndexTest, AFileWithATornMiddleIsSetAside) {
  support::TempDir folder;
  const std::string path = folder.path() + "/index.db";
  {
    const auto index = index_in(path);
    std::vector<Record> records;
    for (int number = 0; number < 500; ++number) {
      records.push_back(passage(Table::audit, std::to_string(number), "title", "a text of it"));
    }
    ASSERT_TRUE(index->put(records, 500).ok());
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(40'000, '\x5a');
  }
  const auto index = index_in(path);
  ASSERT_NE(index, nullptr);
  EXPECT_TRUE(index->rebuilt());
  EXPECT_EQ(*index->count({}), 0u);
}

}  // namespace
}  // namespace mlguard::rag
