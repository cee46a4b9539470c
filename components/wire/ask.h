// Questions to rag and its answers, as they travel: operator → control plane → rag, and back. The
// JSON of docs/wire-format.md ("Questions"), for both sides. Every decode_* bounds sizes, checks
// types and names the field that is wrong (errors as in wire/messages.h). Plain data; stateless;
// safe from any thread.
//
// What an answer holds is data, written by a component from what others wrote: whoever shows it
// makes it harmless, and whoever acts on a Proposal builds the action anew from its arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mlguard::wire {

inline constexpr std::size_t kQuestionCharsMax = 1'000;
inline constexpr std::size_t kAnswerTextBytesMax = 64 * 1024;
inline constexpr std::size_t kCitationsMax = 64;
inline constexpr std::size_t kCitationTextBytesMax = 4 * 1024;
inline constexpr std::size_t kProposalArgumentsMax = 8;
inline constexpr std::size_t kProposalDiffBytesMax = 16 * 1024;
// All texts at their limits, each character escaped.
inline constexpr std::size_t kAnswerJsonBytesMax = 1024 * 1024;

// What the last answer was about, so that "it" in the next question means something. The asker
// keeps it: rag remembers nobody's questions.
struct AskSubject {
  std::string component;  // "ml-detector"
  std::string path;       // of its configuration: "thresholds.block"
  std::string address;    // "10.0.0.5" or "10.0.0.0/24"
  std::string rule_id;
};

struct Question {
  std::string id;  // Set by the control plane.
  std::string text;
  AskSubject subject;
  std::int64_t asked_at_ms = 0;  // The asker's clock: "yesterday" is counted from here …
  int utc_offset_min = 0;        // … in the asker's zone.
  std::string asked_by;          // Set by the control plane: the credential's name …
  std::string role;              // … and its role: "operator", …
};

// What a statement of the answer stands on. `text` is the passage itself.
struct Citation {
  std::string table;  // "config", "rule", "detection", "health", "audit", "change", "doc", …
  std::string
      key;  // Within the table: "ml-detector@7 thresholds.block", a rule's id, "docs/x.md#y"
  std::uint64_t revision = 0;  // Of the state; 0 where none applies (docs).
  std::int64_t at_ms = 0;      // When it was made or happened; 0 where none applies.
  std::string text;
};

// A change that the asker may make. rag never makes one.
struct Proposal {
  std::string action;  // One of the whitelist: "config.set", "rules.add", "rules.remove", …
  // By name, in the order of the command: {"component","ml-detector"},{"path","thresholds.block"},…
  std::vector<std::pair<std::string, std::string>> arguments;
  std::string command;  // What to type for the same: "ml-guard config set ml-detector …"
  std::string diff;     // What would change, in unified form.
  // The configuration's version that the diff was made against: the change is refused when it is
  // no longer the active one. 0: not a configuration.
  std::uint64_t expected_version = 0;
};

struct Answer {
  std::string intent;  // What the question was taken for: "why_blocked", … or "passages".
  bool known = false;  // false: nothing supports an answer, and `text` says so.
  bool prose = false;  // Written by the configured model, from the citations.
  std::string text;    // Statements, each followed by its citations' numbers: "[1]", "[2][3]".
  std::string remark;  // About the answer itself: "the endpoint did not answer within 30 s: …"
  std::vector<Citation> citations;  // [1] is the first.
  std::optional<Proposal> proposal;
  AskSubject subject;             // For the next question.
  std::uint64_t revision = 0;     // The state that it was answered from …
  std::int64_t state_age_ms = 0;  // … and how old that was.
};

std::string encode(const Question& question);
base::Result<Question> decode_question(std::string_view json);
std::string encode(const Proposal& proposal);
base::Result<Proposal> decode_proposal(std::string_view json);
// Texts that are too long are cut, and control characters in them replaced, so that what records
// hold cannot keep an answer from arriving. A proposal's arguments travel as they are.
std::string encode(const Answer& answer);
base::Result<Answer> decode_answer(std::string_view json);

}  // namespace mlguard::wire
