#include "caller.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/ids.h"
#include "wire/api_error.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

namespace {

// A frame that arrives after 2,048 later ones is refused as a replay; sealed anew it passes.
constexpr int kResealsMax = 3;

constexpr int kStatusUnauthorized = 401;
constexpr int kStatusTooManyRequests = 429;
constexpr int kStatusUnavailable = 503;
constexpr int kStatusTimeout = 504;

// What an honest server says before it can open a seal. Nothing else is believed in the clear.
bool is_plain_refusal(int status) {
  switch (status) {
    case 400:
    case 403:
    case 408:
    case 411:
    case 413:
    case 414:
    case 431: return true;
    default: return false;
  }
}

// Not 429: under a seal it means a full disk or a full table, which no quick retry makes better.
bool should_retry(int status) { return status == kStatusUnavailable || status == kStatusTimeout; }

base::Error cancelled_error() {
  return {base::ErrorCode::unavailable, "cancelled", "the call was broken off by its own program"};
}

}  // namespace

struct Caller::Progress {
  std::string problem;              // Why the last attempt failed, for a person.
  std::optional<Reply> last_reply;  // A status that asked for another try.
  std::optional<base::Error> error;
  Reply reply;
  std::vector<bool> refused;     // By endpoint: it does not take the credential.
  bool outcome_unknown = false;  // A server may have done what was asked.
  bool shook_hands_again = false;
  int reseals = 0;
};

Caller::Caller(CallerOptions options, const wire::ClientIdentity& identity, std::string hello,
               const base::Clock& clock, std::uint64_t seed)
    : options_(std::move(options)),
      clock_(clock),
      pool_(options_.endpoints),
      sessions_(identity, std::move(hello), options_.endpoints.size()),
      seed_(seed) {}

void Caller::cancel() {
  own_canceller_.cancel();
  pool_.stop();
}

base::Result<Reply> Caller::call(Call call) {
  if (call.kind == CallKind::write && call.message.field(wire::kFieldRequestId) == nullptr) {
    call.message.fields.push_back(
        {std::string(wire::kFieldRequestId), base::request_id(clock_.wall_ms())});
  }
  const RetryOptions retry{options_.endpoints.size(), options_.backoff_first, options_.backoff_max,
                           call.hold};
  RetryPlan plan(retry, preferred_, options_.call_deadline, clock_, seed_.fetch_add(1));
  Canceller& canceller = call.canceller != nullptr ? *call.canceller : own_canceller_;
  Progress progress;
  progress.refused.resize(options_.endpoints.size());
  while (const auto attempt = plan.next()) {
    if (attempt->pause.count() > 0 && !canceller.sleep_for(attempt->pause)) break;
    if (progress.refused[attempt->endpoint]) continue;
    const wire::HttpTimeouts timeouts{options_.connect_timeout, plan.attempt_timeout()};
    switch (try_endpoint(attempt->endpoint, call, timeouts, progress)) {
      case Verdict::answered: preferred_ = attempt->endpoint; return std::move(progress.reply);
      case Verdict::failed: return std::move(*progress.error);
      case Verdict::next_endpoint: break;
    }
    if (canceller.cancelled() || own_canceller_.cancelled()) break;
    if (std::all_of(progress.refused.begin(), progress.refused.end(), std::identity())) break;
  }
  if (canceller.cancelled() || own_canceller_.cancelled()) return cancelled_error();
  return give_up(call, progress);
}

Caller::Verdict Caller::try_endpoint(std::size_t endpoint, const Call& call,
                                     const wire::HttpTimeouts& timeouts, Progress& progress) {
  ConnectionPool::Lease lease = pool_.lease(endpoint);
  std::optional<Canceller::Guard> guard;
  if (call.canceller != nullptr) guard.emplace(*call.canceller, *lease);
  for (;;) {
    bool again = false;
    const Verdict verdict = try_once(endpoint, call, timeouts, lease, progress, again);
    if (again) continue;
    if (call.canceller != nullptr && call.canceller->cancelled()) lease.discard();
    return verdict;
  }
}

Caller::Verdict Caller::try_once(std::size_t endpoint, const Call& call,
                                 const wire::HttpTimeouts& timeouts, ConnectionPool::Lease& lease,
                                 Progress& progress, bool& again) {
  const Canceller& canceller = call.canceller != nullptr ? *call.canceller : own_canceller_;
  const HandshakeResult made = sessions_.get(endpoint, *lease, timeouts, canceller);
  if (!made.session) {
    lease.discard();
    return judge_handshake(endpoint, made.failure, progress);
  }
  auto sealed = made.session->seal(call.method, call.target, call.message);
  if (!sealed.ok()) {
    if (sealed.error().reason == "rekey" && !std::exchange(progress.shook_hands_again, true)) {
      sessions_.drop(endpoint, made.session);
      again = true;
      return Verdict::next_endpoint;
    }
    progress.error = sealed.error();
    return Verdict::failed;
  }
  wire::HttpRequest request;
  request.method = call.method;
  request.target = call.target;
  request.session = sealed->sealed.session;
  request.seal = sealed->sealed.seal;
  request.original_size = sealed->sealed.original_size;
  request.body = std::move(sealed->sealed.body);
  request.progress = call.progress;
  wire::HttpOutcome outcome = lease->exchange(std::move(request), timeouts);
  if (outcome.delivery != wire::Delivery::answered) {
    lease.discard();
    pool_.drop_idle(endpoint);
    if (outcome.delivery == wire::Delivery::unknown) progress.outcome_unknown = true;
    progress.shook_hands_again = false;  // Whoever answers next may be another process.
    progress.problem = options_.endpoints[endpoint].text() + ": " + outcome.problem;
    return Verdict::next_endpoint;
  }
  if (!outcome.answer.sealed) {
    return judge_plain(endpoint, outcome.answer, made.session, progress, again);
  }
  const Verdict verdict = judge_sealed(outcome.answer, made.session, sealed->counter, progress);
  if (verdict == Verdict::next_endpoint && !progress.last_reply) lease.discard();
  return verdict;
}

Caller::Verdict Caller::judge_sealed(wire::HttpAnswer& answer, const Session& session,
                                     std::uint64_t counter, Progress& progress) const {
  wire::Sealed sealed;
  sealed.body = std::move(answer.body);
  sealed.original_size = answer.original_size;
  progress.last_reply.reset();
  auto opened = session->open(counter, answer.status, sealed);
  if (!opened.ok()) {
    progress.outcome_unknown = true;
    progress.problem = "an answer was damaged on its way: " + opened.error().message;
    return Verdict::next_endpoint;
  }
  progress.reply = {answer.status, std::move(*opened)};
  if (!should_retry(answer.status)) return Verdict::answered;
  if (answer.status == kStatusTimeout) progress.outcome_unknown = true;
  progress.problem = wire::decode_error(answer.status, progress.reply.message.body).message;
  progress.last_reply = std::move(progress.reply);
  return Verdict::next_endpoint;
}

Caller::Verdict Caller::judge_plain(std::size_t endpoint, const wire::HttpAnswer& answer,
                                    const Session& session, Progress& progress, bool& again) {
  base::Error error = wire::decode_error(answer.status, answer.body);
  if (answer.status == kStatusUnauthorized) {
    const bool replayed = error.reason == "replayed";
    if (!replayed) sessions_.drop(endpoint, session);
    again = replayed ? ++progress.reseals <= kResealsMax
                     : !std::exchange(progress.shook_hands_again, true);
    progress.error = std::move(error);
    return Verdict::failed;
  }
  if (is_plain_refusal(answer.status)) {
    progress.error = std::move(error);
    return Verdict::failed;
  }
  if (answer.status == kStatusTooManyRequests || answer.status == kStatusUnavailable) {
    progress.problem = options_.endpoints[endpoint].text() + ": " + error.message;
    return Verdict::next_endpoint;
  }
  progress.outcome_unknown = true;
  progress.problem = options_.endpoints[endpoint].text() + ": an answer without seal, status " +
                     std::to_string(answer.status) + " (is this an etcd-server of ml-guard?)";
  return Verdict::next_endpoint;
}

Caller::Verdict Caller::judge_handshake(std::size_t endpoint, const HandshakeFailure& failure,
                                        Progress& progress) const {
  progress.problem = options_.endpoints[endpoint].text() + ": " + failure.error.message;
  if (!failure.try_again) {
    progress.refused[endpoint] = true;
    progress.error = failure.error;
  }
  return Verdict::next_endpoint;
}

base::Result<Reply> Caller::give_up(const Call& call, Progress& progress) const {
  if (call.kind == CallKind::write && progress.outcome_unknown) {
    return base::Error{base::ErrorCode::timeout, "outcome_unknown",
                       "the request was sent, but no answer came within the deadline: it may or "
                       "may not have taken effect; look before you repeat it (" +
                           progress.problem + ")"};
  }
  if (progress.last_reply) return std::move(*progress.last_reply);
  const bool all_refused =
      std::all_of(progress.refused.begin(), progress.refused.end(), std::identity());
  if (all_refused && progress.error) return std::move(*progress.error);
  return base::Error{base::ErrorCode::unavailable, "no_endpoint",
                     "no answer from " + endpoint_list() + " within " +
                         std::to_string(options_.call_deadline.count()) + " ms (last problem: " +
                         progress.problem + "); check that etcd-server runs there"};
}

std::string Caller::endpoint_list() const {
  std::string list;
  for (const wire::Endpoint& endpoint : options_.endpoints) {
    if (!list.empty()) list += ", ";
    list += endpoint.text();
  }
  return list;
}

}  // namespace mlguard::etcd_client
