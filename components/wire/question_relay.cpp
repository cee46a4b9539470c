#include "wire/question_relay.h"

#include <nlohmann/json.hpp>

#include "wire/json_reader.h"

namespace mlguard::wire {

namespace {

using Json = nlohmann::ordered_json;

// Beside the answer: the other fields, and parts that were not fetched yet.
constexpr std::size_t kRelayJsonBytesMax = kAnswerJsonBytesMax + 2 * kAnswerTextBytesMax + 1'024;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void put_answer(Json& json, const std::optional<Answer>& answer) {
  if (answer) json["answer"] = Json::parse(encode(*answer));
}

base::Status read_answer(ObjectReader& root, std::optional<Answer>& answer) {
  std::string text;
  root.json_object("answer", text, kAnswerJsonBytesMax, Presence::optional);
  if (text.empty()) return {};
  auto decoded = decode_answer(text);
  if (!decoded.ok()) return decoded.error();
  answer = std::move(*decoded);
  return {};
}

}  // namespace

std::string encode_question_id(const std::string& id) {
  return dump(Json{{"status", "ok"}, {"id", id}});
}

base::Result<std::string> decode_question_id(std::string_view json) {
  JsonDocument document(json, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  std::string id;
  root.text("id", id, {1, kNameCharsMax}, Presence::required);
  if (!document.status().ok()) return document.status().error();
  return id;
}

std::string encode(const AnswerPart& part) {
  Json json = {{"attempt", part.attempt}};
  if (part.part != 0) {
    json["part"] = part.part;
    json["text"] = part.text;
  }
  put_answer(json, part.answer);
  return dump(json);
}

base::Result<AnswerPart> decode_answer_part(std::string_view json) {
  JsonDocument document(json, kRelayJsonBytesMax);
  ObjectReader root = document.root();
  AnswerPart part;
  root.whole("attempt", part.attempt, Presence::required);
  root.whole("part", part.part, Presence::optional);
  root.lines("text", part.text, kAnswerPartBytesMax, Presence::optional);
  const base::Status answer = read_answer(root, part.answer);
  if (!document.status().ok()) return document.status().error();
  if (!answer.ok()) return answer.error();
  return part;
}

std::string encode(const QuestionTask& task) {
  Json json = Json::object();
  if (task.question) {
    json["attempt"] = task.attempt;
    json["question"] = Json::parse(encode(*task.question));
  }
  return dump(json);
}

base::Result<QuestionTask> decode_question_task(std::string_view json) {
  JsonDocument document(json, kSmallJsonBytesMax);
  ObjectReader root = document.root();
  QuestionTask task;
  std::string question;
  root.whole("attempt", task.attempt, Presence::optional);
  root.json_object("question", question, kSmallJsonBytesMax, Presence::optional);
  if (!document.status().ok()) return document.status().error();
  if (question.empty()) return task;
  auto decoded = decode_question(question);
  if (!decoded.ok()) return decoded.error();
  task.question = std::move(*decoded);
  return task;
}

std::string encode(const QuestionNews& news) {
  Json json = {{"attempt", news.attempt}, {"parts", news.parts}, {"done", news.answer.has_value()}};
  if (!news.text.empty()) json["text"] = news.text;
  put_answer(json, news.answer);
  return dump(json);
}

base::Result<QuestionNews> decode_question_news(std::string_view json) {
  JsonDocument document(json, kRelayJsonBytesMax);
  ObjectReader root = document.root();
  QuestionNews news;
  root.whole("attempt", news.attempt, Presence::required);
  root.whole("parts", news.parts, Presence::required);
  root.lines("text", news.text, kAnswerTextBytesMax, Presence::optional);
  const base::Status answer = read_answer(root, news.answer);
  if (!document.status().ok()) return document.status().error();
  if (!answer.ok()) return answer.error();
  return news;
}

}  // namespace mlguard::wire
