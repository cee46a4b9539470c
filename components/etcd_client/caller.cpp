#include "caller.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "query_text.h"
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

// How long a round waits at most when nobody leads and no server says how long that may take.
constexpr milliseconds kElectionPause{1'000};
// An attempt that took this much of its time has run into its limit.
constexpr int kAlmostAllPercent = 90;

// Not 429: under a seal it means a full disk or a full table, which no quick retry makes better.
bool should_retry(int status) { return status == kStatusUnavailable || status == kStatusTimeout; }

// The leader has waited already for a rag to come: another try would only wait once more.
constexpr std::string_view kReasonNoRag = "no_rag";

// Not done, because there is no leader or it lacks a majority: the next election mends it.
bool waits_for_election(const base::Error& error) {
  return error.reason == "no_leader" || error.reason == "no_quorum";
}

const char* query_word(Consistency consistency) {
  switch (consistency) {
    case Consistency::linearizable: return "linearizable";
    case Consistency::leader: return "leader";
    case Consistency::local: return "local";
  }
  return "";
}

Aim aim_of(const Call& call) {
  if (call.kind != CallKind::read) return Aim::leader;
  if (call.consistency == Consistency::local) return Aim::nearby;
  // What is held may be held by anyone, unless it was said that it is the leader's to answer.
  const bool anybody = call.hold.count() > 0 && call.consistency != Consistency::leader;
  return anybody ? Aim::nearby : Aim::leader;
}

base::Error cancelled_error() {
  return {base::ErrorCode::unavailable, "cancelled", "the call was broken off by its own program"};
}

}  // namespace

struct Caller::Progress {
  std::string problem;              // Why the last attempt failed, for a person.
  std::optional<Reply> last_reply;  // A status that asked for another try.
  std::optional<base::Error> error;
  Reply reply;
  std::vector<TargetPtr> refused;                // They have refused us, and are left out.
  bool nobody_left = false;                      // All have.
  bool outcome_unknown = false;                  // A server may have done what was asked.
  milliseconds pause_max = milliseconds::max();  // Of the next round.
  // Of the last attempt:
  wire::Delivery delivery = wire::Delivery::answered;
  bool refuses = false;  // The endpoint does not take the credential, or no session.
  bool shook_hands_again = false;
  int reseals = 0;
  bool not_leading = false;  // It says so.
};

base::Result<CallerOptions> caller_options(const ClientOptions& options) {
  auto endpoints = wire::parse_endpoints(options.endpoints);
  if (!endpoints.ok()) return std::move(endpoints).error();
  CallerOptions caller;
  caller.endpoints = std::move(*endpoints);
  caller.discovery = options.discovery;
  caller.reads = options.reads;
  caller.writes = options.writes;
  caller.connect_timeout = options.connect_timeout;
  caller.call_deadline = options.call_deadline;
  caller.backoff_first = options.backoff_first;
  caller.backoff_max = options.backoff_max;
  return caller;
}

Caller::Caller(CallerOptions options, Introduction introduction, const base::Clock& clock,
               std::uint64_t seed)
    : options_(std::move(options)),
      clock_(clock),
      endpoints_(options_.endpoints, options_.discovery, std::move(introduction), clock),
      seed_(seed) {}

void Caller::cancel() {
  own_canceller_.cancel();
  endpoints_.stop();
}

// Fills in what the call leaves to the options. What is the server's default anyway is not said,
// so that older servers understand it.
void Caller::complete(Call& call) const {
  if (call.kind == CallKind::write) {
    if (call.message.field(wire::kFieldRequestId) == nullptr) {
      call.message.fields.push_back(
          {std::string(wire::kFieldRequestId), base::request_id(clock_.wall_ms())});
    }
    if (options_.writes == Ack::leader && !query_value(call.target, "ack")) {
      add_query(call.target, "ack", "leader");
    }
  }
  if (call.kind != CallKind::read) return;
  if (const auto typed = query_value(call.target, "consistency")) {
    call.consistency = Consistency::linearizable;
    for (const Consistency one : {Consistency::leader, Consistency::local}) {
      if (*typed == query_word(one)) call.consistency = one;
    }
    return;
  }
  if (!call.consistency) call.consistency = options_.reads;
  if (*call.consistency != Consistency::linearizable) {
    add_query(call.target, "consistency", query_word(*call.consistency));
  }
}

base::Result<Reply> Caller::call(Call call) {
  complete(call);
  const Aim aim = aim_of(call);
  RetryPlan plan({options_.backoff_first, options_.backoff_max, call.hold}, options_.call_deadline,
                 clock_, seed_.fetch_add(1));
  Canceller& canceller = call.canceller != nullptr ? *call.canceller : own_canceller_;
  const auto cancelled = [&] { return canceller.cancelled() || own_canceller_.cancelled(); };
  Progress progress;
  while (const auto pause = plan.begin_round(progress.pause_max)) {
    if (pause->count() > 0 && !canceller.sleep_for(*pause)) break;
    progress.pause_max = milliseconds::max();
    const std::vector<TargetPtr> targets = endpoints_.round(aim, progress.refused);
    progress.nobody_left = targets.empty();
    if (progress.nobody_left) break;
    for (const TargetPtr& target : targets) {
      if (cancelled() || !plan.begin_attempt()) break;
      const wire::HttpTimeouts timeouts{options_.connect_timeout,
                                        plan.attempt_timeout(targets.size())};
      const Verdict verdict = try_endpoint(target, call, timeouts, progress);
      if (verdict == Verdict::failed) return std::move(*progress.error);
      if (verdict != Verdict::answered) continue;
      remember(target, aim, progress.reply);
      return std::move(progress.reply);
    }
    if (cancelled()) break;
  }
  if (cancelled()) return cancelled_error();
  return give_up(call, progress);
}

void Caller::remember(const TargetPtr& target, Aim aim, const Reply& reply) {
  endpoints_.answered(target, aim);
  if (const std::string* leader = reply.message.field(wire::kFieldLeader)) {
    endpoints_.learn_leader(*leader);
  }
  if (aim == Aim::leader && endpoints_.should_ask_for_leader()) target->session.renew();
}

Caller::Verdict Caller::try_endpoint(const TargetPtr& target, const Call& call,
                                     const wire::HttpTimeouts& timeouts, Progress& progress) {
  const std::int64_t began_at_ms = clock_.monotonic_ms();
  progress.delivery = wire::Delivery::answered;
  progress.refuses = false;
  progress.shook_hands_again = false;
  progress.reseals = 0;
  progress.not_leading = false;
  Verdict verdict = Verdict::once_more;
  {
    ConnectionPool::Lease lease = target->pool.lease();
    std::optional<Canceller::Guard> guard;
    if (call.canceller != nullptr) guard.emplace(*call.canceller, *lease);
    while (verdict == Verdict::once_more) {
      verdict = try_once(*target, call, timeouts, lease, progress);
    }
    if (call.canceller != nullptr && call.canceller->cancelled()) lease.discard();
  }
  if (progress.refuses) progress.refused.push_back(target);
  if (progress.not_leading) endpoints_.not_leading(target);
  const milliseconds took(clock_.monotonic_ms() - began_at_ms);
  const bool too_slow = progress.delivery == wire::Delivery::unknown &&
                        took * 100 >= timeouts.whole * kAlmostAllPercent;
  if (progress.delivery == wire::Delivery::not_sent || too_slow) {
    endpoints_.unreachable(target, took);
  }
  return verdict;
}

Caller::Verdict Caller::try_once(Target& target, const Call& call,
                                 const wire::HttpTimeouts& timeouts, ConnectionPool::Lease& lease,
                                 Progress& progress) {
  const Canceller& canceller = call.canceller != nullptr ? *call.canceller : own_canceller_;
  const EndpointSession::Grant grant = target.session.get(*lease, timeouts, canceller);
  if (!grant.made.session) {
    lease.discard();
    return judge_handshake(target, grant.made.failure, progress);
  }
  if (grant.is_new) endpoints_.learn(grant.made.welcome);
  return exchange(target, call, timeouts, lease, grant.made.session, progress);
}

Caller::Verdict Caller::exchange(Target& target, const Call& call,
                                 const wire::HttpTimeouts& timeouts, ConnectionPool::Lease& lease,
                                 const Session& session, Progress& progress) {
  auto sealed = session->seal(call.method, call.target, call.message);
  if (!sealed.ok()) {
    if (sealed.error().reason == "rekey" && !std::exchange(progress.shook_hands_again, true)) {
      target.session.drop(session);
      return Verdict::once_more;
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
  progress.delivery = outcome.delivery;
  if (outcome.delivery != wire::Delivery::answered) {
    lease.discard();
    target.pool.drop_idle();
    if (outcome.delivery == wire::Delivery::unknown) progress.outcome_unknown = true;
    progress.problem = target.text() + ": " + outcome.problem;
    return Verdict::next_endpoint;
  }
  if (!outcome.answer.sealed) return judge_plain(target, outcome.answer, session, progress);
  const Verdict verdict = judge_sealed(outcome.answer, session, sealed->counter, progress);
  if (verdict == Verdict::next_endpoint && !progress.last_reply) lease.discard();
  return verdict;
}

Caller::Verdict Caller::judge_sealed(wire::HttpAnswer& answer, const Session& session,
                                     std::uint64_t counter, Progress& progress) {
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
  const base::Error error = wire::decode_error(answer.status, progress.reply.message.body);
  if (error.reason == kReasonNoRag) return Verdict::answered;
  if (answer.status == kStatusTimeout) progress.outcome_unknown = true;
  progress.problem = error.message;
  if (waits_for_election(error)) {
    progress.not_leading = true;
    // An election is over soon and asking costs little: Retry-After bounds the growing pauses here,
    // instead of making the first ones longer.
    progress.pause_max = std::min(progress.pause_max, answer.retry_after.value_or(kElectionPause));
  }
  progress.last_reply = std::move(progress.reply);
  return Verdict::next_endpoint;
}

Caller::Verdict Caller::judge_plain(Target& target, const wire::HttpAnswer& answer,
                                    const Session& session, Progress& progress) {
  base::Error error = wire::decode_error(answer.status, answer.body);
  if (answer.status == kStatusUnauthorized) {
    const bool replayed = error.reason == "replayed";
    if (!replayed) target.session.drop(session);
    const bool again = replayed ? ++progress.reseals <= kResealsMax
                                : !std::exchange(progress.shook_hands_again, true);
    progress.error = std::move(error);
    if (again) return Verdict::once_more;
    progress.refuses = true;  // Whatever ails it: others may take what it does not.
    return Verdict::next_endpoint;
  }
  if (is_plain_refusal(answer.status)) {
    progress.error = std::move(error);
    return Verdict::failed;
  }
  if (answer.status == kStatusTooManyRequests || answer.status == kStatusUnavailable) {
    progress.problem = target.text() + ": " + error.message;
    return Verdict::next_endpoint;
  }
  progress.outcome_unknown = true;
  progress.problem = target.text() + ": an answer without seal, status " +
                     std::to_string(answer.status) + " (is this an etcd-server of ml-guard?)";
  return Verdict::next_endpoint;
}

Caller::Verdict Caller::judge_handshake(Target& target, const HandshakeFailure& failure,
                                        Progress& progress) {
  progress.problem = target.text() + ": " + failure.error.message;
  progress.delivery = failure.delivery;
  progress.refuses = !failure.try_again;
  if (progress.refuses) progress.error = failure.error;
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
  if (progress.nobody_left && progress.error) return std::move(*progress.error);
  return base::Error{base::ErrorCode::unavailable, "no_endpoint",
                     "no answer from " + endpoints_.text() + " within " +
                         std::to_string(options_.call_deadline.count()) + " ms (last problem: " +
                         progress.problem + "); check that etcd-server runs there"};
}

}  // namespace mlguard::etcd_client
