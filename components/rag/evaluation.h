// Judges answers: asks every question of a file, compares with what is expected, and checks that
// nothing is invented. The files' format: tests/rag/questions/README.md.
//
// Threads: as the Answerer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rag/answerer.h"
#include "wire/ask.h"

namespace mlguard::rag {

inline constexpr double kIntentsExactMin = 0.95;
inline constexpr double kRecallMin = 0.95;
inline constexpr double kPassedMin = 0.9;

using OneOf = std::vector<std::string>;

struct ExpectedProposal {
  std::string action;
  std::string command;
  std::vector<std::string> contains;
  std::vector<std::string> diff;
};

struct JudgedQuestion {
  std::string id;
  wire::Question question;
  std::string intent;
  std::vector<OneOf> facts;
  std::vector<std::string> forbidden;
  std::vector<OneOf> passages;  // "doc docs/firewall.md"
  std::optional<bool> known;
  std::optional<ExpectedProposal> proposal;
};

// `now_ms`: when a question is asked that does not say. Error: invalid_argument / corrupt, naming
// the line.
base::Result<std::vector<JudgedQuestion>> parse_questions(std::string_view text,
                                                          std::int64_t now_ms);

struct Judgement {
  std::string id;
  std::string question;
  bool intent_asked = false;
  bool intent_exact = false;
  std::size_t passages = 0;
  std::size_t passages_found = 0;
  std::size_t invented = 0;
  std::vector<std::string> failures;  // what differs, one a line
  std::int64_t took_us = 0;
};
Judgement judge(const JudgedQuestion& question, const wire::Answer& answer);

struct Totals {
  std::size_t questions = 0;
  std::size_t passed = 0;
  std::size_t intents_asked = 0;
  std::size_t intents_exact = 0;
  std::size_t passages = 0;
  std::size_t passages_found = 0;
  std::size_t invented = 0;

  double intents_share() const;
  double recall() const;
  bool good() const;
};
Totals totals_of(const std::vector<Judgement>& judgements);
// A table by category, the failures, and the totals.
std::string report_of(const std::vector<Judgement>& judgements);

// rag evaluate --state DIR --questions FILE [--questions FILE …] [--answers]
bool wants_evaluation(int argc, char** argv);
// Returns the exit code: 0; 1 when something is below what is asked for, or cannot be read; 2 for
// wrong arguments.
int run_evaluation(int argc, char** argv);

}  // namespace mlguard::rag
