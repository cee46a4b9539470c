#include "base/json_check.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

namespace mlguard::base {
namespace {

std::string problem_of(std::string_view text) {
  const Status checked = check_json(text);
  if (checked.ok()) return "ok";
  EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(checked.error().reason, "invalid_json");
  return checked.error().message;
}

TEST(JsonCheckTest, DocumentsAreAccepted) {
  for (const char* text :
       {"{}", "[]", "0", "-0", "-1.5e+3", "1E9", "\"\"", "true", "false", "null", " \t\r\n[ ] \n",
        R"({"a":[1,2,{"b":null}],"c":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"})", "\"naïve 😀\"",
        "1e-999", "1E-999", "123456789012345678901234567890", R"({"a":1,"a":2})"}) {
    EXPECT_EQ(problem_of(text), "ok") << text;
  }
}

TEST(JsonCheckTest, NumbersTooCloseToZeroAreNotTooLarge) {
  EXPECT_EQ(problem_of("0." + std::string(400, '0') + "1"), "ok");
  EXPECT_EQ(problem_of("[" + std::string(400, '9') + "]"),
            "line 1, column 2: the number is too large");
}

TEST(JsonCheckTest, ErrorsNameLineAndColumnInPlainWords) {
  EXPECT_EQ(problem_of(""), "line 1, column 1: the text is empty; a JSON document is expected");
  EXPECT_EQ(problem_of("{\n  \"a\": 1,\n  \"b\" 2\n}"),
            "line 3, column 7: ':' is expected after a name");
  EXPECT_EQ(problem_of("{\"a\": 1,}"), "line 1, column 9: a comma stands before '}'; remove it");
  EXPECT_EQ(problem_of("[1,\n]"), "line 2, column 1: a comma stands before ']'; remove it");
  EXPECT_EQ(problem_of("[1 2]"), "line 1, column 4: ',' or ']' is expected after a value");
  EXPECT_EQ(problem_of("{'a': 1}"),
            "line 1, column 2: names are written in double quotes, not single ones");
  EXPECT_EQ(problem_of("{\"a\": 1"),
            "line 1, column 8: the text ends here, but an object is not closed with '}'");
  EXPECT_EQ(problem_of("{} x"),
            "line 1, column 4: the document is complete here, but more text follows");
  EXPECT_EQ(problem_of("{\"é😀\": yes}"),
            "line 1, column 8: a word in the place of a value must be true, false or null; texts "
            "need double quotes");
  EXPECT_EQ(problem_of("{\"a\": \"b\n\"}"),
            "line 1, column 7: the text that begins here is not closed with a double quote on its "
            "line");
  EXPECT_EQ(problem_of("{\"a\": 1 // one\n}"), "line 1, column 9: JSON has no comments; remove it");
  EXPECT_EQ(problem_of("[1e999]"), "line 1, column 2: the number is too large");
  EXPECT_EQ(problem_of("\xef\xbb\xbf{}"),
            "line 1, column 1: the text begins with a byte order mark; save it as UTF-8 without "
            "one");
}

TEST(JsonCheckTest, OtherWrongTextsAreRefused) {
  for (const char* text : {"{",
                           "[",
                           "]",
                           "}",
                           "\"",
                           "\"\\",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "01",
                           "-",
                           "1.",
                           "1e",
                           "+1",
                           ".5",
                           "nul",
                           "truee",
                           "{\"a\"}",
                           "{1:2}",
                           "[,]",
                           "{,}",
                           "\"\t\"",
                           "\"\xff\"",
                           "\"\xc0\xaf\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xf4\x90\x80\x80\"",
                           "\"\xe2\x82\"",
                           "NaN",
                           "[1]]",
                           "/**/{}"}) {
    EXPECT_NE(problem_of(text), "ok") << text;
  }
  // nlohmann's parser takes a zero byte for the end, and would not see what follows.
  EXPECT_NE(problem_of(std::string_view("{}\0", 3)), "ok");
  EXPECT_NE(problem_of(std::string_view("{}\0x", 4)), "ok");
}

TEST(JsonCheckTest, NestingIsBoundedAndADeepDocumentCannotOverflowTheStack) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_EQ(problem_of(nested(kJsonDepthMax)), "ok");
  EXPECT_EQ(problem_of(nested(kJsonDepthMax + 1)),
            "line 1, column 65: arrays and objects are nested more than 64 levels deep");
  EXPECT_NE(problem_of(std::string(10'000'000, '[')), "ok");
}

// Against nlohmann's parser, which those who read the documents use: same verdict on mutations.
TEST(JsonCheckTest, AgreesWithTheParserOnRandomlyDamagedDocuments) {
  const std::string whole =
      R"({"a": [1, -2.5e3, true, null, "xé\u00e9\ud83d\ude00\n"], "b": {"c": {}, "d": [[]]}})";
  std::mt19937 random(11);
  const std::string letters = "{}[]\",:\\u0123456789eE+-.tfnalsr \n\x80\xc3\xf0";
  for (int i = 0; i < 20'000; ++i) {
    std::string text = whole;
    for (unsigned edits = 1 + static_cast<unsigned>(random() % 3); edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      const char letter = letters[random() % letters.size()];
      switch (random() % 3) {
        case 0: text[at] = letter; break;
        case 1: text.insert(at, 1, letter); break;
        default: text.erase(at, 1); break;
      }
    }
    ASSERT_EQ(check_json(text).ok(), nlohmann::json::accept(text)) << text;
  }
}

}  // namespace
}  // namespace mlguard::base
