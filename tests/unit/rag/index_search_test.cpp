#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/rag/index_records.h"

namespace mlguard::rag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<std::string> search(const Index& index, std::vector<std::vector<std::string>> groups,
                                Filter filter = {}, std::int64_t now_ms = 0) {
  return keys_of(index.search({std::move(groups), std::move(filter), now_ms}));
}

TEST(IndexSearchTest, ATitleWeighsMoreThanAText) {
  const auto index = index_in(":memory:");
  ASSERT_TRUE(index
                  ->put({passage(Table::doc, "text", "other", "about drift of the firewall"),
                         passage(Table::doc, "title", "drift", "about other things entirely")},
                        1)
                  .ok());
  EXPECT_THAT(search(*index, {{"drift"}}), ElementsAre("title", "text"));
}

TEST(IndexSearchTest, MoreOfTheQuestionRanksHigherAndSynonymsCountOnce) {
  const auto index = index_in(":memory:");
  ASSERT_TRUE(index
                  ->put({passage(Table::doc, "one", "x", "blocked banned dropped blocked banned"),
                         passage(Table::doc, "both", "x", "blocked by an operator"),
                         passage(Table::doc, "none", "x", "nothing")},
                        1)
                  .ok());
  EXPECT_THAT(search(*index, {{"blocked", "banned", "dropped"}, {"operator"}}),
              ElementsAre("both", "one"));
}

TEST(IndexSearchTest, WordsAreFoundByTheirStemAndAsPhrases) {
  const auto index = index_in(":memory:");
  ASSERT_TRUE(index
                  ->put({passage(Table::doc, "a", "x", "The thresholds are raised."),
                         passage(Table::rule, "b", "x", "from 10.0.0.5 to it"),
                         passage(Table::rule, "c", "x", "from 10.0.5.0 and 0.0.0.5")},
                        1)
                  .ok());
  EXPECT_THAT(search(*index, {{"threshold"}, {"raising"}}), ElementsAre("a"));
  EXPECT_THAT(search(*index, {{"10.0.0.5"}}), ElementsAre("b"));
}

TEST(IndexSearchTest, AddressesAndNumbersAreOneWord) {
  const auto index = index_in(":memory:");
  ASSERT_TRUE(
      index
          ->put({passage(Table::rule, "four", "drop 10.77.1.66/32", "At 10.77.1.66."),
                 passage(Table::rule, "six", "drop it", "From 2001:db8:5ca::9, port 80:"),
                 passage(Table::rule, "port", "x", "to 10.77.2.80:22 and [2001:db8::1]:443"),
                 passage(Table::config, "value", "x", "thresholds.block is 0.92.")},
                1)
          .ok());
  EXPECT_THAT(search(*index, {{"10.77.1.66"}}), ElementsAre("four"));
  EXPECT_THAT(search(*index, {{"10.77.1.66/32"}}), ElementsAre("four"));
  EXPECT_THAT(search(*index, {{"2001:db8:5ca::9"}}), ElementsAre("six"));
  EXPECT_THAT(search(*index, {{"10.77.2.80"}}), ElementsAre("port"));
  EXPECT_THAT(search(*index, {{"2001:db8::1"}}), ElementsAre("port"));
  EXPECT_THAT(search(*index, {{"0.92"}}), ElementsAre("value"));
  EXPECT_THAT(search(*index, {{"92"}}), IsEmpty());
  EXPECT_THAT(search(*index, {{"thresholds.block"}}), ElementsAre("value"));
  EXPECT_THAT(search(*index, {{"block"}}), ElementsAre("value"));
  ASSERT_TRUE(index->remove(Table::rule, {"four"}).ok());
  EXPECT_THAT(search(*index, {{"10.77.1.66"}}), IsEmpty());
}

TEST(IndexSearchTest, NoTextIsAQuery) {
  const auto index = index_in(":memory:");
  ASSERT_TRUE(index->put({passage(Table::doc, "a", "near", "title or \"text\" and not")}, 1).ok());
  for (const char* word : {"\"", "title:", "a* OR b", "NEAR(a b)", "text\" OR \"x", "(((", "--",
                           "^near", "", "\x01", "–", "{title}: x", "'; DROP TABLE record; --"}) {
    const auto found = index->search({{{word}}, {}, 0});
    EXPECT_TRUE(found.ok()) << word << ": " << (found.ok() ? "" : found.error().message);
  }
  EXPECT_THAT(search(*index, {{"–"}, {"\""}}), IsEmpty());
  EXPECT_THAT(search(*index, {{"–"}, {"near"}}), ElementsAre("a"));
  EXPECT_THAT(search(*index, {}), IsEmpty());
  EXPECT_EQ(*index->count({}), 1u);
}

TEST(IndexSearchTest, AmongEqualsTheNewerHistoryComesFirstAndWhatEndedLast) {
  const auto index = index_in(":memory:");
  constexpr std::int64_t kDay = 24 * 3'600'000;
  Record ended = passage(Table::rule, "ended", "x", "threshold", 29 * kDay);
  ended.ends_at_ms = 30 * kDay;
  ASSERT_TRUE(index
                  ->put({passage(Table::rule, "new", "x", "threshold", 28 * kDay),
                         passage(Table::rule, "old", "x", "threshold", 1 * kDay), ended},
                        1)
                  .ok());
  EXPECT_THAT(search(*index, {{"threshold"}}, {}, 30 * kDay), ElementsAre("new", "old", "ended"));
}

TEST(IndexSearchTest, OneVersionOfAValueStandsForAll) {
  const auto index = index_in(":memory:");
  std::vector<Record> records;
  for (int version = 1; version <= 40; ++version) {
    const std::string number = std::to_string(version);
    Record value = passage(Table::config, "sniffer@" + number + " flows", "sniffer flows",
                           "In version " + number + " flows is 7", version);
    value.component = "sniffer";
    value.path = "flows";
    value.ends_at_ms = version < 40 ? version + 1 : 0;
    records.push_back(value);
  }
  records.push_back(passage(Table::doc, "doc", "about flows", "what flows are"));
  ASSERT_TRUE(index->put(records, 1).ok());
  EXPECT_THAT(search(*index, {{"flows"}}, {}, 1'000),
              UnorderedElementsAre("sniffer@40 flows", "doc"));
  EXPECT_EQ(search(*index, {{"flows"}, {"version"}, {"17"}}, {}, 1'000).front(),
            "sniffer@17 flows");
}

TEST(IndexSearchTest, OnlyWhatTheFilterHolds) {
  const auto index = index_in(":memory:");
  Record one = passage(Table::rule, "r", "x", "blocked", 10);
  one.component = "firewall";
  ASSERT_TRUE(index
                  ->put({one, passage(Table::audit, "a", "x", "blocked", 20),
                         passage(Table::doc, "d", "x", "blocked")},
                        1)
                  .ok());
  Filter filter;
  filter.tables = {Table::rule, Table::doc};
  EXPECT_THAT(search(*index, {{"blocked"}}, filter), UnorderedElementsAre("r", "d"));
  filter.component = "firewall";
  EXPECT_THAT(search(*index, {{"blocked"}}, filter), ElementsAre("r"));
  Filter few;
  few.limit = 1;
  EXPECT_EQ(search(*index, {{"blocked"}}, few).size(), 1u);
}

// More than are ranked match the common word; what is asked for is the oldest of them.
TEST(IndexSearchTest, CommonWordsDoNotHideTheOneThatIsMeant) {
  const auto index = index_in(":memory:");
  std::vector<Record> records;
  records.push_back(passage(Table::detection, "meant", "x", "scan by attacker of the printer", 1));
  records.push_back(passage(Table::detection, "two", "x", "scan by attacker of the server", 2));
  for (int number = 0; number < 7'000; ++number) {
    const bool first = number % 2 == 0;
    records.push_back(passage(Table::detection, "d" + std::to_string(number), "x",
                              first ? "scan by somebody of hosts" : "attacker did what they do",
                              number + 10));
  }
  ASSERT_TRUE(index->put(records, 1).ok());
  EXPECT_EQ(search(*index, {{"scan"}, {"attacker"}, {"printer"}}).front(), "meant");
  const auto both = search(*index, {{"scan"}, {"attacker"}});
  EXPECT_THAT((std::vector<std::string>{both[0], both[1]}), UnorderedElementsAre("meant", "two"));
}

}  // namespace
}  // namespace mlguard::rag
