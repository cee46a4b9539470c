#include "server/api_context.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/ids.h"
#include "base/logging.h"
#include "server/forward.h"
#include "wire/messages.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::size_t kRequestKeyChars = 16;        // Of the caller's public key.
constexpr std::size_t kRequestIdCharsMax = 64;      // As clients send it.
constexpr std::size_t kStoredRequestCharsMax = 64;  // As the store remembers it.

bool reaches(const ApiContext& api, const Exchange& exchange, Verb verb,
             std::string_view component) {
  const Identity& caller = exchange.caller();
  switch (reach(caller.role, verb)) {
    case Reach::none: return false;
    case Reach::any: return true;
    case Reach::own_or_global:
      if (component == base::kGlobalComponent) return true;
      break;
    case Reach::own: break;
  }
  if (!base::name_fits_role(component, caller.role)) return false;
  if (!caller.component.empty() && caller.component != component) return false;
  // Who registers is judged by the store: a dead component's name may be taken over.
  return verb == Verb::component_register || api.engine.free_or_held_by(component, caller.key);
}

void audit_refusal(ApiContext& api, const Exchange& exchange, Verb verb,
                   std::string_view component) {
  const Identity& caller = exchange.caller();
  log_refusal(api, exchange.request().peer, "refused",
              {{"who", caller.name},
               {"role", base::to_string(caller.role)},
               {"may_not", to_string(verb)},
               {"component", component},
               {"from", exchange.request().peer.text}});
  if (!api.refusals.allow(exchange.request().peer, api.clock.monotonic_ms())) return;
  base::AuditRecord record;
  record.actor = caller.name;
  record.action = "refused";
  record.subject = component.empty() ? exchange.request().method : std::string(component);
  record.detail = std::string("may not ") + to_string(verb);
  append_audit(api, std::move(record));
}

// The request id as the store remembers it: no client can use another's.
Result<std::string> request_id_of(const Exchange& exchange) {
  const std::string* field = exchange.request().message.field(wire::kFieldRequestId);
  if (field == nullptr || field->empty()) return std::string();
  if (field->size() > kRequestIdCharsMax) {
    return Error{ErrorCode::invalid_argument, "invalid_request_id",
                 "a request id has at most " + std::to_string(kRequestIdCharsMax) + " characters"};
  }
  std::string id = exchange.caller().key.substr(0, kRequestKeyChars) + ":" + *field;
  if (id.size() > kStoredRequestCharsMax) {
    return Error{ErrorCode::invalid_argument, "invalid_request_id",
                 "a request id of 16 random bytes in hex is what the server expects"};
  }
  return id;
}

}  // namespace

void log_refusal(ApiContext& api, const PeerAddress& peer, std::string_view event,
                 std::initializer_list<base::LogField> fields) {
  if (!api.refusal_logs.allow(peer, api.clock.monotonic_ms())) return;
  base::log_warn(event, fields);
}

Status authorize(ApiContext& api, const Exchange& exchange, Verb verb, std::string_view component) {
  if (reaches(api, exchange, verb, component)) return {};
  audit_refusal(api, exchange, verb, component);
  return not_permitted(exchange.caller().role, verb, component);
}

ApiAnswer write_answer(const db::WriteResult& result) {
  ApiAnswer answer = json_answer(wire::encode(
      wire::WriteReply{.revision = result.revision, .version = result.version, .ids = result.ids}));
  if (result.replayed) answer.fields.push_back({std::string(wire::kFieldReplayed), "1"});
  return answer;
}

void transact(ApiContext& api, const ExchangePtr& exchange, db::Command command,
              std::function<void(const db::WriteResult&)> on_success, WriteAnswer answer) {
  Result<std::string> request_id = request_id_of(*exchange);
  if (!request_id) return exchange->fail(request_id.error());
  db::Write write;
  write.command = std::move(command);
  write.author = exchange->caller().name;
  write.request_id = std::move(*request_id);
  write.ack = exchange->request().ack;
  api.engine.transact(std::move(write),
                      [&api, exchange, on_success = std::move(on_success),
                       answer = std::move(answer)](const Result<db::WriteResult>& result) {
                        if (!result) return exchange->fail(result.error());
                        if (on_success) on_success(*result);
                        exchange->reply_with([&api, answer, result = *result] {
                          ApiAnswer made = answer(result);
                          add_revision(api, made, result.revision);
                          return made;
                        });
                      });
}

void read(ApiContext& api, const ExchangePtr& exchange,
          const std::function<Result<ApiAnswer>(db::Reader&)>& use) {
  const db::ReadTicket ticket = api.engine.ticket();
  Result<std::unique_ptr<db::Reader>> reader = api.engine.read();
  if (!reader) return exchange->fail(reader.error());
  Result<ApiAnswer> answer = use(**reader);
  const std::uint64_t seen = (*reader)->revision();
  reader->reset();
  if (!answer) answer = error_answer(answer.error());
  if (exchange->request().consistency != db::Consistency::linearizable) {
    add_revision(api, *answer, seen);
    return exchange->reply(std::move(*answer));
  }
  // "There is no such thing" is an answer as well, and must be as true as any.
  auto kept = std::make_shared<ApiAnswer>(std::move(*answer));
  api.engine.confirm_read(ticket, seen, [&api, exchange, kept, seen](const Status& confirmed) {
    if (!confirmed) return exchange->fail(confirmed.error());
    add_revision(api, *kept, seen);
    exchange->reply(std::move(*kept));
  });
}

void add_revision(ApiContext& api, ApiAnswer& answer, std::uint64_t revision) {
  answer.fields.push_back({std::string(wire::kFieldRevision), std::to_string(revision)});
  answer.fields.push_back(
      {std::string(wire::kFieldCommitted), std::to_string(api.replica.committed())});
  if (const std::int64_t age_ms = api.replica.age_ms(); age_ms > 0) {
    answer.fields.push_back({std::string(wire::kFieldAgeMs), std::to_string(age_ms)});
  }
}

Result<db::Page> page_of(const Query& query) {
  Result<std::uint64_t> after = query.number("after", 0, INT64_MAX);
  if (!after) return after.error();
  Result<std::uint64_t> limit = query.number("limit", 100, db::kPageRowsMax);
  if (!limit) return limit.error();
  return db::Page{.after = *after,
                  .limit = static_cast<std::size_t>(std::max<std::uint64_t>(1, *limit))};
}

Result<std::optional<std::uint64_t>> expected_version(const ApiRequest& request) {
  std::string_view text;
  if (const std::string* field = request.message.field(wire::kFieldIfMatch)) {
    text = *field;
  } else if (const auto parameter = request.query.get("expected_version")) {
    text = *parameter;
  } else {
    return std::optional<std::uint64_t>();
  }
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Error{ErrorCode::invalid_argument, "invalid_version",
                 "the expected version must be a whole number (0: there must be none)"};
  }
  return std::optional<std::uint64_t>(version);
}

Result<std::string> comment_of(const ApiRequest& request) {
  const std::string* field = request.message.field(wire::kFieldComment);
  if (field == nullptr) return std::string();
  if (field->size() > base::kCommentCharsMax) {
    return Error{ErrorCode::too_large, "comment_too_long",
                 "a comment has at most " + std::to_string(base::kCommentCharsMax) + " bytes"};
  }
  return *field;
}

}  // namespace mlguard::server
