#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/time_format.h"
#include "rag/evaluation.h"

namespace mlguard::rag {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using Json = nlohmann::json;

std::string text_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> texts_at(const Json& object, const char* name) {
  std::vector<std::string> texts;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return texts;
  for (const Json& one : *found) {
    if (one.is_string()) texts.push_back(one.get<std::string>());
  }
  return texts;
}

// A text, or a list of which one is enough.
std::vector<OneOf> choices_at(const Json& object, const char* name) {
  std::vector<OneOf> choices;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return choices;
  for (const Json& one : *found) {
    OneOf choice;
    if (one.is_string()) choice.push_back(one.get<std::string>());
    if (one.is_array()) {
      for (const Json& each : one) {
        if (each.is_string()) choice.push_back(each.get<std::string>());
      }
    }
    if (!choice.empty()) choices.push_back(std::move(choice));
  }
  return choices;
}

// A misspelt field would judge nothing, silently.
bool knows_fields(const Json& object, std::string& unknown) {
  static const std::vector<std::string> fields = {
      "id",    "question", "subject",  "now",   "utc_offset_min", "intent",
      "facts", "not",      "passages", "known", "proposal",       "asked_by"};
  for (const auto& [name, value] : object.items()) {
    if (std::find(fields.begin(), fields.end(), name) != fields.end()) continue;
    unknown = name;
    return false;
  }
  return true;
}

std::optional<ExpectedProposal> proposal_at(const Json& object) {
  const auto found = object.find("proposal");
  if (found == object.end() || !found->is_object()) return std::nullopt;
  ExpectedProposal proposal;
  proposal.action = text_at(*found, "action");
  proposal.command = text_at(*found, "command");
  proposal.contains = texts_at(*found, "contains");
  proposal.diff = texts_at(*found, "diff");
  return proposal;
}

Result<JudgedQuestion> question_of(const Json& object, std::int64_t now_ms) {
  JudgedQuestion judged;
  std::string unknown;
  if (!object.is_object()) return Error{ErrorCode::corrupt, "is no JSON object"};
  if (!knows_fields(object, unknown)) {
    return Error{ErrorCode::invalid_argument, "has an unknown field '" + unknown + "'"};
  }
  judged.id = text_at(object, "id");
  judged.question.text = text_at(object, "question");
  if (judged.id.empty()) return Error{ErrorCode::invalid_argument, "has no id"};
  if (const auto subject = object.find("subject");
      subject != object.end() && subject->is_object()) {
    judged.question.subject = {text_at(*subject, "component"), text_at(*subject, "path"),
                               text_at(*subject, "address"), text_at(*subject, "rule_id")};
  }
  judged.question.asked_at_ms = now_ms;
  if (const std::string now = text_at(object, "now"); !now.empty()) {
    const auto time = base::parse_iso_time_ms(now);
    if (!time.ok()) return time.error();
    judged.question.asked_at_ms = *time;
  }
  const auto offset = object.find("utc_offset_min");
  if (offset != object.end() && offset->is_number_integer()) {
    judged.question.utc_offset_min = offset->get<int>();
  }
  judged.question.asked_by = text_at(object, "asked_by");
  judged.question.role = "operator";
  judged.intent = text_at(object, "intent");
  judged.facts = choices_at(object, "facts");
  judged.forbidden = texts_at(object, "not");
  judged.passages = choices_at(object, "passages");
  const auto known = object.find("known");
  if (known != object.end() && known->is_boolean()) judged.known = known->get<bool>();
  judged.proposal = proposal_at(object);
  return judged;
}

}  // namespace

Result<std::vector<JudgedQuestion>> parse_questions(std::string_view text, std::int64_t now_ms) {
  std::vector<JudgedQuestion> questions;
  std::size_t line_number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos || line.front() == '#') continue;
    auto question = question_of(Json::parse(line, nullptr, false), now_ms);
    if (!question.ok()) {
      base::Error error = question.error();
      error.message = "line " + std::to_string(line_number) + " " + error.message;
      return error;
    }
    questions.push_back(std::move(*question));
  }
  return questions;
}

}  // namespace mlguard::rag
