#include "rag/fact_check.h"

#include <gtest/gtest.h>

namespace mlguard::rag {
namespace {

constexpr std::int64_t kNowMs = 1'795'725'120'000;  // 2026-11-26T20:32:00Z

wire::Answer answer_of(const std::string& text, const std::vector<std::string>& passages) {
  wire::Answer answer;
  answer.intent = "passages";
  answer.known = true;
  answer.text = text;
  for (const std::string& passage : passages) {
    wire::Citation citation;
    citation.table = "rule";
    citation.key = "op-1";
    citation.text = passage;
    answer.citations.push_back(citation);
  }
  return answer;
}

std::vector<std::string> invented(const wire::Answer& answer, int utc_offset_min = 0) {
  wire::Question question;
  question.text = "is 10.9.9.9 blocked since version 77";
  question.asked_at_ms = kNowMs;
  question.utc_offset_min = utc_offset_min;
  std::vector<std::string> texts;
  for (const UnsupportedFact& one : unsupported_facts(answer, question)) {
    texts.push_back(one.fact.text);
  }
  return texts;
}
using Texts = std::vector<std::string>;

TEST(FactCheckTest, WhatStandsInACitedPassageIsSupported) {
  const std::string passage =
      "Rule auto-3f2a drops 10.0.0.5/32, score 0.90, port 443, at 2026-11-26T17:32:08.123Z.";
  EXPECT_EQ(
      invented(answer_of("10.0.0.5 is blocked by auto-3f2a, score 0.9, port 443. [1]", {passage})),
      Texts{});
}

TEST(FactCheckTest, ANumberThatNoPassageHasIsInvented) {
  EXPECT_EQ(invented(answer_of("The score is 0.95. [1]", {"score 0.9"})), Texts{"0.95"});
  EXPECT_EQ(invented(answer_of("Port 44 was open. [1]", {"port 443"})), Texts{"44"});
  EXPECT_EQ(invented(answer_of("It is -300. [1]", {"priority is 300"})), Texts{"-300"});
}

TEST(FactCheckTest, AnAddressIsComparedAsAnAddress) {
  EXPECT_EQ(invented(answer_of("2001:DB8::1 is blocked. [1]", {"2001:db8:0:0::1/128"})), Texts{});
  EXPECT_EQ(invented(answer_of("10.0.0.50 is blocked. [1]", {"10.0.0.5"})), Texts{"10.0.0.50"});
  EXPECT_EQ(invented(answer_of("10.0.0.5:22 was attacked. [1]", {"10.0.0.5"})), Texts{"22"});
  EXPECT_EQ(invented(answer_of("10.0.0.0/8 is blocked. [1]", {"10.0.0.0/24"})),
            Texts{"10.0.0.0/8"});
}

TEST(FactCheckTest, ATimeMayBeToldInAnotherZoneOrByItsAge) {
  const std::string passage = "It began at 2026-11-26T17:32:08.123Z.";
  EXPECT_EQ(invented(answer_of("Since 2026-11-26 17:32 UTC (2 h ago). [1]", {passage})), Texts{});
  EXPECT_EQ(invented(answer_of("Since 2026-11-26 18:32:08 UTC+1. [1]", {passage}), 60), Texts{});
  EXPECT_EQ(invented(answer_of("Since 2026-11-26 17:33 UTC. [1]", {passage})),
            Texts{"2026-11-26 17:33 UTC"});
  EXPECT_EQ(invented(answer_of("It began 4 h ago. [1]", {passage})), Texts{"4 h ago"});
}

TEST(FactCheckTest, OnlyTheSentencesOwnCitationsCount) {
  const wire::Answer answer = answer_of("Port 22. [1] Port 443. [1]", {"port 22", "port 443"});
  EXPECT_EQ(invented(answer), Texts{"443"});
}

TEST(FactCheckTest, ACitationThatIsNotThereSupportsNothing) {
  EXPECT_EQ(invented(answer_of("Port 22. [2]", {"port 22"})), Texts{"22"});
  EXPECT_EQ(invented(answer_of("Port 22.", {"port 22"})), Texts{"22"});
}

TEST(FactCheckTest, AnIdIsTheWholeId) {
  EXPECT_EQ(invented(answer_of("Rule auto-3f2a. [1]", {"rule auto-3f2a99"})), Texts{"auto-3f2a"});
}

TEST(FactCheckTest, TheQuestionsFiguresCountOnlyWhereItIsRepeated) {
  wire::Answer answer = answer_of("I don't know about 10.9.9.9.", {});
  EXPECT_EQ(invented(answer), Texts{"10.9.9.9"});
  answer.known = false;
  EXPECT_EQ(invented(answer), Texts{});
}

TEST(FactCheckTest, OrdinaryWordsWithDigitsAreNoFigures) {
  EXPECT_EQ(invented(answer_of("IPv4 and IPv6, in UTC+1. [1]", {"nothing"})), Texts{});
}

}  // namespace
}  // namespace mlguard::rag
