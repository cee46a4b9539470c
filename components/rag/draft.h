// Draft: an answer in the making. Sentences are said with what they stand on; each passage is cited
// once and has one number. What a passage's columns say and its text does not is added to the text
// of the citation, so that whoever reads it finds every figure of the sentence there.
//
// One draft belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rag/record.h"
#include "wire/ask.h"

namespace mlguard::rag {

using Cited = std::vector<std::size_t>;

class Draft {
 public:
  Draft(const wire::Question& question, std::uint64_t revision)
      : question_(question), revision_(revision) {}

  std::size_t cite(const Record& record);
  Cited cite_all(const std::vector<Record>& records, std::size_t most);
  // What was counted, or looked for in vain: `how` says it in a sentence.
  std::size_t cite_count(const std::string& key, const std::string& how);

  void say(const std::string& sentence, const Cited& cited);
  bool empty() const { return lines_.empty(); }

  std::int64_t now_ms() const { return question_.asked_at_ms; }
  std::uint64_t revision() const { return revision_; }
  // "2026-11-25 14:03 UTC+1 (3 h ago)", and without the age.
  std::string when(std::int64_t wall_ms) const;
  std::string clock(std::int64_t wall_ms) const;

  wire::Answer finish(const std::string& intent) &&;

  bool known = true;
  std::optional<wire::Proposal> proposal;
  wire::AskSubject subject;

 private:
  std::size_t add(wire::Citation citation);

  const wire::Question& question_;
  std::uint64_t revision_;
  std::vector<std::string> lines_;
  std::vector<wire::Citation> citations_;
  std::map<std::pair<std::string, std::string>, std::size_t> numbers_;
};

// The record's passage, with what its columns add.
std::string passage_of(const Record& record);
// What a record says, safe inside a sentence: one line, no citation marks, cut.
std::string one_line(std::string_view text);

}  // namespace mlguard::rag
