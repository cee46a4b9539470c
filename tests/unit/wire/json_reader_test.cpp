#include "wire/json_reader.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/json_check.h"

namespace mlguard::wire {
namespace {

std::string problem_of(const JsonDocument& document) {
  return document.status().ok() ? "ok" : document.status().error().message;
}

TEST(JsonReaderTest, ReadsEveryKindOfField) {
  JsonDocument document(
      R"({"t":"é","w":-3,"u":9223372036854775807,"n":0.5,"b":true,"at":"2023-11-14T22:13:20.123Z",)"
      R"("o":{"x":[1]},"l":["a","b"],"in":{"v":7},"many":[{"i":1},{"i":2}],"none":null})",
      kSmallJsonBytesMax);
  ObjectReader root = document.root();
  std::string text;
  std::string object;
  std::int64_t whole = 0;
  std::uint64_t unsigned_whole = 0;
  double number = 0;
  bool flag = false;
  std::int64_t at = 0;
  std::vector<std::string> list;
  std::vector<std::int64_t> many;
  root.text("t", text, {1, 1}, Presence::required);
  root.whole("w", whole, -5, 5, Presence::required);
  root.whole("u", unsigned_whole, Presence::required);
  root.number("n", number, 0, 1, Presence::required);
  root.boolean("b", flag, Presence::required);
  root.time("at", at, Presence::required);
  root.json_object("o", object, 100, Presence::required);
  root.texts("l", list, {1, 10}, 2, Presence::required);
  root.object("in", Presence::required,
              [&](ObjectReader& in) { in.whole("v", whole, 0, 9, Presence::required); });
  root.objects("many", 2, Presence::required, [&](ObjectReader& item) {
    item.whole("i", many.emplace_back(), 0, 9, Presence::required);
  });
  std::string untouched = "as before";
  root.text("none", untouched, {}, Presence::optional);
  root.text("absent", untouched, {}, Presence::optional);
  ASSERT_EQ(problem_of(document), "ok");
  EXPECT_EQ(text, "é");
  EXPECT_EQ(whole, 7);
  EXPECT_EQ(unsigned_whole, 9223372036854775807u);
  EXPECT_EQ(number, 0.5);
  EXPECT_TRUE(flag);
  EXPECT_EQ(at, 1'700'000'000'123);
  EXPECT_EQ(object, R"({"x":[1]})");
  EXPECT_EQ(list, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(many, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(untouched, "as before");
  EXPECT_FALSE(root.has("none"));
}

TEST(JsonReaderTest, TheFirstWrongFieldIsNamedWithItsPath) {
  JsonDocument document(R"({"rules":[{"score":0.5},{"score":"high"}],"x":1})", kSmallJsonBytesMax);
  ObjectReader root = document.root();
  double score = 0;
  root.objects("rules", 10, Presence::required, [&score](ObjectReader& item) {
    item.number("score", score, 0, 1, Presence::required);
  });
  std::string text;
  root.text("x", text, {}, Presence::required);
  EXPECT_EQ(problem_of(document), "'rules[1].score' must be a number from 0.0 to 1.0");
  EXPECT_EQ(document.status().error().reason, "invalid_field");
}

TEST(JsonReaderTest, WrongTypesAndSizesAreRefused) {
  const auto problem = [](const char* json, const auto& read) {
    JsonDocument document(json, kSmallJsonBytesMax);
    ObjectReader root = document.root();
    read(root);
    return problem_of(document);
  };
  std::string text;
  std::int64_t whole = 0;
  std::uint64_t unsigned_whole = 0;
  std::vector<std::string> list;
  const auto read_text = [&](ObjectReader& r) { r.text("a", text, {1, 3}, Presence::required); };
  const auto read_whole = [&](ObjectReader& r) { r.whole("a", whole, 0, 9, Presence::required); };
  const auto read_unsigned = [&](ObjectReader& r) {
    r.whole("a", unsigned_whole, Presence::required);
  };
  const auto read_list = [&](ObjectReader& r) {
    r.texts("a", list, {1, 3}, 2, Presence::required);
  };
  for (const char* json :
       {R"({})", R"({"a":null})", R"({"a":1})", R"({"a":""})", R"({"a":"abcd"})", R"({"a":"a\nb"})",
        R"({"a":"\u001b[1m"})", R"({"a":"\u009b"})", R"({"a":"\u007f"})"}) {
    EXPECT_NE(problem(json, read_text), "ok") << json;
  }
  for (const char* json : {R"({"a":"1"})", R"({"a":1.0})", R"({"a":-1})", R"({"a":10})",
                           R"({"a":18446744073709551615})", R"({"a":true})", R"({"a":1e0})"}) {
    EXPECT_NE(problem(json, read_whole), "ok") << json;
  }
  EXPECT_EQ(problem(R"({"a":9223372036854775808})", read_unsigned),
            "'a' must be a whole number, 0 or more");
  for (const char* json : {R"({"a":"x"})", R"({"a":["x",1]})", R"({"a":["x","y","z"]})"}) {
    EXPECT_NE(problem(json, read_list), "ok") << json;
  }
  EXPECT_EQ(problem(R"({"a":["x",""]})", read_list), "'a[1]' must not be empty");
}

TEST(JsonReaderTest, WhatIsNoObjectIsRefusedAsAWhole) {
  EXPECT_EQ(problem_of(JsonDocument("[1]", 100)), "the JSON text must be an object: { … }");
  EXPECT_EQ(problem_of(JsonDocument("", 100)),
            "line 1, column 1: the text is empty; a JSON document is expected");
  JsonDocument large(std::string(101, ' '), 100);
  EXPECT_EQ(large.status().error().code, base::ErrorCode::too_large);
  std::string text = "left alone";
  large.root().text("a", text, {}, Presence::required);
  EXPECT_EQ(text, "left alone");
}

TEST(JsonReaderTest, DeepNestingIsRefusedBeforeItIsBuilt) {
  const std::string deep = R"({"a":)" + std::string(30'000, '[');
  EXPECT_NE(problem_of(JsonDocument(deep, kSmallJsonBytesMax)).find("64 levels"),
            std::string::npos);
}

TEST(JsonReaderTest, MoreValuesThanTheLimitAreRefused) {
  const auto list_of = [](std::size_t count) {
    std::string json = R"({"a":[0)";
    for (std::size_t i = 1; i < count; ++i) json += ",0";
    return json + "]}";
  };
  EXPECT_EQ(problem_of(JsonDocument(list_of(98), 1000, 100)), "ok");
  JsonDocument many(list_of(99), 1000, 100);
  ASSERT_FALSE(many.status().ok());
  EXPECT_EQ(many.status().error().code, base::ErrorCode::too_large);
}

// An object of many names must not take time with the square of their number.
TEST(JsonReaderTest, AnObjectOfManyNamesIsReadQuickly) {
  std::string json = "{";
  for (int i = 0; i < 60'000; ++i) json += "\"name-" + std::to_string(i) + "\":0,";
  json += "\"last\":0}";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(problem_of(JsonDocument(json, json.size())), "ok");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace mlguard::wire
