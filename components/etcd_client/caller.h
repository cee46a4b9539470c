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
#include "retry_plan.h"
#include "session_manager.h"
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
  milliseconds connect_timeout{1'000};
  milliseconds call_deadline{10'000};
  milliseconds backoff_first{50};
  milliseconds backoff_max{2'000};
};

class Caller {
 public:
  Caller(CallerOptions options, const wire::ClientIdentity& identity, std::string hello,
         const base::Clock& clock, std::uint64_t seed);

  // The server's answer, whatever its status. Errors: unavailable / "no_endpoint", "cancelled";
  // timeout / "outcome_unknown"; unauthenticated, permission_denied (the credential is refused);
  // too_large; what else the server refused before it opened the seal.
  base::Result<Reply> call(Call call);

  // Ends all calls, now and from now on.
  void cancel();
  // The endpoint that answered last.
  const wire::Endpoint& endpoint() const { return options_.endpoints[preferred_]; }
  // What it said in its last handshake.
  std::optional<wire::HandshakeWelcome> welcome() const { return sessions_.welcome(preferred_); }

 private:
  struct Progress;  // What a call has seen so far.
  enum class Verdict { answered, next_endpoint, failed };

  Verdict try_endpoint(std::size_t endpoint, const Call& call, const wire::HttpTimeouts& timeouts,
                       Progress& progress);
  Verdict try_once(std::size_t endpoint, const Call& call, const wire::HttpTimeouts& timeouts,
                   ConnectionPool::Lease& lease, Progress& progress, bool& again);
  Verdict judge_sealed(wire::HttpAnswer& answer, const Session& session, std::uint64_t counter,
                       Progress& progress) const;
  Verdict judge_plain(std::size_t endpoint, const wire::HttpAnswer& answer, const Session& session,
                      Progress& progress, bool& again);
  Verdict judge_handshake(std::size_t endpoint, const HandshakeFailure& failure,
                          Progress& progress) const;
  base::Result<Reply> give_up(const Call& call, Progress& progress) const;
  std::string endpoint_list() const;

  const CallerOptions options_;
  const base::Clock& clock_;
  ConnectionPool pool_;
  SessionManager sessions_;
  Canceller own_canceller_;
  std::atomic<std::size_t> preferred_ = 0;
  std::atomic<std::uint64_t> seed_;
};

}  // namespace mlguard::etcd_client
