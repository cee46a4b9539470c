// Who gets which question when, and what times out, by a clock that the test moves.
#include "server/question_board.h"

#include <gtest/gtest.h>

namespace mlguard::server {
namespace {

constexpr std::int64_t kWaitMs = 5'000;
const Identity kAsker{base::Role::operator_, "operator", "aa", {}};
const Identity kOther{base::Role::operator_, "other", "bb", {}};

wire::Question question(const std::string& text) {
  wire::Question made;
  made.text = text;
  return made;
}

wire::AnswerPart part(std::uint64_t attempt, std::uint64_t number, const std::string& text) {
  return {attempt, number, text, std::nullopt};
}

wire::AnswerPart last(std::uint64_t attempt, std::optional<wire::Proposal> proposal = {}) {
  wire::AnswerPart made;
  made.attempt = attempt;
  made.answer = wire::Answer{};
  made.answer->text = "It is.";
  made.answer->proposal = std::move(proposal);
  return made;
}

class QuestionBoardTest : public ::testing::Test {
 protected:
  QuestionBoardTest() {
    board_.lead(1);
    EXPECT_FALSE(board_.take("rag", kWaitMs).has_value());
  }
  void pass(std::int64_t ms) {
    clock_.advance_ms(ms);
    board_.tick();
  }
  std::string asked(const std::string& text = "status?") {
    const auto id = board_.ask(question(text), kAsker);
    EXPECT_TRUE(id.ok());
    return id.ok() ? *id : std::string();
  }
  std::string reason(const std::string& id) {
    const auto news = board_.news(id, kAsker.key, 0, 0);
    return news.ok() ? std::string() : news.error().reason;
  }

  base::ManualClock clock_;
  QuestionBoard board_{clock_};
};

TEST_F(QuestionBoardTest, AQuestionIsHandedOutOnceAndOldestFirst) {
  const std::string first = asked("one");
  const std::string second = asked("two");
  auto task = board_.take("rag", kWaitMs);
  ASSERT_TRUE(task.has_value());
  EXPECT_EQ(task->question->id, first);
  EXPECT_EQ(task->question->asked_by, "operator");
  EXPECT_EQ(task->question->role, "operator");
  const auto other = board_.take("rag 2", kWaitMs);
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->question->id, second);
  EXPECT_FALSE(board_.take("rag 3", kWaitMs).has_value());
}

TEST_F(QuestionBoardTest, PartsArriveInOrderAndARepeatedOneCountsOnce) {
  const std::string id = asked();
  board_.take("rag", kWaitMs);
  ASSERT_TRUE(board_.answer(id, "rag", part(1, 1, "It ")).ok());
  ASSERT_TRUE(board_.answer(id, "rag", part(1, 1, "It ")).ok());
  EXPECT_EQ(board_.answer(id, "rag", part(1, 3, "?")).error().reason, "part_missing");
  ASSERT_TRUE(board_.answer(id, "rag", part(1, 2, "is.")).ok());
  EXPECT_EQ(board_.news(id, kAsker.key, 1, 0)->text, "It is.");
  EXPECT_EQ(board_.news(id, kAsker.key, 1, 1)->text, "is.");
  EXPECT_EQ(board_.news(id, kAsker.key, 0, 1)->text, "It is.");
  ASSERT_TRUE(board_.answer(id, "rag", last(1)).ok());
  EXPECT_TRUE(board_.news(id, kAsker.key, 1, 2)->answer.has_value());
  EXPECT_EQ(board_.answer(id, "rag", last(1)).error().reason, "not_yours");
}

TEST_F(QuestionBoardTest, OnlyWhoAskedHearsTheAnswerAndOnlyWhoTookItGivesIt) {
  const std::string id = asked();
  board_.take("rag", kWaitMs);
  EXPECT_EQ(board_.news(id, kOther.key, 0, 0).error().reason, "no_question");
  EXPECT_EQ(board_.answer(id, "rag 2", part(1, 1, "lie")).error().reason, "not_yours");
  EXPECT_EQ(board_.answer("nothing", "rag", part(1, 1, "")).error().reason, "no_question");
}

TEST_F(QuestionBoardTest, WhatASilentRagHoldsIsOfferedAgainFromTheBeginning) {
  const std::string id = asked();
  board_.take("rag", kWaitMs);
  ASSERT_TRUE(board_.answer(id, "rag", part(1, 1, "It ")).ok());
  pass(kSilenceMsMax - 1);
  ASSERT_TRUE(board_.answer(id, "rag", part(1, 0, "")).ok());  // a sign of life
  pass(kSilenceMsMax - 1);
  EXPECT_FALSE(board_.take("rag 2", kWaitMs).has_value());
  pass(2);
  const auto again = board_.take("rag 2", kWaitMs);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->attempt, 2U);
  EXPECT_EQ(board_.news(id, kAsker.key, 2, 0)->parts, 0U);
  EXPECT_EQ(board_.answer(id, "rag", part(1, 2, "late")).error().reason, "not_yours");
}

TEST_F(QuestionBoardTest, ARagThatBeginsAnewGetsItsQuestionAgainAtOnceButNotForEver) {
  const std::string id = asked();
  for (std::uint64_t attempt = 1; attempt <= kAttemptsMax; ++attempt) {
    const auto task = board_.take("rag", kWaitMs);
    ASSERT_TRUE(task.has_value()) << attempt;
    EXPECT_EQ(task->attempt, attempt);
  }
  EXPECT_FALSE(board_.take("rag", kWaitMs).has_value());
  EXPECT_EQ(reason(id), "not_answered");
}

TEST_F(QuestionBoardTest, WithoutARagNobodyWaitsInVain) {
  pass(kWaitMs + kRagGraceMs + 1);
  EXPECT_EQ(board_.ask(question("anybody?"), kAsker).error().reason, "no_rag");
  board_.take("rag", kWaitMs);
  const std::string id = asked();
  pass(kUntakenMsMax + 1);
  EXPECT_EQ(reason(id), "no_rag");
}

TEST_F(QuestionBoardTest, ANewLeaderKnowsNoQuestionButGivesARagTheTimeToFindIt) {
  const std::string id = asked();
  board_.lead(2);
  EXPECT_EQ(reason(id), "no_question");
  EXPECT_TRUE(board_.ask(question("again"), kAsker).ok());
}

TEST_F(QuestionBoardTest, OpenQuestionsAreBoundedForEachAskerAndOverAll) {
  for (std::size_t i = 0; i < kQuestionsOpenPerAskerMax; ++i) asked();
  EXPECT_EQ(board_.ask(question("more"), kAsker).error().reason, "too_many_questions");
  std::size_t taken = kQuestionsOpenPerAskerMax;
  for (int i = 0; i < 1'000; ++i) {
    const Identity one{base::Role::operator_, "x", std::to_string(i), {}};
    if (board_.ask(question("flood"), one).ok()) ++taken;
  }
  EXPECT_EQ(taken, kQuestionsOpenMax);
}

TEST_F(QuestionBoardTest, WhoAsksTooFastIsToldSo) {
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) {
    const auto id = board_.ask(question("fast"), kAsker);
    if (!id.ok()) continue;
    ++taken;
    const auto task = board_.take("rag", kWaitMs);
    ASSERT_TRUE(board_.answer(*id, "rag", last(task->attempt)).ok());
  }
  EXPECT_LE(taken, static_cast<std::size_t>(kQuestionsPerAsker.burst) + 1);
  EXPECT_GE(taken, static_cast<std::size_t>(kQuestionsPerAsker.burst));
}

TEST_F(QuestionBoardTest, OnlyWhatWasProposedCanBeApprovedAndOnce) {
  const wire::Proposal proposal{"config.set", {{"value", "0.9"}}, "rag's words", "", 3};
  const std::string id = asked();
  EXPECT_EQ(board_.approve(id, kAsker.key, proposal, "r1").error().reason, "not_proposed");
  board_.take("rag", kWaitMs);
  ASSERT_TRUE(board_.answer(id, "rag", last(1, proposal)).ok());
  wire::Proposal other = proposal;
  other.arguments[0].second = "0.1";
  EXPECT_EQ(board_.approve(id, kAsker.key, other, "r1").error().reason, "not_proposed");
  other = proposal;
  other.action = "config.rollback";
  EXPECT_EQ(board_.approve(id, kAsker.key, other, "r1").error().reason, "not_proposed");
  EXPECT_EQ(board_.approve(id, kOther.key, proposal, "r1").error().reason, "no_question");
  EXPECT_TRUE(board_.approve(id, kAsker.key, proposal, "r1").ok());
  EXPECT_TRUE(board_.approve(id, kAsker.key, proposal, "r1").ok()) << "the same request again";
  EXPECT_EQ(board_.approve(id, kAsker.key, proposal, "r2").error().reason, "already_approved");
  pass(kAnsweredMsMax + 1);
  EXPECT_EQ(reason(id), "no_question");
}

TEST_F(QuestionBoardTest, AnAnswerThatNeverEndsIsRefused) {
  const std::string id = asked();
  board_.take("rag", kWaitMs);
  const std::string text(wire::kAnswerPartBytesMax, 'x');
  std::uint64_t number = 0;
  base::Status status;
  while (status.ok() && number < 100) status = board_.answer(id, "rag", part(1, ++number, text));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().reason, "answer_too_long");
}

}  // namespace
}  // namespace mlguard::server
