#include "wire/ask.h"

#include <gtest/gtest.h>

#include "wire/question_relay.h"

namespace mlguard::wire {
namespace {

Answer sample_answer() {
  Answer answer;
  answer.intent = "why_blocked";
  answer.known = true;
  answer.text = "10.0.0.5 is blocked [1].\nIt scanned ports [2].";
  answer.remark = "one of 2";
  answer.citations.push_back({"rule", "ab12", 7, 1'700'000'000'123, "drop 10.0.0.5/32\n\tscan"});
  answer.citations.push_back({"doc", "docs/rules.md#ttl", 0, 0, "Rules end."});
  answer.proposal =
      Proposal{"config.set",
               {{"component", "ml-detector"}, {"path", "thresholds.block"}, {"value", "0.9"}},
               "ml-guard config set ml-detector thresholds.block 0.9",
               "-0.8\n+0.9\n",
               4};
  answer.subject = {"ml-detector", "thresholds.block", "10.0.0.5", "ab12"};
  answer.revision = 9;
  answer.state_age_ms = 12;
  return answer;
}

TEST(AskTest, AQuestionComesBackAsItWas) {
  Question question{"q1",
                    "why is 10.0.0.5 blocked?",
                    {"sniffer", "", "10.0.0.5", ""},
                    1'700'000'000'123,
                    -330,
                    "operator",
                    "operator"};
  const auto back = decode_question(encode(question));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->text, question.text);
  EXPECT_EQ(back->asked_at_ms, question.asked_at_ms);
  EXPECT_EQ(back->utc_offset_min, -330);
  EXPECT_EQ(back->subject.address, "10.0.0.5");
  EXPECT_EQ(back->asked_by, "operator");
  EXPECT_EQ(encode(*back), encode(question));
}

TEST(AskTest, AnAnswerComesBackAsItWas) {
  const Answer answer = sample_answer();
  const auto back = decode_answer(encode(answer));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(encode(*back), encode(answer));
  ASSERT_TRUE(back->proposal.has_value());
  EXPECT_EQ(back->proposal->arguments, answer.proposal->arguments);
  EXPECT_EQ(back->proposal->expected_version, 4U);
  EXPECT_EQ(back->citations[0].at_ms, answer.citations[0].at_ms);
  EXPECT_EQ(back->text, answer.text);
}

TEST(AskTest, WhatRecordsHoldCannotKeepAnAnswerFromArriving) {
  Answer answer = sample_answer();
  answer.text =
      std::string("\x1b[31mred\x01 \xC2\x9B \xFF") + std::string(kAnswerTextBytesMax, 'x');
  answer.remark = "two\nlines";
  answer.citations.assign(kCitationsMax + 5, {"config", "k\n", 1, 0, std::string(9'000, '"')});
  const auto back = decode_answer(encode(answer));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->text.find('\x1b'), std::string::npos);
  EXPECT_LE(back->text.size(), kAnswerTextBytesMax);
  EXPECT_EQ(back->citations.size(), kCitationsMax);
  EXPECT_EQ(back->remark, "two lines");
}

TEST(AskTest, AnArgumentWithControlCharactersIsRefusedAndNotMadeToFit) {
  Answer answer = sample_answer();
  answer.proposal->arguments[2].second = "0.9\n--yes";
  const auto back = decode_answer(encode(answer));
  ASSERT_FALSE(back.ok());
  EXPECT_NE(back.error().message.find("proposal.arguments[2].value"), std::string::npos)
      << back.error().message;
}

TEST(AskTest, LimitsAreNamed) {
  EXPECT_FALSE(decode_question(R"({"text":""})").ok());
  EXPECT_FALSE(decode_question(R"({"text":")" + std::string(1'001, 'a') + R"("})").ok());
  EXPECT_FALSE(decode_question(R"({"text":"a","utc_offset_min":900})").ok());
  EXPECT_FALSE(decode_answer(R"({"text":"no known"})").ok());
  EXPECT_FALSE(decode_answer(R"({"known":true,"citations":[{"key":"no table"}]})").ok());
  EXPECT_EQ(decode_question("{").error().reason, "invalid_json");
}

TEST(AskTest, WhatTheControlPlaneRelaysComesBackAsItWas) {
  const AnswerPart part{2, 3, "It is\n", std::nullopt};
  const auto part_back = decode_answer_part(encode(part));
  ASSERT_TRUE(part_back.ok());
  EXPECT_EQ(part_back->text, "It is\n");
  EXPECT_EQ(part_back->part, 3U);
  EXPECT_FALSE(part_back->answer.has_value());

  const QuestionNews news{2, 3, "It is\n", sample_answer()};
  const auto news_back = decode_question_news(encode(news));
  ASSERT_TRUE(news_back.ok()) << news_back.error().message;
  ASSERT_TRUE(news_back->answer.has_value());
  EXPECT_EQ(encode(*news_back->answer), encode(sample_answer()));

  EXPECT_FALSE(decode_question_task(encode(QuestionTask{}))->question.has_value());
  QuestionTask task{1, Question{}};
  task.question->text = "status?";
  EXPECT_EQ(decode_question_task(encode(task))->question->text, "status?");
  EXPECT_EQ(*decode_question_id(encode_question_id("ab")), "ab");
}

}  // namespace
}  // namespace mlguard::wire
