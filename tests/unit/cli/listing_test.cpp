#include "cli/listing.h"

#include <gtest/gtest.h>

#include "cli/context.h"

namespace mlguard::cli {
namespace {

TEST(ListingTest, RowsAreTextWhateverTheJsonHolds) {
  const auto rows = rows_of(R"({"list":[{"a":"x","b":2,"c":true,"d":{"e":null,"f":1.5}},{}]})",
                            "list", {"a", "b", "c", "d.e", "d.f", "zz"});
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0], (TextRow{"x", "2", "yes", "", "1.5", ""}));
  EXPECT_EQ((*rows)[1], (TextRow{"", "", "", "", "", ""}));
}

TEST(ListingTest, AnAnswerOfAnotherShapeIsAnErrorAndNoCrash) {
  for (const char* text : {"", "null", "[]", "{}", R"({"list":{}})", "<html>"}) {
    EXPECT_FALSE(rows_of(text, "list", {"a"}).ok()) << text;
    EXPECT_FALSE(members_of(text, "object", {"a"}).ok()) << text;
    EXPECT_EQ(field_of(text, "a.b"), "");
    EXPECT_TRUE(json_lines_of(text, "list").empty());
  }
}

TEST(ListingTest, MembersKeepTheirOrder) {
  const auto members = members_of(R"({"o":{"z":{"s":"1"},"a":{"s":"2"}}})", "o", {"s"});
  ASSERT_TRUE(members.ok());
  EXPECT_EQ((*members)[0].first, "z");
  EXPECT_EQ((*members)[1].second, TextRow{"2"});
}

TEST(ListingTest, JsonIsPrettyButWhatIsNoJsonIsLeftAlone) {
  EXPECT_EQ(pretty_json(R"({"b":1,"a":[]})"), "{\n  \"b\": 1,\n  \"a\": []\n}\n");
  EXPECT_EQ(pretty_json("no json"), "no json\n");
}

TEST(ListingTest, ObjectsAreWrittenInOrder) {
  EXPECT_EQ(json_object({{"b", "x\"y"}, {"a", "3", JsonField::Kind::literal}}),
            R"({"b":"x\"y","a":3})");
}

TEST(ListingTest, PathsAndQueriesAreEncoded) {
  EXPECT_EQ(url_encode("config/sniffer & co"), "config%2Fsniffer%20%26%20co");
  EXPECT_EQ(url_encode("a-Z_0.~"), "a-Z_0.~");
}

}  // namespace
}  // namespace mlguard::cli
