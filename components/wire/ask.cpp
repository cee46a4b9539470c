// Questions and answers to and from JSON.
#include "wire/ask.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/time_format.h"
#include "wire/json_reader.h"

namespace mlguard::wire {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPathCharsMax = 512;
constexpr std::size_t kNetworkCharsMax = 49;  // an IPv6 address with embedded IPv4, "/128"
constexpr std::size_t kCitationKeyCharsMax = 640;
constexpr std::size_t kRemarkCharsMax = 1'000;
constexpr std::size_t kCommandCharsMax = 4'000;
constexpr std::size_t kArgumentCharsMax = 2'000;
constexpr std::int64_t kUtcOffsetMinMax = 14 * 60;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

enum class Lines { one, many };

bool is_c1(std::string_view text, std::size_t at) {
  return text[at] == '\xC2' && at + 1 < text.size() &&
         static_cast<unsigned char>(text[at + 1]) < 0xA0;
}

// Bytes of the character at `at`; 0 where there is none that a text may hold.
std::size_t character_bytes(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7F ? 1 : 0;
  if (lead < 0xC2 || lead > 0xF4 || is_c1(text, at)) return 0;
  const std::size_t bytes = lead >= 0xF0 ? 4 : (lead >= 0xE0 ? 3 : 2);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (at + i >= text.size() || (static_cast<unsigned char>(text[at + i]) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  return bytes;
}

// What was found in a configuration or a log may hold anything; nothing of it may keep the answer
// around it from arriving. Cut at a character's beginning.
std::string fit(std::string_view text, std::size_t bytes_max, Lines lines) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = character_bytes(text, at);
    const char c = text[at];
    const bool is_break = c == '\n' || c == '\t' || c == '\r';
    const bool keeps_break = lines == Lines::many && c != '\r';
    std::string_view piece = text.substr(at, bytes);
    if (is_break) piece = keeps_break ? text.substr(at, 1) : std::string_view(" ");
    if (piece.empty()) piece = kReplacement;
    if (out.size() + piece.size() > bytes_max) break;
    out += piece;
    at += is_c1(text, at) ? 2 : std::max<std::size_t>(bytes, 1);
  }
  return out;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void put_text(Json& json, const char* name, const std::string& text, std::size_t chars_max) {
  if (!text.empty()) json[name] = fit(text, chars_max, Lines::one);
}

void put_lines(Json& json, const char* name, const std::string& text, std::size_t bytes_max) {
  if (!text.empty()) json[name] = fit(text, bytes_max, Lines::many);
}

void put_time(Json& json, const char* name, std::int64_t time_ms) {
  if (time_ms != 0) json[name] = base::iso_time(time_ms);
}

void put_subject(Json& json, const AskSubject& subject) {
  Json inner = Json::object();
  put_text(inner, "component", subject.component, kNameCharsMax);
  put_text(inner, "path", subject.path, kPathCharsMax);
  put_text(inner, "address", subject.address, kNetworkCharsMax);
  put_text(inner, "rule_id", subject.rule_id, kNameCharsMax);
  if (!inner.empty()) json["subject"] = std::move(inner);
}

AskSubject read_subject(ObjectReader& reader) {
  AskSubject subject;
  reader.object("subject", Presence::optional, [&](ObjectReader& inner) {
    inner.text("component", subject.component, {0, kNameCharsMax}, Presence::optional);
    inner.text("path", subject.path, {0, kPathCharsMax}, Presence::optional);
    inner.text("address", subject.address, {0, kNetworkCharsMax}, Presence::optional);
    inner.text("rule_id", subject.rule_id, {0, kNameCharsMax}, Presence::optional);
  });
  return subject;
}

Json citation_json(const Citation& citation) {
  Json json = Json::object();
  put_text(json, "table", citation.table, kNameCharsMax);
  put_text(json, "key", citation.key, kCitationKeyCharsMax);
  if (citation.revision != 0) json["revision"] = citation.revision;
  put_time(json, "at", citation.at_ms);
  put_lines(json, "text", citation.text, kCitationTextBytesMax);
  return json;
}

Citation read_citation(ObjectReader& item) {
  Citation citation;
  item.text("table", citation.table, {1, kNameCharsMax}, Presence::required);
  item.text("key", citation.key, {0, kCitationKeyCharsMax}, Presence::optional);
  item.whole("revision", citation.revision, Presence::optional);
  item.time("at", citation.at_ms, Presence::optional);
  item.lines("text", citation.text, kCitationTextBytesMax, Presence::optional);
  return citation;
}

Json arguments_json(const std::vector<std::pair<std::string, std::string>>& arguments) {
  Json list = Json::array();
  for (const auto& [name, value] : arguments) list.push_back({{"name", name}, {"value", value}});
  return list;
}

// Arguments travel as they are: one that was made to fit would be another change.
Json proposal_json(const Proposal& proposal) {
  Json json = {{"action", proposal.action}, {"arguments", arguments_json(proposal.arguments)}};
  put_text(json, "command", proposal.command, kCommandCharsMax);
  put_lines(json, "diff", proposal.diff, kProposalDiffBytesMax);
  if (proposal.expected_version != 0) json["expected_version"] = proposal.expected_version;
  return json;
}

Proposal read_proposal(ObjectReader& item) {
  Proposal proposal;
  item.text("action", proposal.action, {1, kNameCharsMax}, Presence::required);
  item.objects("arguments", kProposalArgumentsMax, Presence::optional, [&](ObjectReader& one) {
    auto& [name, value] = proposal.arguments.emplace_back();
    one.text("name", name, {1, kNameCharsMax}, Presence::required);
    one.text("value", value, {0, kArgumentCharsMax}, Presence::required);
  });
  item.text("command", proposal.command, {0, kCommandCharsMax}, Presence::optional);
  item.lines("diff", proposal.diff, kProposalDiffBytesMax, Presence::optional);
  item.whole("expected_version", proposal.expected_version, Presence::optional);
  return proposal;
}

}  // namespace

std::string encode(const Question& question) {
  Json json = Json::object();
  put_text(json, "id", question.id, kNameCharsMax);
  json["text"] = question.text;
  put_subject(json, question.subject);
  put_time(json, "asked_at", question.asked_at_ms);
  if (question.utc_offset_min != 0) json["utc_offset_min"] = question.utc_offset_min;
  put_text(json, "asked_by", question.asked_by, kTextCharsMax);
  put_text(json, "role", question.role, kNameCharsMax);
  return dump(json);
}

base::Result<Question> decode_question(std::string_view json) {
  JsonDocument document(json, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  Question question;
  std::int64_t offset_min = 0;
  root.text("id", question.id, {0, kNameCharsMax}, Presence::optional);
  root.text("text", question.text, {1, kQuestionCharsMax}, Presence::required);
  question.subject = read_subject(root);
  root.time("asked_at", question.asked_at_ms, Presence::optional);
  root.whole("utc_offset_min", offset_min, -kUtcOffsetMinMax, kUtcOffsetMinMax, Presence::optional);
  root.text("asked_by", question.asked_by, {0, kTextCharsMax}, Presence::optional);
  root.text("role", question.role, {0, kNameCharsMax}, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  question.utc_offset_min = static_cast<int>(offset_min);
  return question;
}

std::string encode(const Proposal& proposal) { return dump(proposal_json(proposal)); }

base::Result<Proposal> decode_proposal(std::string_view json) {
  JsonDocument document(json, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  Proposal proposal = read_proposal(root);
  if (!document.status().ok()) return document.status().error();
  return proposal;
}

std::string encode(const Answer& answer) {
  Json json = {{"known", answer.known}};
  put_text(json, "intent", answer.intent, kNameCharsMax);
  if (answer.prose) json["prose"] = true;
  put_lines(json, "text", answer.text, kAnswerTextBytesMax);
  put_text(json, "remark", answer.remark, kRemarkCharsMax);
  Json citations = Json::array();
  for (const Citation& citation : answer.citations) {
    if (citations.size() == kCitationsMax) break;
    citations.push_back(citation_json(citation));
  }
  json["citations"] = std::move(citations);
  if (answer.proposal) json["proposal"] = proposal_json(*answer.proposal);
  put_subject(json, answer.subject);
  if (answer.revision != 0) json["revision"] = answer.revision;
  if (answer.state_age_ms != 0) json["state_age_ms"] = answer.state_age_ms;
  return dump(json);
}

base::Result<Answer> decode_answer(std::string_view json) {
  JsonDocument document(json, kAnswerJsonBytesMax);
  ObjectReader root = document.root();
  Answer answer;
  root.boolean("known", answer.known, Presence::required);
  root.text("intent", answer.intent, {0, kNameCharsMax}, Presence::optional);
  root.boolean("prose", answer.prose, Presence::optional);
  root.lines("text", answer.text, kAnswerTextBytesMax, Presence::optional);
  root.text("remark", answer.remark, {0, kRemarkCharsMax}, Presence::optional);
  root.objects("citations", kCitationsMax, Presence::optional,
               [&](ObjectReader& item) { answer.citations.push_back(read_citation(item)); });
  root.object("proposal", Presence::optional,
              [&](ObjectReader& item) { answer.proposal = read_proposal(item); });
  answer.subject = read_subject(root);
  root.whole("revision", answer.revision, Presence::optional);
  root.whole("state_age_ms", answer.state_age_ms, 0, kWholeMax, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  return answer;
}

}  // namespace mlguard::wire
