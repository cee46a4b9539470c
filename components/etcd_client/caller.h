// Caller: one sealed request through failover, handshake and retries, until it has an answer or
// its deadline has passed. Everything a Client does goes through here.
//
// Threads: any. Calls block, without a lock held over input or output.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "canceller.h"
#include "connection_pool.h"
#include "endpoint_session.h"
#include "endpoint_set.h"
#include "etcd_client/client.h"
#include "retry_plan.h"
#include "wire/http_connection.h"

namespace mlguard::etcd_client {

enum class CallKind {
  read,   // Sent again freely.
  beat,   // A heartbeat: sent again freely, without a request id.
  write,  // Carries a request id, the same on every try; its outcome may stay unknown.
};

struct Call {
  CallKind kind = CallKind::read;
  std::string method = "GET";
  std::string target;
  wire::Message message;
  std::optional<Consistency> consistency;  // Of a read; absent: as CallerOptions say.
  milliseconds hold{0};  // A long poll: the server may hold the answer back so long.
  const wire::SendProgress* progress = nullptr;
  Canceller* canceller = nullptr;  // Besides the Caller's own.
};

struct Reply {
  int status = 0;
  wire::Message message;
};

struct CallerOptions {
  std::vector<wire::Endpoint> endpoints;
  Discovery discovery = Discovery::members;
  Consistency reads = Consistency::linearizable;
  Ack writes = Ack::quorum;
  milliseconds connect_timeout{1'000};
  milliseconds call_deadline{10'000};
  milliseconds backoff_first{50};
  milliseconds backoff_max{2'000};
};

// Error: invalid_argument / "invalid_endpoint".
base::Result<CallerOptions> caller_options(const ClientOptions& options);

class Caller {
 public:
  Caller(CallerOptions options, Introduction introduction, const base::Clock& clock,
         std::uint64_t seed);

  // The server's answer, whatever its status. Errors: unavailable / "no_endpoint", "cancelled";
  // timeout / "outcome_unknown"; unauthenticated, permission_denied (the credential is refused);
  // too_large; what else the server refused before it opened the seal.
  base::Result<Reply> call(Call call);

  // The instance that answers local reads lags behind: another one is asked first from now on.
  void leave_nearby() { endpoints_.leave_nearby(); }

  // Ends all calls, now and from now on.
  void cancel();
  // The endpoint that answered last.
  wire::Endpoint endpoint() const { return endpoints_.last_answered()->pool.endpoint(); }
  std::vector<std::string> endpoints() const { return endpoints_.texts(); }
  // What it said in its last handshake.
  std::optional<wire::HandshakeWelcome> welcome() const {
    return endpoints_.last_answered()->session.welcome();
  }

 private:
  struct Progress;  // What a call has seen so far.
  // once_more: the same endpoint again, at once.
  enum class Verdict { answered, once_more, next_endpoint, failed };

  void complete(Call& call) const;
  Verdict try_endpoint(const TargetPtr& target, const Call& call,
                       const wire::HttpTimeouts& timeouts, Progress& progress);
  Verdict try_once(Target& target, const Call& call, const wire::HttpTimeouts& timeouts,
                   ConnectionPool::Lease& lease, Progress& progress);
  Verdict exchange(Target& target, const Call& call, const wire::HttpTimeouts& timeouts,
                   ConnectionPool::Lease& lease, const Session& session, Progress& progress);
  static Verdict judge_sealed(wire::HttpAnswer& answer, const Session& session,
                              std::uint64_t counter, Progress& progress);
  static Verdict judge_plain(Target& target, const wire::HttpAnswer& answer, const Session& session,
                             Progress& progress);
  static Verdict judge_handshake(Target& target, const HandshakeFailure& failure,
                                 Progress& progress);
  void remember(const TargetPtr& target, Aim aim, const Reply& reply);
  base::Result<Reply> give_up(const Call& call, Progress& progress) const;

  const CallerOptions options_;
  const base::Clock& clock_;
  EndpointSet endpoints_;
  Canceller own_canceller_;
  std::atomic<std::uint64_t> seed_;
};

}  // namespace mlguard::etcd_client
