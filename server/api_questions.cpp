// Questions to rag: asked by operators, handed to a rag component, answered, and what an answer
// proposes approved. All in the leader's memory (question_board.h); only an approval is written.
#include <algorithm>
#include <memory>
#include <utility>

#include "server/api_handlers.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::int64_t kPollDefaultMs = 30'000;
// A poll that another instance sent on holds one of its few connections to the leader.
constexpr std::int64_t kForwardedHoldMsMax = 2'000;
constexpr std::size_t kAuditDetailBytesMax = 2'000;
constexpr std::uint64_t kAfterMax = wire::kAnswerTextBytesMax;

// One look: the answer, nothing when there is none yet, or what is wrong.
using LookForQuestion = std::function<Result<std::optional<std::string>>()>;

struct Held {
  ExchangePtr exchange;
  std::string resource;
  std::int64_t deadline_ms = 0;
  LookForQuestion look;
  std::function<std::string()> nothing;  // What to say when the time is up.
};
using HeldPtr = std::shared_ptr<Held>;  // Shared with the hub's callback, which is copied.

// With the leadership go all questions.
Status leads(ApiContext& api) {
  const std::uint64_t term = api.engine.ticket().term;
  api.questions.lead(term);
  if (term != 0) return {};
  return Error{ErrorCode::unavailable, "no_leader",
               "this instance does not lead (any more): try again in a moment"};
}

void look_at_board(ApiContext& api, const HeldPtr& held);

void wait_for_board(ApiContext& api, const HeldPtr& held, std::uint64_t seen,
                    std::int64_t left_ms) {
  WatchHub::Wait wait;
  wait.resource = held->resource;
  wait.seen = seen;
  wait.timeout_ms = left_ms;
  wait.owner = held->exchange->session().get();
  wait.callback = [&api, held](WakeReason reason) {
    held->exchange->end_waiting();
    if (reason == WakeReason::ended) {
      return held->exchange->fail(
          {ErrorCode::unauthenticated, "revoked", "this session has ended: its key was revoked"});
    }
    if (!api.pool.run([&api, held] { look_at_board(api, held); })) {
      held->exchange->fail({ErrorCode::unavailable, "busy", "the server is busy: try again"});
    }
  };
  held->exchange->begin_waiting();
  if (!api.questions.hub().wait(std::move(wait))) {
    held->exchange->fail({ErrorCode::resource_exhausted, "too_many_waiting",
                          "too many long polls wait here: try again later"});
  }
}

void look_at_board(ApiContext& api, const HeldPtr& held) {
  if (Status leading = leads(api); !leading) return held->exchange->fail(leading.error());
  const std::uint64_t seen = api.questions.changes();
  Result<std::optional<std::string>> found = held->look();
  if (!found) return held->exchange->fail(found.error());
  if (*found) return held->exchange->reply(json_answer(std::move(**found)));
  const std::int64_t left_ms = held->deadline_ms - api.clock.monotonic_ms();
  if (left_ms <= 0 || api.questions.stopped()) {
    return held->exchange->reply(json_answer(held->nothing()));
  }
  wait_for_board(api, held, seen, left_ms);
}

Result<std::int64_t> hold_of(const Exchange& exchange) {
  Result<std::int64_t> wait =
      exchange.request().query.duration_ms("wait", kPollDefaultMs, kLongPollMsMax);
  if (!wait) return wait;
  return exchange.forwarded() ? std::min(*wait, kForwardedHoldMsMax) : *wait;
}

void hold(ApiContext& api, Held held, std::int64_t wait_ms) {
  held.deadline_ms = api.clock.monotonic_ms() + wait_ms;
  look_at_board(api, std::make_shared<Held>(std::move(held)));
}

std::string argument_of(const wire::Proposal& proposal, std::string_view name) {
  for (const auto& [argument, value] : proposal.arguments) {
    if (argument == name) return value;
  }
  return {};
}

// What a proposal changes, as other audit records call it.
std::string subject_of(const wire::Proposal& proposal) {
  const std::string topic = proposal.action.substr(0, proposal.action.find('.'));
  for (const char* name : {"component", "id", "cidr"}) {
    const std::string value = argument_of(proposal, name);
    if (!value.empty()) return topic + "/" + value;
  }
  return topic;
}

base::AuditRecord approval_record(const Exchange& exchange, const QuestionBoard::Approval& approval,
                                  const std::string& command) {
  base::AuditRecord record;
  record.actor = exchange.caller().name;
  record.action = "ask.approved";
  record.subject = subject_of(approval.proposal);
  record.detail = "asked: \"" + approval.question.text + "\"; runs: " + command;
  if (record.detail.size() > kAuditDetailBytesMax) record.detail.resize(kAuditDetailBytesMax);
  return record;
}

}  // namespace

void ask_question(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::questions_ask); !may) {
    return exchange->fail(may.error());
  }
  if (Status leading = leads(api); !leading) return exchange->fail(leading.error());
  Result<wire::Question> question = wire::decode_question(exchange->request().message.body);
  if (!question) return exchange->fail(question.error());
  Result<std::string> id = api.questions.ask(std::move(*question), exchange->caller());
  if (!id) return exchange->fail(id.error());
  exchange->reply(json_answer(wire::encode_question_id(*id)));
}

void next_question(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::questions_answer); !may) {
    return exchange->fail(may.error());
  }
  const Result<std::int64_t> wait = hold_of(*exchange);
  if (!wait) return exchange->fail(wait.error());
  Held held;
  held.exchange = exchange;
  held.resource = QuestionBoard::next();
  held.look = [&api, rag = exchange->caller().key,
               wait_ms = *wait]() -> Result<std::optional<std::string>> {
    const std::optional<wire::QuestionTask> task = api.questions.take(rag, wait_ms);
    if (!task) return std::optional<std::string>();
    return std::optional<std::string>(wire::encode(*task));
  };
  held.nothing = [] { return wire::encode(wire::QuestionTask{}); };
  hold(api, std::move(held), *wait);
}

void answer_question(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::questions_answer); !may) {
    return exchange->fail(may.error());
  }
  if (Status leading = leads(api); !leading) return exchange->fail(leading.error());
  Result<wire::AnswerPart> part = wire::decode_answer_part(exchange->request().message.body);
  if (!part) return exchange->fail(part.error());
  const Status taken = api.questions.answer(exchange->request().parameters[0],
                                            exchange->caller().key, std::move(*part));
  if (!taken) return exchange->fail(taken.error());
  exchange->reply(json_answer(R"({"status":"ok"})"));
}

void read_answer(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::questions_ask); !may) {
    return exchange->fail(may.error());
  }
  const Query& query = exchange->request().query;
  const Result<std::int64_t> wait = hold_of(*exchange);
  if (!wait) return exchange->fail(wait.error());
  const Result<std::uint64_t> after = query.number("after", 0, kAfterMax);
  if (!after) return exchange->fail(after.error());
  const Result<std::uint64_t> attempt = query.number("attempt", 0, kAttemptsMax);
  if (!attempt) return exchange->fail(attempt.error());
  const std::string& id = exchange->request().parameters[0];
  const auto news = [&api, id, asker = exchange->caller().key, attempt = *attempt, after = *after] {
    return api.questions.news(id, asker, attempt, after);
  };
  Held held;
  held.exchange = exchange;
  held.resource = QuestionBoard::of(id);
  held.look = [news, attempt = *attempt]() -> Result<std::optional<std::string>> {
    Result<wire::QuestionNews> found = news();
    if (!found) return found.error();
    const bool is_new = found->answer || !found->text.empty() || found->attempt != attempt;
    if (!is_new) return std::optional<std::string>();
    return std::optional<std::string>(wire::encode(*found));
  };
  held.nothing = [attempt = *attempt, after = *after] {
    return wire::encode(wire::QuestionNews{attempt, after, {}, {}});
  };
  hold(api, std::move(held), *wait);
}

void approve_proposal(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::questions_ask); !may) {
    return exchange->fail(may.error());
  }
  if (Status leading = leads(api); !leading) return exchange->fail(leading.error());
  Result<wire::Proposal> wanted = wire::decode_proposal(exchange->request().message.body);
  if (!wanted) return exchange->fail(wanted.error());
  const std::string& id = exchange->request().parameters[0];
  const std::string* request = exchange->request().message.field(wire::kFieldRequestId);
  Result<QuestionBoard::Approval> approval = api.questions.approve(
      id, exchange->caller().key, *wanted, request == nullptr ? std::string() : *request);
  if (!approval) return exchange->fail(approval.error());
  db::AppendAudit record{approval_record(*exchange, *approval, wanted->command)};
  transact(api, exchange, std::move(record));
}

}  // namespace mlguard::server
