// The recorded state of tests/rag as an index, made once for all tests of a program.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "rag/answerer.h"
#include "rag/follower.h"
#include "rag/recorded_state.h"

namespace mlguard::rag {

// 2026-11-26T20:32:00Z: when it was recorded.
inline constexpr std::int64_t kRecordedAtMs = 1'795'725'120'000;

inline const Index& recorded_index() {
  static const std::unique_ptr<Index> index = [] {
    auto opened = Index::open(":memory:");
    EXPECT_TRUE(opened.ok());
    const auto source = make_recorded_state(MLGUARD_SOURCE_DIR "/tests/rag/state");
    const base::SystemClock clock;
    Follower follower(*source, **opened, clock);
    follower.set_retention({.retention_days = 3'650, .documents_max = 1'000'000});
    const auto synced = follower.sync(clock.monotonic_ms() + kRebuildMs);
    EXPECT_TRUE(synced.ok()) << (synced.ok() ? "" : synced.error().message);
    const auto docs = put_docs(**opened, product_docs());
    EXPECT_TRUE(docs.ok()) << (docs.ok() ? "" : docs.error().message);
    return std::move(*opened);
  }();
  return *index;
}

inline wire::Question question_of(const std::string& text, const wire::AskSubject& subject = {}) {
  wire::Question question;
  question.text = text;
  question.subject = subject;
  question.asked_at_ms = kRecordedAtMs;
  question.asked_by = "carol";
  question.role = "operator";
  return question;
}

inline wire::Answer answer_to(const wire::Question& question) {
  const auto answer = Answerer::make(recorded_index())->answer(question, {});
  EXPECT_TRUE(answer.ok()) << (answer.ok() ? "" : answer.error().message);
  return answer.ok() ? *answer : wire::Answer{};
}
inline wire::Answer answer_to(const std::string& text, const wire::AskSubject& subject = {}) {
  return answer_to(question_of(text, subject));
}

}  // namespace mlguard::rag
