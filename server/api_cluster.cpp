// Members, leadership, and what lost a merge.
#include <string>
#include <utility>
#include <vector>

#include "base/logging.h"
#include "replicator/replicator.h"
#include "server/api_handlers.h"
#include "server/api_json.h"
#include "server/promotions.h"
#include "wire/cluster_messages.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using replicator::Answer;
using replicator::AnswerKind;

constexpr std::size_t kConflictsDefault = 100;

// Why the core did not do what an operator asked for. REQUIRES: it did not.
Error refusal_of(const Answer& answer) {
  switch (answer.kind) {
    case AnswerKind::refused: return {ErrorCode::conflict, "refused", answer.detail};
    case AnswerKind::unknown:
      return {ErrorCode::timeout, "outcome_unknown",
              "no majority confirmed it in time: it may or may not take effect; look with  "
              "ml-guard members"};
    case AnswerKind::failed: return {ErrorCode::unavailable, "not_done", answer.detail};
    case AnswerKind::busy:
    case AnswerKind::not_leader:
    case AnswerKind::done: break;
  }
  return {ErrorCode::unavailable, "busy",
          answer.detail.empty() ? "another change is under way, or the leader has changed: try "
                                  "again in a moment"
                                : answer.detail};
}

std::string done_at(std::uint64_t revision) {
  wire::WriteReply reply;
  reply.revision = revision;
  return wire::encode(reply);
}

// Answers a change of members.
replicator::AnswerDone member_answer(ApiContext& api, const ExchangePtr& exchange, std::string what,
                                     const std::string& member) {
  return [&api, exchange, what = std::move(what), member](const Answer& answer) {
    if (answer.kind != AnswerKind::done) return exchange->fail(refusal_of(answer));
    base::log_info(what, {{"member", member}, {"who", exchange->caller().name}});
    ApiAnswer reply = json_answer(done_at(answer.revision));
    add_revision(api, reply, answer.revision);
    exchange->reply(std::move(reply));
  };
}

}  // namespace

void list_members(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::cluster_read); !may) {
    return exchange->fail(may.error());
  }
  const auto view = api.replica.view();
  wire::MemberList list;
  list.revision = view->core.membership.revision;
  list.leader = view->core.leader;
  list.term = view->core.term;
  list.members = member_infos(*view);
  exchange->reply(json_answer(wire::encode(list)));
}

void add_member(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::cluster_manage); !may) {
    return exchange->fail(may.error());
  }
  Result<wire::MemberChange> change = wire::decode_member_change(exchange->request().message.body);
  if (!change) return exchange->fail(change.error());
  const auto view = api.replica.view();
  const replicator::Member* known = view->core.membership.find(change->address);
  if (!change->learner) api.promotions.want(change->address);
  // A learner that is added once more shall vote; what follows is the promotion's business.
  const bool again = known != nullptr && known->kind == replicator::MemberKind::learner;
  if (again && !change->learner) {
    return exchange->reply(json_answer(done_at(view->core.membership.revision)));
  }
  api.replica.change_members(replicator::MemberChange::add_learner, change->address,
                             exchange->caller().name,
                             member_answer(api, exchange, "member added", change->address));
}

void remove_member(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::cluster_manage); !may) {
    return exchange->fail(may.error());
  }
  const std::string& member = exchange->request().parameters[0];
  api.replica.change_members(replicator::MemberChange::remove, member, exchange->caller().name,
                             member_answer(api, exchange, "member removed", member));
}

void transfer_leadership(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::cluster_manage); !may) {
    return exchange->fail(may.error());
  }
  Result<wire::LeaderTransfer> transfer =
      wire::decode_leader_transfer(exchange->request().message.body);
  if (!transfer) return exchange->fail(transfer.error());
  api.replica.transfer(transfer->to, [exchange, to = transfer->to](const Answer& answer) {
    if (answer.kind != AnswerKind::done) return exchange->fail(refusal_of(answer));
    base::log_info("leadership handed over", {{"to", to}, {"who", exchange->caller().name}});
    exchange->reply(json_answer(wire::encode(wire::LeaderReply{to})));
  });
}

void list_conflicts(ApiContext& api, const ExchangePtr& exchange) {
  if (Status may = authorize(api, *exchange, Verb::cluster_read); !may) {
    return exchange->fail(may.error());
  }
  const Query& query = exchange->request().query;
  Result<std::uint64_t> limit = query.number("limit", kConflictsDefault, db::kPageRowsMax);
  if (!limit) return exchange->fail(limit.error());
  Result<std::uint64_t> offset = query.number("offset", 0, INT64_MAX);
  if (!offset) return exchange->fail(offset.error());
  read(api, exchange, [&](db::Reader& reader) -> Result<ApiAnswer> {
    Result<std::vector<base::Conflict>> conflicts =
        reader.conflicts(static_cast<std::size_t>(*offset), static_cast<std::size_t>(*limit));
    if (!conflicts) return conflicts.error();
    std::vector<wire::ConflictInfo> infos;
    for (base::Conflict& conflict : *conflicts) {
      infos.push_back({std::move(conflict.table), std::move(conflict.key),
                       std::move(conflict.reason), conflict.recorded_at_ms,
                       std::move(conflict.lost_row), conflict.lost_at_ms,
                       std::move(conflict.lost_by), std::move(conflict.kept_row)});
    }
    return json_answer(wire::encode_conflicts(infos));
  });
}

}  // namespace mlguard::server
