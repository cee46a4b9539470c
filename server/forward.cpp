#include "server/forward.h"

#include <charconv>
#include <memory>
#include <utility>

#include "base/logging.h"
#include "replicator/replicator.h"
#include "wire/api_error.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using replicator::PeerCall;
using replicator::PeerChannel;

constexpr int kStatusOk = 200;
constexpr std::string_view kGet = "GET";

Error no_leader(ApiContext& api) {
  const auto view = api.replica.view();
  if (view->core.role == replicator::Role::learner &&
      view->core.membership.find(api.replica.self()) == nullptr) {
    return {ErrorCode::unavailable, "no_leader",
            "this instance is no member of its cluster: it only follows. Ask one of the members, "
            "or read what is here with --consistency local"};
  }
  return {ErrorCode::unavailable, "no_leader",
          "no leader is known here: an election is under way, or no majority of the instances "
          "runs; try again in a moment, or read this instance's own state with --consistency "
          "local"};
}

// The leader that this instance follows; empty: there is none, or it leads itself.
std::string leader_elsewhere(ApiContext& api) {
  std::string leader = api.replica.view()->core.leader;
  return leader == api.replica.self() ? std::string() : leader;
}

std::uint64_t revision_of(const std::vector<wire::Field>& fields) {
  std::uint64_t revision = 0;
  for (const wire::Field& field : fields) {
    if (field.name != wire::kFieldRevision) continue;
    const std::string& text = field.value;
    std::from_chars(text.data(), text.data() + text.size(), revision);
  }
  return revision;
}

// What became of a request whose connection to the leader failed.
Error transport_failure(const Error& error, bool is_read) {
  if (error.reason == "no_connection" || is_read || error.reason == "busy") {
    return {ErrorCode::unavailable, "no_leader",
            "the leader cannot be reached (" + error.message + "): try again in a moment"};
  }
  return {ErrorCode::timeout, "outcome_unknown",
          "the request went to the leader, but no answer came back (" + error.message +
              "): it may or may not have taken effect; retry with the same request id"};
}

void finish(ApiContext& api, const ExchangePtr& exchange, bool is_read,
            const Result<PeerChannel::Reply>& reply) {
  if (!reply) return exchange->fail(transport_failure(reply.error(), is_read));
  if (reply->status != kStatusOk) {
    return exchange->fail(wire::decode_error(reply->status, reply->message.body));
  }
  Result<ApiAnswer> answer = decode_forwarded_answer(reply->message.body);
  if (!answer) return exchange->fail(answer.error());
  const std::uint64_t written = is_read ? 0 : revision_of(answer->fields);
  if (written == 0) return exchange->reply(std::move(*answer));
  // Held back until this instance has it too; if that takes too long, it stands all the same.
  auto kept = std::make_shared<ApiAnswer>(std::move(*answer));
  api.replica.when_durable(written, kOwnWriteWaitMs, [exchange, kept](const Status& /*held*/) {
    exchange->reply(std::move(*kept));
  });
}

// A small write of this instance's own, at the leader.
void write_at_leader(ApiContext& api, const char* target, std::string body,
                     std::function<void(Status)> done) {
  PeerCall call;
  call.peer = leader_elsewhere(api);
  if (call.peer.empty()) return done(no_leader(api));
  call.target = target;
  call.message.body = std::move(body);
  // Using a token up twice for the same key is one use; an audit record twice is no harm.
  call.repeat = replicator::Repeat::allowed;
  call.done = [&api, done = std::move(done)](const Result<PeerChannel::Reply>& reply) {
    if (!reply) return done(transport_failure(reply.error(), false));
    if (reply->status != kStatusOk) {
      return done(wire::decode_error(reply->status, reply->message.body));
    }
    api.replica.when_durable(revision_of(reply->message.fields), kOwnWriteWaitMs,
                             [done](const Status& /*held*/) { done({}); });
  };
  api.replica.calls().call(std::move(call));
}

}  // namespace

void forward_to_leader(ApiContext& api, const ExchangePtr& exchange) {
  PeerCall call;
  call.peer = leader_elsewhere(api);
  if (call.peer.empty()) return exchange->fail(no_leader(api));
  const ApiRequest& request = exchange->request();
  const bool is_read = request.method == kGet;
  const bool is_known = request.message.field(wire::kFieldRequestId) != nullptr;
  call.target = "/v1/peer/forward";
  call.repeat = is_read || is_known ? replicator::Repeat::allowed : replicator::Repeat::forbidden;
  call.message.body = encode(ForwardedRequest{request.method, request.target, exchange->caller(),
                                              request.peer.text, request.message});
  call.done = [&api, exchange, is_read](const Result<PeerChannel::Reply>& reply) {
    finish(api, exchange, is_read, reply);
  };
  api.replica.calls().call(std::move(call));
}

void enrol_identity(ApiContext& api, const base::Identity& identity,
                    std::function<void(Status)> done) {
  if (api.replica.ticket().term == 0) {
    return write_at_leader(api, "/v1/peer/enrol", encode(identity), std::move(done));
  }
  db::Write write;
  write.command = db::EnrolIdentity{identity.token_id, identity};
  write.author = identity.name;
  api.engine.transact(std::move(write), [done = std::move(done)](const auto& result) {
    done(result ? Status() : Status(result.error()));
  });
}

void append_audit(ApiContext& api, base::AuditRecord record) {
  if (api.replica.ticket().term == 0) {
    return write_at_leader(api, "/v1/peer/audit", encode(record), [](const Status& /*ignored*/) {});
  }
  db::Write write;
  write.author = record.actor;
  write.command = db::AppendAudit{std::move(record)};
  api.engine.transact(std::move(write), [](const Result<db::WriteResult>& /*ignored*/) {});
}

void catch_up(ApiContext& api, std::function<void(Status)> done) {
  PeerCall call;
  call.peer = leader_elsewhere(api);
  if (call.peer.empty()) return done(no_leader(api));
  call.method = kGet;
  call.target = "/v1/peer/tail";
  call.repeat = replicator::Repeat::allowed;
  call.done = [&api, done = std::move(done)](const Result<PeerChannel::Reply>& reply) {
    if (!reply) return done(transport_failure(reply.error(), true));
    if (reply->status != kStatusOk) {
      return done(wire::decode_error(reply->status, reply->message.body));
    }
    api.replica.when_durable(revision_of(reply->message.fields), kOwnWriteWaitMs, done);
  };
  api.replica.calls().call(std::move(call));
}

}  // namespace mlguard::server
