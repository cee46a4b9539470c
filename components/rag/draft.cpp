#include "rag/draft.h"

#include <algorithm>
#include <cctype>

#include "base/time_format.h"
#include "rag/time_text.h"

namespace mlguard::rag {
namespace {

constexpr std::size_t kLinesMax = 40;
constexpr std::size_t kQuotedCharsMax = 240;

// Cut between characters of UTF-8, never inside one.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  constexpr std::string_view kMore = " …";
  std::size_t end = bytes_max - kMore.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  text.resize(end);
  return text + std::string(kMore);
}

void add_line(std::string& text, const char* name, const std::string& value) {
  if (value.empty() || text.find(value) != std::string::npos) return;
  text += "\n" + std::string(name) + ": " + value;
}

// ISO times are found whether or not the milliseconds stand there.
void add_time(std::string& text, const char* name, std::int64_t wall_ms) {
  constexpr std::size_t kSecondsChars = 19;
  const std::string iso = base::iso_time(wall_ms);
  if (wall_ms == 0 || text.find(iso.substr(0, kSecondsChars)) != std::string::npos) return;
  text += "\n" + std::string(name) + ": " + iso;
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == ' ') {
      if (!out.empty() && out.back() != ' ') out += ' ';
      continue;
    }
    // "[3]" in a record would read as a citation of ours.
    if (c != ' ' && !out.empty() && out.back() == '[' && c >= '0' && c <= '9') out += ' ';
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return cut(std::move(out), kQuotedCharsMax);
}

std::string passage_of(const Record& record) {
  std::string text = record.title;
  if (record.text.find(record.title) == 0) text.clear();
  if (!record.text.empty()) text += (text.empty() ? "" : "\n") + record.text;
  const bool is_doc = record.table == Table::doc;
  if (!is_doc) {
    add_line(text, "component", record.component);
    add_line(text, "path", record.path);
    add_line(text, "value", record.value);
    add_line(text, "address", record.address);
    add_line(text, "destination", record.destination);
    add_line(text, "kind", record.kind);
    add_line(text, "actor", record.actor);
    add_line(text, "related", record.related);
    if (record.version != 0) add_line(text, "version", std::to_string(record.version));
    add_time(text, "at", record.at_ms);
    add_time(text, "ends", record.ends_at_ms);
    add_line(text, "detail", record.detail);
  }
  return cut(std::move(text), wire::kCitationTextBytesMax);
}

std::size_t Draft::add(wire::Citation citation) {
  const auto key = std::make_pair(citation.table, citation.key);
  const auto found = numbers_.find(key);
  if (found != numbers_.end()) return found->second;
  if (citations_.size() >= wire::kCitationsMax) return 0;
  citations_.push_back(std::move(citation));
  return numbers_[key] = citations_.size();
}

std::size_t Draft::cite(const Record& record) {
  wire::Citation citation;
  citation.table = to_string(record.table);
  citation.key = record.key;
  citation.revision = record.revision;
  citation.at_ms = record.at_ms;
  citation.text = passage_of(record);
  return add(std::move(citation));
}

Cited Draft::cite_all(const std::vector<Record>& records, std::size_t most) {
  Cited cited;
  for (std::size_t i = 0; i < records.size() && i < most; ++i) cited.push_back(cite(records[i]));
  return cited;
}

std::size_t Draft::cite_count(const std::string& key, const std::string& how) {
  wire::Citation citation;
  citation.table = "count";
  citation.key = cut(key, kQuotedCharsMax);
  citation.revision = revision_;
  citation.at_ms = now_ms();
  citation.text = cut(how + "\nCounted in the index at revision " + std::to_string(revision_) + ".",
                      wire::kCitationTextBytesMax);
  return add(std::move(citation));
}

void Draft::say(const std::string& sentence, const Cited& cited) {
  if (lines_.size() >= kLinesMax) return;
  std::string line = sentence;
  std::string marks;
  for (const std::size_t number : cited) {
    const std::string mark = "[" + std::to_string(number) + "]";
    if (number != 0 && marks.find(mark) == std::string::npos) marks += mark;
  }
  // A sentence whose passages found no room any more is not said.
  if (marks.empty() && !cited.empty()) return;
  if (!marks.empty()) line += " " + marks;
  lines_.push_back(std::move(line));
}

std::string Draft::when(std::int64_t wall_ms) const {
  return time_with_age(wall_ms, now_ms(), question_.utc_offset_min);
}
std::string Draft::clock(std::int64_t wall_ms) const {
  return local_time(wall_ms, question_.utc_offset_min);
}

wire::Answer Draft::finish(const std::string& intent) && {
  wire::Answer answer;
  answer.intent = intent;
  answer.known = known;
  for (const std::string& line : lines_) answer.text += (answer.text.empty() ? "" : "\n") + line;
  answer.text = cut(std::move(answer.text), wire::kAnswerTextBytesMax);
  answer.citations = std::move(citations_);
  answer.proposal = std::move(proposal);
  answer.subject = std::move(subject);
  answer.revision = revision_;
  return answer;
}

}  // namespace mlguard::rag
