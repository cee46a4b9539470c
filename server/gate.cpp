#include "server/gate.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "base/logging.h"
#include "server/forward.h"
#include "wire/api_error.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::size_t kPathInMessageCharsMax = 200;

std::string_view path_of(const std::string& target) {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view query_of(const std::string& target) {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::optional<std::size_t> parse_size(const std::string& text) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return size;
}

Error no_route(const HttpRequest& http) {
  return {ErrorCode::not_found, "no_route",
          "there is no " + std::string(path_of(http.target)).substr(0, kPathInMessageCharsMax) +
              " here; GET /info lists what there is"};
}

ApiAnswer wrong_method(const HttpRequest& http, const char* allow) {
  ApiAnswer answer =
      error_answer({ErrorCode::invalid_argument, "wrong_method",
                    http.method + " is not for this path; it takes " + std::string(allow)});
  answer.status = 405;
  answer.allow = allow;
  return answer;
}

Error not_sealed(const HttpRequest& http) {
  return {ErrorCode::unauthenticated, "not_sealed",
          "this request must be sealed, curl cannot do that: use  ml-guard api " + http.method +
              " " + std::string(path_of(http.target)).substr(0, kPathInMessageCharsMax) +
              (http.body.empty() ? "" : " -d '…'")};
}

}  // namespace

Gate::Gate(ApiContext& api) : api_(api), router_(patterns()), handshaker_(api) {}

std::vector<RoutePattern> Gate::patterns() {
  std::vector<RoutePattern> patterns;
  for (const Route& route : routes()) patterns.push_back({route.method, route.path});
  return patterns;
}

const Route* Gate::route_of(const Incoming& incoming) const {
  return incoming.match.route ? &routes()[*incoming.match.route] : nullptr;
}

std::size_t Gate::label_of(const Incoming& incoming) const {
  return incoming.match.route.value_or(api_.metrics.no_route());
}

void Gate::refuse(Incoming& incoming, const ApiAnswer& answer) {
  api_.metrics.request(label_of(incoming), answer.status, monotonic_us() - incoming.started_us);
  incoming.responder.answer(plain_answer(answer));
}

void Gate::refuse(Incoming& incoming, const Error& error) { refuse(incoming, error_answer(error)); }

void Gate::handle(HttpRequest request, Responder responder) {
  Incoming incoming{std::move(request), std::move(responder), {}, {}, monotonic_us()};
  if (incoming.http.target.size() > wire::kTargetBytesMax) {
    return refuse(incoming, Error{ErrorCode::too_large, "target_too_long",
                                  "the path and query are longer than " +
                                      std::to_string(wire::kTargetBytesMax) + " bytes"});
  }
  incoming.match = router_.find(incoming.http.method, path_of(incoming.http.target));
  Result<Query> query = Query::parse(query_of(incoming.http.target));
  if (!query) return refuse(incoming, query.error());
  incoming.query = std::move(*query);
  const Route* route = route_of(incoming);
  if (route != nullptr && route->access == Access::handshake) {
    return handle_handshake(std::move(incoming));
  }
  if (incoming.http.session.empty()) return handle_plain(std::move(incoming));
  handle_sealed(std::move(incoming));
}

void Gate::answer_handshake(Incoming& incoming, HandshakeAnswer answer) {
  api_.metrics.request(label_of(incoming), answer.http.status,
                       monotonic_us() - incoming.started_us);
  incoming.responder.answer(std::move(answer.http));
}

// Who is not known here may have been let in by the leader a moment ago.
void Gate::handle_handshake(Incoming incoming) {
  HandshakeAnswer answer = handshaker_.answer(incoming.http);
  if (!answer.unknown_party || api_.engine.ticket().term != 0) {
    return answer_handshake(incoming, std::move(answer));
  }
  auto kept = std::make_shared<Incoming>(std::move(incoming));
  catch_up(api_, [this, kept](const Status& /*caught_up*/) {
    answer_handshake(*kept, handshaker_.answer(kept->http));
  });
}

void Gate::handle_plain(Incoming incoming) {
  const Route* route = route_of(incoming);
  if (route == nullptr) {
    if (incoming.match.allow == nullptr) return refuse(incoming, no_route(incoming.http));
    return refuse(incoming, wrong_method(incoming.http, incoming.match.allow));
  }
  if (route->access != Access::plain_or_sealed) {
    api_.metrics.not_sealed();
    log_refusal(api_, incoming.http.peer, "a request that was not sealed was refused",
                {{"method", incoming.http.method},
                 {"path", path_of(incoming.http.target)},
                 {"from", incoming.http.peer.text}});
    return refuse(incoming, not_sealed(incoming.http));
  }
  if (!incoming.http.peer.loopback && api_.settings.public_status == PublicStatus::loopback_only) {
    return refuse(incoming, Error{ErrorCode::permission_denied, "not_public",
                                  "from other hosts this is readable only with a credential: use "
                                  "ml-guard, or start the server with --public-status"});
  }
  dispatch(make_exchange(std::move(incoming), nullptr, 0, {}));
}

namespace {

// What ?consistency= and ?ack= ask for. Plain requests are answered from what is here.
Status take_wishes(ApiRequest& request, bool sealed) {
  const std::string_view consistency =
      request.query.get("consistency").value_or(sealed ? "linearizable" : "local");
  if (consistency == "linearizable" && sealed) {
    request.consistency = db::Consistency::linearizable;
  } else if (consistency == "leader" && sealed) {
    request.consistency = db::Consistency::leader;
  } else if (consistency != "local") {
    return Error{ErrorCode::invalid_argument, "invalid_query",
                 "consistency is linearizable, leader or local (requests that are not sealed: "
                 "local only)"};
  }
  const std::string_view ack = request.query.get("ack").value_or("quorum");
  if (ack == "leader") {
    request.ack = db::Ack::leader;
  } else if (ack != "quorum") {
    return Error{ErrorCode::invalid_argument, "invalid_query", "ack is quorum or leader"};
  }
  return {};
}

}  // namespace

std::optional<Error> Gate::refusal_of_session(const SessionTable::Pointer& session,
                                              const HttpRequest& http) const {
  if (session == nullptr) {
    return Error{ErrorCode::unauthenticated, "no_session",
                 "there is no such session here (any more): handshake again"};
  }
  if (session->pending >= kSessionPendingMax || session->waiting >= kSessionWaitingMax) {
    return Error{ErrorCode::resource_exhausted, "too_many_requests",
                 "this session has too many requests in flight: wait for their answers"};
  }
  if (http.body.size() > kSmallBodyBytesMax &&
      api_.body_bytes_in_flight + http.body.size() > kBodyBytesInFlightMax) {
    return Error{ErrorCode::unavailable, "busy",
                 "the server is handling as many large requests as it can: try again"};
  }
  return std::nullopt;
}

void Gate::handle_sealed(Incoming incoming) {
  const SessionTable::Pointer session = api_.sessions.find(incoming.http.session);
  if (const std::optional<Error> refusal = refusal_of_session(session, incoming.http)) {
    return refuse(incoming, *refusal);
  }
  wire::Sealed sealed;
  sealed.session = incoming.http.session;
  sealed.seal = std::move(incoming.http.seal);
  sealed.body = std::move(incoming.http.body);
  if (incoming.http.original_size) {
    sealed.original_size = parse_size(*incoming.http.original_size);
    if (!sealed.original_size) {
      return refuse(incoming, Error{ErrorCode::invalid_argument, "bad_frame",
                                    "X-Original-Size must be a whole number"});
    }
  }
  const Route* route = route_of(incoming);
  const std::size_t body_max = std::min(
      api_.settings.body_bytes_max, route == nullptr ? kSmallBodyBytesMax : route->body_bytes_max);
  Result<wire::ServerChannel::Request> opened =
      session->channel.open(incoming.http.method, incoming.http.target, sealed, body_max);
  if (!opened) {
    if (opened.error().reason == "replayed") {
      api_.metrics.replay_refused();
    } else {
      api_.metrics.seal_failure();
    }
    log_refusal(api_, incoming.http.peer, "a sealed request was refused",
                {{"reason", opened.error().reason},
                 {"path", path_of(incoming.http.target)},
                 {"from", incoming.http.peer.text}});
    return refuse(incoming, opened.error());
  }
  count_body(label_of(incoming), opened->message, sealed.original_size.has_value());
  admit(session,
        make_exchange(std::move(incoming), session, opened->counter, std::move(opened->message)));
}

void Gate::count_body(std::size_t label, const wire::Message& message, bool compressed) {
  if (message.body.empty()) return;
  api_.metrics.body(label, Direction::in, compressed ? Encoding::lz4 : Encoding::identity);
}

ExchangePtr Gate::make_exchange(Incoming incoming, SessionTable::Pointer session,
                                std::uint64_t counter, wire::Message message) {
  ApiRequest request;
  request.route = label_of(incoming);
  request.method = std::move(incoming.http.method);
  request.target = std::move(incoming.http.target);
  request.parameters = std::move(incoming.match.parameters);
  request.query = std::move(incoming.query);
  request.message = std::move(message);
  request.peer = std::move(incoming.http.peer);
  request.allow = incoming.match.allow;
  return std::make_shared<Exchange>(
      std::move(request), std::move(session), counter, incoming.started_us,
      Exchange::Accounts{api_.metrics, api_.body_bytes_in_flight}, std::move(incoming.responder));
}

// The first message that opens proves that the handshake was fresh and that the client knew the
// psk. Only now may anything take effect: a join token is used up before the request is handled.
void Gate::admit(const SessionTable::Pointer& session, const ExchangePtr& exchange) {
  using State = Session::State;
  State seen = State::unproven;
  const State next = session->token_id.empty() ? State::ready : State::enrolling;
  if (session->state.load(std::memory_order_relaxed) == State::ready) return dispatch(exchange);
  if (session->state.compare_exchange_strong(seen, next)) {
    return next == State::ready ? dispatch(exchange) : enrol_first(session, exchange);
  }
  const bool waits = session->wait_for_enrolment([this, exchange](const Status& enrolled) {
    if (!enrolled) return exchange->fail(enrolled.error());
    if (!api_.pool.run([this, exchange] { dispatch(exchange); })) {
      exchange->fail({ErrorCode::unavailable, "busy", "the server is busy: try again"});
    }
  });
  if (waits) return;
  if (session->state == State::ready) return dispatch(exchange);
  exchange->fail(
      {ErrorCode::unauthenticated, "no_session", "this session has ended: handshake again"});
}

void Gate::enrol_first(const SessionTable::Pointer& session, const ExchangePtr& exchange) {
  const Identity& who = session->identity;
  base::Identity identity;
  identity.public_key = who.key;
  identity.role = who.role;
  identity.name = who.name;
  identity.component = who.component;
  identity.token_id = session->token_id;
  identity.enrolled_at_ms = api_.clock.wall_ms();
  enrol_identity(api_, identity, [this, session, exchange](const Status& status) {
    session->enrolled(status);
    if (!status) {
      api_.sessions.end(session);
      return exchange->fail(status.error());
    }
    base::log_info("enrolled", {{"who", session->identity.name},
                                {"role", base::to_string(session->identity.role)},
                                {"token", session->token_id},
                                {"from", exchange->request().peer.text}});
    if (!api_.pool.run([this, exchange] { dispatch(exchange); })) {
      exchange->fail({ErrorCode::unavailable, "busy", "the server is busy: try again"});
    }
  });
}

bool Gate::for_the_leader(const Route& route, const Exchange& exchange) const {
  if (exchange.session() == nullptr || route.by == By::any) return false;
  const bool local =
      route.by == By::reader && exchange.request().consistency == db::Consistency::local;
  return !local && api_.engine.ticket().term == 0;
}

// The request inside is handled as if its client had come here itself; nobody sends it on again.
void Gate::dispatch_forwarded(const ExchangePtr& outer) {
  if (Status may = authorize(api_, *outer, Verb::replicate); !may) return outer->fail(may.error());
  Result<ForwardedRequest> forwarded = decode_forwarded(outer->request().message.body);
  if (!forwarded) return outer->fail(forwarded.error());
  if (api_.engine.ticket().term == 0) {
    return outer->fail({ErrorCode::unavailable, "no_leader",
                        "this instance does not lead (any more): try again in a moment"});
  }
  const Router::Match match = router_.find(forwarded->method, path_of(forwarded->target));
  Result<Query> query = Query::parse(query_of(forwarded->target));
  if (!query) return outer->fail(query.error());
  ApiRequest request;
  request.route = match.route.value_or(api_.metrics.no_route());
  request.method = std::move(forwarded->method);
  request.target = std::move(forwarded->target);
  request.parameters = match.parameters;
  request.query = std::move(*query);
  request.message = std::move(forwarded->message);
  request.peer.text = std::move(forwarded->address);
  request.allow = match.allow;
  if (Status proper = take_wishes(request, true); !proper) return outer->fail(proper.error());
  dispatch(std::make_shared<Exchange>(std::move(request), std::move(forwarded->caller), outer,
                                      outer->accounts()));
}

void Gate::dispatch(const ExchangePtr& exchange) {
  const ApiRequest& request = exchange->request();
  if (request.route == api_.metrics.no_route()) {
    HttpRequest http;
    http.method = request.method;
    http.target = request.target;
    if (request.allow == nullptr) return exchange->fail(no_route(http));
    return exchange->reply(wrong_method(http, request.allow));
  }
  const Route& route = routes()[request.route];
  if (route.access == Access::forward) return dispatch_forwarded(exchange);
  if (!exchange->forwarded()) {
    if (Status proper = take_wishes(exchange->request(), exchange->session() != nullptr); !proper) {
      return exchange->fail(proper.error());
    }
    if (for_the_leader(route, *exchange)) return forward_to_leader(api_, exchange);
  }
  if (route.where == Where::loop) return route.handle(api_, exchange);
  if (!api_.pool.run([this, &route, exchange] { route.handle(api_, exchange); })) {
    exchange->fail({ErrorCode::unavailable, "busy", "the server is busy: try again"});
  }
}

}  // namespace mlguard::server
