// How a question and its answer pass the control plane: what rag sends while it answers, and what
// the asker gets to hear of it. The JSON of docs/wire-format.md ("Questions"), for both sides.
// Plain data; stateless; safe from any thread. Errors as in wire/messages.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/ask.h"

namespace mlguard::wire {

inline constexpr std::size_t kAnswerPartBytesMax = 16 * 1024;

// POST /v1/questions → {"status":"ok","id"}
std::string encode_question_id(const std::string& id);
base::Result<std::string> decode_question_id(std::string_view json);

// POST /v1/questions/ID/answer: {"attempt","part","text"} while prose comes, {"attempt"} as a sign
// of life, {"attempt","answer"} at the end.
struct AnswerPart {
  std::uint64_t attempt = 0;  // As it came with the question.
  std::uint64_t part = 0;     // From 1, without a gap; 0: no text.
  std::string text;
  std::optional<Answer> answer;
};
std::string encode(const AnswerPart& part);
base::Result<AnswerPart> decode_answer_part(std::string_view json);

// GET /v1/questions/next: {"attempt","question"}, or {} when none came in time.
struct QuestionTask {
  std::uint64_t attempt = 0;
  std::optional<Question> question;
};
std::string encode(const QuestionTask& task);
base::Result<QuestionTask> decode_question_task(std::string_view json);

// GET /v1/questions/ID: what came after the part that was asked for.
struct QuestionNews {
  // How often the question was handed out. A change means that the parts begin anew.
  std::uint64_t attempt = 0;
  std::uint64_t parts = 0;  // Those that came so far: what to ask "after" next time.
  std::string text;         // The parts' texts after the one asked for, joined.
  std::optional<Answer> answer;
};
std::string encode(const QuestionNews& news);
base::Result<QuestionNews> decode_question_news(std::string_view json);

}  // namespace mlguard::wire
