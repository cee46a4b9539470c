#include "server/exchange.h"

#include <ctime>
#include <utility>

#include "base/logging.h"
#include "server/forward.h"
#include "wire/api_error.h"

namespace mlguard::server {

namespace {

constexpr std::int64_t kRetryAfterS = 1;

// Seals the answer for the request with that counter; one that is too large becomes an error.
HttpAnswer sealed_answer(const Session& session, std::uint64_t counter, ApiAnswer answer) {
  wire::Message message{std::move(answer.fields), std::move(answer.body)};
  base::Result<wire::Sealed> sealed = session.channel.seal(counter, answer.status, message);
  if (!sealed) {
    base::log_error("an answer could not be sealed", {{"error", sealed.error().message}});
    answer = error_answer({base::ErrorCode::too_large, "answer_too_large",
                           "the answer is larger than one message may be: ask for less of it"});
    sealed = session.channel.seal(counter, answer.status, {{}, answer.body});
  }
  HttpAnswer http;
  http.status = answer.status;
  http.content_type = wire::kSealedContentType;
  http.allow = answer.allow;
  http.sealed = true;
  if (sealed) {
    http.body = std::move(sealed->body);
    http.original_size = sealed->original_size;
  }
  if (answer.status == 429 || answer.status == 503) http.retry_after_s = kRetryAfterS;
  return http;
}

}  // namespace

std::int64_t monotonic_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000LL + now.tv_nsec / 1'000;
}

ApiAnswer json_answer(std::string body, int status) {
  return {.status = status, .body = std::move(body)};
}

ApiAnswer error_answer(const base::Error& error) {
  return {.status = wire::http_status(error.code), .body = wire::encode_error(error)};
}

HttpAnswer plain_answer(ApiAnswer answer) {
  HttpAnswer http;
  http.status = answer.status;
  http.content_type = answer.content_type;
  http.allow = answer.allow;
  http.body = std::move(answer.body);
  if (answer.status == 429 || answer.status == 503) http.retry_after_s = kRetryAfterS;
  return http;
}

Exchange::Exchange(ApiRequest request, SessionTable::Pointer session, std::uint64_t counter,
                   std::int64_t started_us, Accounts accounts, Responder responder)
    : request_(std::move(request)),
      session_(std::move(session)),
      counter_(counter),
      started_us_(started_us),
      accounts_(accounts),
      responder_(std::move(responder)),
      body_bytes_(request_.message.body.size()) {
  accounts_.body_bytes.fetch_add(body_bytes_, std::memory_order_relaxed);
  if (session_) session_->pending.fetch_add(1, std::memory_order_relaxed);
}

Exchange::Exchange(ApiRequest request, Identity caller, std::shared_ptr<Exchange> outer,
                   Accounts accounts)
    : request_(std::move(request)),
      session_(outer->session()),
      started_us_(monotonic_us()),
      accounts_(accounts),
      outer_(std::move(outer)),
      forwarded_for_(std::move(caller)),
      body_bytes_(request_.message.body.size()) {
  accounts_.body_bytes.fetch_add(body_bytes_, std::memory_order_relaxed);
  session_->pending.fetch_add(1, std::memory_order_relaxed);
}

Exchange::~Exchange() {
  if (!answered_) {
    fail(
        {base::ErrorCode::internal, "the server lost track of this request: retry, and report it"});
  }
}

void Exchange::reply(ApiAnswer answer) {
  reply_with([answer = std::move(answer)]() mutable { return std::move(answer); });
}

void Exchange::reply_with(std::function<ApiAnswer()> make) {
  if (answered_.exchange(true)) return;
  settle();
  if (outer_) {
    outer_->reply_with([make = std::move(make), route = request_.route, started = started_us_,
                        &metrics = accounts_.metrics] {
      const ApiAnswer inner = make();
      metrics.request(route, inner.status, monotonic_us() - started);
      ApiAnswer answer;
      answer.body = encode_forwarded_answer(inner);
      return answer;
    });
    return;
  }
  // What the loop needs outlives this Exchange: the session is shared, the metrics are the
  // server's, which stops its loops first.
  responder_->answer_with([make = std::move(make), session = session_, counter = counter_,
                           route = request_.route, started = started_us_,
                           &metrics = accounts_.metrics] {
    ApiAnswer answer = make();
    const int status = answer.status;
    const bool has_body = !answer.body.empty();
    HttpAnswer http = session ? sealed_answer(*session, counter, std::move(answer))
                              : plain_answer(std::move(answer));
    if (has_body) {
      metrics.body(route, Direction::out, http.original_size ? Encoding::lz4 : Encoding::identity);
    }
    metrics.request(route, status, monotonic_us() - started);
    return http;
  });
}

void Exchange::settle() {
  accounts_.body_bytes.fetch_sub(body_bytes_, std::memory_order_relaxed);
  if (!session_) return;
  (waiting_ ? session_->waiting : session_->pending).fetch_sub(1, std::memory_order_relaxed);
}

void Exchange::begin_waiting() {
  if (waiting_ || !session_) return;
  waiting_ = true;
  session_->waiting.fetch_add(1, std::memory_order_relaxed);
  session_->pending.fetch_sub(1, std::memory_order_relaxed);
}

void Exchange::end_waiting() {
  if (!waiting_ || !session_) return;
  waiting_ = false;
  session_->pending.fetch_add(1, std::memory_order_relaxed);
  session_->waiting.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace mlguard::server
