#include "rag/fact_check.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/time_format.h"
#include "rag/fact_scan.h"
#include "rag/time_text.h"

namespace mlguard::rag {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// All that the cited passages say, prepared for looking things up.
struct Evidence {
  std::string text;  // lower case
  std::vector<double> numbers;
  std::vector<std::string> addresses;  // canonical
  std::vector<std::int64_t> times;
};

std::vector<double> numbers_in(std::string_view text) {
  std::vector<double> numbers;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() &&
           (is_digit(text[end]) ||
            (text[end] == '.' && end + 1 < text.size() && is_digit(text[end + 1])))) {
      ++end;
    }
    double value = 0;
    const auto parsed = std::from_chars(text.data() + i, text.data() + end, value);
    if (parsed.ec == std::errc()) {
      numbers.push_back(value);
      // "-300", but not the second half of "3-5".
      const bool minus = i > 0 && text[i - 1] == '-' && (i == 1 || !is_digit(text[i - 2]));
      if (minus) numbers.push_back(-value);
    }
    i = end;
  }
  return numbers;
}

void add_evidence(Evidence& evidence, const std::string& text) {
  evidence.text += lower(text) + "\n";
  for (const double number : numbers_in(text)) evidence.numbers.push_back(number);
  for (const ScannedFact& fact : scan_facts(text)) {
    if (fact.kind == FactKind::address) evidence.addresses.push_back(fact.address);
    if (fact.kind == FactKind::time) evidence.times.push_back(fact.time_ms);
  }
}

Evidence evidence_of(const wire::Answer& answer, const std::vector<std::size_t>& cited) {
  Evidence evidence;
  for (const std::size_t number : cited) {
    const wire::Citation& citation = answer.citations[number - 1];
    add_evidence(evidence, citation.text);
    add_evidence(evidence, citation.table + " " + citation.key);
    if (citation.revision != 0) add_evidence(evidence, std::to_string(citation.revision));
    if (citation.at_ms != 0) evidence.times.push_back(citation.at_ms);
  }
  return evidence;
}

bool has_number(const Evidence& evidence, double value) {
  constexpr double kShare = 1e-9;
  return std::any_of(evidence.numbers.begin(), evidence.numbers.end(), [&](double each) {
    return std::abs(each - value) <= kShare * std::max(1.0, std::abs(value));
  });
}

bool has_word(const std::string& text, const std::string& word) {
  const auto joins = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !joins(text[at - 1])) && (end == text.size() || !joins(text[end]))) return true;
  }
  return false;
}

bool has_time(const Evidence& evidence, const ScannedFact& fact) {
  constexpr std::int64_t kMinuteMs = 60'000;
  constexpr std::int64_t kSecondMs = 1'000;
  const std::int64_t unit = fact.to_the_second ? kSecondMs : kMinuteMs;
  return std::any_of(evidence.times.begin(), evidence.times.end(), [&](std::int64_t each) {
    return each - each % unit == fact.time_ms - fact.time_ms % unit;
  });
}

bool has_clock(const Evidence& evidence, const std::string& text, int utc_offset_min) {
  if (has_word(evidence.text, text)) return true;
  constexpr std::size_t kClockBegin = 11;
  return std::any_of(evidence.times.begin(), evidence.times.end(), [&](std::int64_t each) {
    return local_time(each, utc_offset_min).substr(kClockBegin, text.size()) == text;
  });
}

bool has_age(const Evidence& evidence, const std::string& text, std::int64_t now_ms) {
  return std::any_of(evidence.times.begin(), evidence.times.end(),
                     [&](std::int64_t each) { return age_text(each, now_ms) == text; });
}

// "v3", "60s": a number with a letter or a unit is the number where the whole does not stand there.
std::optional<double> number_within(const std::string& text) {
  std::string_view rest = text;
  if (!rest.empty() && (rest.front() == 'v' || rest.front() == 'V')) rest.remove_prefix(1);
  double value = 0;
  const char* end = rest.data() + rest.size();
  const auto parsed = std::from_chars(rest.data(), end, value);
  if (parsed.ec != std::errc()) return std::nullopt;
  constexpr std::array<std::string_view, 6> kUnits = {"", "s", "ms", "m", "h", "d"};
  const std::string_view unit(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  if (std::find(kUnits.begin(), kUnits.end(), unit) == kUnits.end()) return std::nullopt;
  return value;
}

bool supported(const Evidence& evidence, const ScannedFact& fact, const wire::Question& question) {
  switch (fact.kind) {
    case FactKind::number: return has_number(evidence, fact.number);
    case FactKind::address:
      return std::find(evidence.addresses.begin(), evidence.addresses.end(), fact.address) !=
             evidence.addresses.end();
    case FactKind::time: return has_time(evidence, fact);
    case FactKind::clock: return has_clock(evidence, fact.text, question.utc_offset_min);
    case FactKind::age: return has_age(evidence, fact.text, question.asked_at_ms);
    case FactKind::id: break;
  }
  if (has_word(evidence.text, lower(fact.text))) return true;
  const auto number = number_within(fact.text);
  return number && has_number(evidence, *number);
}

// The marks "[1][2]" that begin at `at`; end of them.
std::size_t read_marks(std::string_view text, std::size_t at, std::vector<std::size_t>& marks) {
  while (at < text.size() && text[at] == '[') {
    std::size_t number = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + at + 1, end, number);
    if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != ']') return at;
    marks.push_back(number);
    at = static_cast<std::size_t>(parsed.ptr - text.data()) + 1;
  }
  return at;
}

// A wish that is turned down is repeated, too.
bool is_wish(const wire::Answer& answer) {
  return answer.intent == "propose" || answer.intent == "act_refused";
}

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0 || c == '.';
  });
}

}  // namespace

std::vector<Fact> facts_of(std::string_view text) {
  std::vector<Fact> facts;
  for (const ScannedFact& fact : scan_facts(text)) facts.push_back({fact.kind, fact.text});
  return facts;
}

std::vector<Statement> statements_of(const wire::Answer& answer) {
  std::vector<Statement> statements;
  const std::string_view text = answer.text;
  std::size_t begin = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    std::vector<std::size_t> marks;
    const std::size_t end = read_marks(text, at, marks);
    if (marks.empty()) {
      ++at;
      continue;
    }
    Statement statement;
    statement.text = std::string(text.substr(begin, at - begin));
    statement.marked = true;
    for (const std::size_t mark : marks) {
      if (mark >= 1 && mark <= answer.citations.size()) statement.cited.push_back(mark);
    }
    statements.push_back(std::move(statement));
    begin = at = end;
  }
  const std::string_view rest = text.substr(begin);
  if (!is_blank(rest)) statements.push_back({std::string(rest), {}, false});
  return statements;
}

std::vector<UnsupportedFact> unsupported_facts(const wire::Answer& answer,
                                               const wire::Question& question) {
  std::vector<UnsupportedFact> unsupported;
  for (const Statement& statement : statements_of(answer)) {
    Evidence evidence = evidence_of(answer, statement.cited);
    if (!answer.known || answer.proposal || is_wish(answer)) {
      add_evidence(evidence, question.text);
      add_evidence(evidence, question.subject.address + " " + question.subject.rule_id + " " +
                                 question.subject.path + " " + question.subject.component);
    }
    for (const ScannedFact& fact : scan_facts(statement.text)) {
      if (supported(evidence, fact, question)) continue;
      unsupported.push_back({{fact.kind, fact.text}, statement.text});
    }
  }
  return unsupported;
}

}  // namespace mlguard::rag
