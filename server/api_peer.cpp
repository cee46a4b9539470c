// What instances ask of each other: the protocol's messages, and a few writes that a follower needs
// made by the leader. Forwarded requests are the gate's business (gate.h).
#include <string>
#include <utility>

#include "replicator/replicator.h"
#include "server/api_handlers.h"
#include "server/forward.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

std::string field_of(const Exchange& exchange, std::string_view name) {
  const std::string* value = exchange.request().message.field(name);
  return value == nullptr ? std::string() : *value;
}

// Refuses who is no peer. True: the exchange is answered.
bool refused(ApiContext& api, const ExchangePtr& exchange) {
  const Status may = authorize(api, *exchange, Verb::replicate);
  if (!may) exchange->fail(may.error());
  return !may;
}

Error not_leading() {
  return {ErrorCode::unavailable, "no_leader",
          "this instance does not lead: look for the leader again"};
}

}  // namespace

void peer_message(ApiContext& api, const ExchangePtr& exchange) {
  if (refused(api, exchange)) return;
  replicator::PeerMail mail;
  mail.node_id = field_of(*exchange, "node-id");
  mail.schema_version = field_of(*exchange, "schema");
  mail.body = std::move(exchange->request().message.body);
  // A fetch may be held for seconds: it waits as a long poll does.
  exchange->begin_waiting();
  mail.reply = [exchange](Result<std::string> body) {
    if (!body) return exchange->fail(body.error());
    ApiAnswer answer;
    answer.body = std::move(*body);
    exchange->reply(std::move(answer));
  };
  api.replica.receive(std::move(mail));
}

void peer_leads(ApiContext& api, const ExchangePtr& exchange) {
  if (refused(api, exchange)) return;
  const Result<std::uint64_t> term = exchange->request().query.number("term", 0, INT64_MAX);
  if (!term) return exchange->fail(term.error());
  if (!api.replica.leads(*term)) return exchange->fail(not_leading());
  exchange->reply(json_answer(R"({"status":"ok"})"));
}

void peer_tail(ApiContext& api, const ExchangePtr& exchange) {
  if (refused(api, exchange)) return;
  if (api.replica.ticket().term == 0) return exchange->fail(not_leading());
  ApiAnswer answer = json_answer(R"({"status":"ok"})");
  add_revision(api, answer, api.engine.status().revision);
  exchange->reply(std::move(answer));
}

void peer_enrol(ApiContext& api, const ExchangePtr& exchange) {
  if (refused(api, exchange)) return;
  Result<base::Identity> identity = decode_identity(exchange->request().message.body);
  if (!identity) return exchange->fail(identity.error());
  identity->enrolled_at_ms = api.clock.wall_ms();
  const std::string token = identity->token_id;
  transact(api, exchange, db::EnrolIdentity{token, std::move(*identity)});
}

void peer_audit(ApiContext& api, const ExchangePtr& exchange) {
  if (refused(api, exchange)) return;
  Result<base::AuditRecord> record = decode_audit_record(exchange->request().message.body);
  if (!record) return exchange->fail(record.error());
  transact(api, exchange, db::AppendAudit{std::move(*record)});
}

}  // namespace mlguard::server
