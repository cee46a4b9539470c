#include "cli/json_edit.h"

#include <gtest/gtest.h>

namespace mlguard::cli {
namespace {

std::string set(const std::string& document, const std::string& path, const std::string& json) {
  const auto steps = parse_path(path);
  if (!steps.ok()) return "path: " + steps.error().message;
  const auto edited = set_value(document, *steps, json);
  return edited.ok() ? *edited : edited.error().reason;
}

std::string get(const std::string& document, const std::string& path) {
  const auto value = get_value(document, *parse_path(path));
  return value.ok() ? *value : value.error().reason;
}

TEST(JsonEditTest, OneValueChangesAndEveryOtherByteStays) {
  const std::string document =
      "{ \"b\" : 1.50,\n\t\"a\": [1e5, {\"x\": null}] ,\"big\":123456789012345678901234567890 }\n";
  EXPECT_EQ(set(document, "a.1.x", "true"),
            "{ \"b\" : 1.50,\n\t\"a\": [1e5, {\"x\": true}] ,"
            "\"big\":123456789012345678901234567890 }\n");
  EXPECT_EQ(set(document, "b", "\"two\""),
            "{ \"b\" : \"two\",\n\t\"a\": [1e5, {\"x\": null}] ,"
            "\"big\":123456789012345678901234567890 }\n");
}

TEST(JsonEditTest, ANewMemberIsLaidOutAsItsNeighbours) {
  EXPECT_EQ(set("{\n  \"a\": 1\n}\n", "b", "2"), "{\n  \"a\": 1,\n  \"b\": 2\n}\n");
  EXPECT_EQ(set("{}", "a", "1"), "{\"a\": 1}");
  EXPECT_EQ(set("{\"a\":1}", "b", "2"), "{\"a\":1,\"b\": 2}");
}

TEST(JsonEditTest, MissingObjectsOnTheWayAreMade) {
  EXPECT_EQ(set("{}", "a.b.c", "3"), "{\"a\": {\"b\": {\"c\": 3}}}");
}

TEST(JsonEditTest, ArraysAreIndexedAndAppendedTo) {
  EXPECT_EQ(set("[1, 2]", "0", "9"), "[9, 2]");
  EXPECT_EQ(set("[1, 2]", "-", "3"), "[1, 2, 3]");
  EXPECT_EQ(set("[1, 2]", "2", "3"), "[1, 2, 3]");
  EXPECT_EQ(set("[]", "-", "1"), "[1]");
  EXPECT_EQ(set("[1]", "5", "1"), "bad_path");
  EXPECT_EQ(set("[1]", "x", "1"), "bad_path");
}

TEST(JsonEditTest, APathThroughAValueThatHasNoInsideIsAnError) {
  EXPECT_EQ(set("{\"a\": 1}", "a.b", "2"), "bad_path");
  EXPECT_EQ(set("{\"a\": \"{}\"}", "a.b", "2"), "bad_path");
}

TEST(JsonEditTest, PointersReachKeysWithDotsAndSlashes) {
  EXPECT_EQ(set(R"({"a.b": 1, "c/d": 2, "e~f": 3})", "/a.b", "9"),
            R"({"a.b": 9, "c/d": 2, "e~f": 3})");
  EXPECT_EQ(set(R"({"a.b": 1, "c/d": 2, "e~f": 3})", "/c~1d", "9"),
            R"({"a.b": 1, "c/d": 9, "e~f": 3})");
  EXPECT_EQ(set(R"({"a.b": 1, "c/d": 2, "e~f": 3})", "/e~0f", "9"),
            R"({"a.b": 1, "c/d": 2, "e~f": 9})");
}

TEST(JsonEditTest, StringsWithBracketsAndQuotesDoNotConfuse) {
  const std::string document = R"({"a": "}]{\"[,", "b": {"c": "\\"}, "d": 1})";
  EXPECT_EQ(get(document, "d"), "1");
  EXPECT_EQ(get(document, "b.c"), R"("\\")");
  EXPECT_EQ(set(document, "d", "2"), R"({"a": "}]{\"[,", "b": {"c": "\\"}, "d": 2})");
}

TEST(JsonEditTest, EscapedKeysAreFoundByWhatTheyMean) {
  EXPECT_EQ(get(R"({"caf\u00e9": 7})", "café"), "7");
}

TEST(JsonEditTest, TheLastOfEqualKeysIsTheOneThatCounts) {
  EXPECT_EQ(set(R"({"a": 1, "a": 2})", "a", "3"), R"({"a": 1, "a": 3})");
}

TEST(JsonEditTest, WhatIsMissingIsNamed) {
  const auto value = get_value(R"({"a": {"b": 1}})", *parse_path("a.x"));
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().reason, "no_such_path");
  EXPECT_EQ(value.error().message, "'a' has no 'x'");
}

TEST(JsonEditTest, EmptyStepsAreRefused) {
  EXPECT_FALSE(parse_path("").ok());
  EXPECT_FALSE(parse_path("a..b").ok());
  EXPECT_FALSE(parse_path(".a").ok());
}

TEST(JsonEditTest, DeepNestingCostsNoStack) {
  const std::string document = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(set(document, "0.0", "1").substr(0, 4), "[[1]");
}

TEST(JsonEditTest, WhatIsTypedIsJsonWhenItCanBe) {
  EXPECT_EQ(value_to_json("0.9"), "0.9");
  EXPECT_EQ(value_to_json("true"), "true");
  EXPECT_EQ(value_to_json("[1,2]"), "[1,2]");
  EXPECT_EQ(value_to_json("eth1"), "\"eth1\"");
  EXPECT_EQ(value_to_json("10.0.0.1"), "\"10.0.0.1\"");
  EXPECT_EQ(value_to_json("say \"hi\""), "\"say \\\"hi\\\"\"");
}

}  // namespace
}  // namespace mlguard::cli
