#include "rag/evaluation.h"

#include <gtest/gtest.h>

#include "recorded_index.h"

namespace mlguard::rag {
namespace {

JudgedQuestion judged(const std::string& line) {
  const auto questions = parse_questions(line, kRecordedAtMs);
  EXPECT_TRUE(questions.ok()) << (questions.ok() ? "" : questions.error().message);
  return questions.ok() && !questions->empty() ? questions->front() : JudgedQuestion{};
}
Judgement judgement_of(const std::string& line) {
  const JudgedQuestion question = judged(line);
  return judge(question, answer_to(question.question));
}

TEST(EvaluationTest, ARightAnswerPasses) {
  const Judgement one = judgement_of(
      R"({"id":"a-1","question":"block threshold?","intent":"config_value","facts":["0.92"],)"
      R"("passages":["config ml-detector@12 thresholds.block"],"known":true})");
  EXPECT_TRUE(one.failures.empty()) << one.failures.front();
  EXPECT_TRUE(totals_of({one}).good());
}

TEST(EvaluationTest, EachThingThatDiffersIsNamed) {
  const Judgement one = judgement_of(
      R"({"id":"a-1","question":"block threshold?","intent":"help","facts":["0.5",["1","0.92"]],)"
      R"("not":["0.92"],"passages":["rule x"],"known":false,"proposal":{"action":"config.set"}})");
  EXPECT_EQ(one.failures.size(), 6U);
  const Totals totals = totals_of({one});
  EXPECT_FALSE(totals.good());
  EXPECT_EQ(totals.intents_exact, 0U);
  EXPECT_EQ(totals.passages_found, 0U);
}

TEST(EvaluationTest, AnInventedFactFailsTheWhole) {
  const JudgedQuestion question = judged(R"({"id":"a-1","question":"block threshold?"})");
  wire::Answer answer = answer_to(question.question);
  answer.text += "\nIt was 0.123 before. [1]";
  const Judgement one = judge(question, answer);
  EXPECT_EQ(one.invented, 1U);
  EXPECT_FALSE(totals_of({one}).good());
}

TEST(EvaluationTest, AProposalThatNobodyAskedForIsAFailure) {
  const JudgedQuestion question = judged(R"({"id":"a-1","question":"block 10.0.0.9"})");
  EXPECT_FALSE(judge(question, answer_to(question.question)).failures.empty());
}

TEST(EvaluationTest, AMisspeltFieldIsRefusedByItsLine) {
  const auto questions = parse_questions(
      "# comment\n{\"id\":\"a\",\"question\":\"x\",\"fact\":[\"1\"]}\n", kRecordedAtMs);
  ASSERT_FALSE(questions.ok());
  EXPECT_NE(questions.error().message.find("line 2"), std::string::npos);
  EXPECT_NE(questions.error().message.find("fact"), std::string::npos);
  EXPECT_FALSE(parse_questions("nonsense", kRecordedAtMs).ok());
}

TEST(EvaluationTest, NoQuestionsAreNoSuccess) { EXPECT_FALSE(totals_of({}).good()); }

}  // namespace
}  // namespace mlguard::rag
