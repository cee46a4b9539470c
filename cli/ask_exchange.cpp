#include "cli/ask_exchange.h"

#include <utility>

#include "wire/question_relay.h"

namespace mlguard::cli {
namespace {

constexpr int kAsksMax = 2;

base::Result<wire::Answer> hear(Context& context, const std::string& id, const Hearing& hearing) {
  wire::QuestionNews heard;
  for (;;) {
    // Questions live in the leader's memory: nobody else is worth asking.
    auto body =
        context.get("/v1/questions/" + url_encode(id) + "?consistency=leader&wait=10s&attempt=" +
                    std::to_string(heard.attempt) + "&after=" + std::to_string(heard.parts));
    if (!body.ok()) return body.error();
    auto news = wire::decode_question_news(*body);
    if (!news.ok()) return news.error();
    if (news->attempt != heard.attempt && heard.parts != 0) hearing.again();
    if (!news->text.empty()) hearing.prose(news->text);
    if (news->answer) return std::move(*news->answer);
    heard = std::move(*news);
  }
}

}  // namespace

base::Result<Asked> ask(Context& context, const wire::Question& question, const Hearing& hearing) {
  for (int turn = 1;; ++turn) {
    auto body = context.send("POST", "/v1/questions", wire::encode(question));
    if (!body.ok()) return body.error();
    auto id = wire::decode_question_id(*body);
    if (!id.ok()) return id.error();
    auto answer = hear(context, *id, hearing);
    if (answer.ok()) return Asked{std::move(*id), std::move(*answer)};
    if (answer.error().reason != "no_question" || turn == kAsksMax) return answer.error();
    hearing.again();
  }
}

base::Status approve(Context& context, const std::string& id, const wire::Proposal& proposal) {
  wire::Proposal wanted = proposal;
  wanted.diff.clear();
  const auto approved =
      context.send("POST", "/v1/questions/" + url_encode(id) + "/approve", wire::encode(wanted));
  if (!approved.ok()) return approved.error();
  return {};
}

}  // namespace mlguard::cli
