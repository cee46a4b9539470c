// Exchange: one API request on its way to its answer. It knows how the answer must travel (sealed
// for this session and counter, or plain), gives it exactly once, and keeps the books: metrics, the
// session's pending requests, the bytes of bodies in flight.
//
// Threads: handed from one to the next; reply() and fail() from any, the first one counts. Shared,
// because the store's callbacks are copyable functions.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "db/engine.h"
#include "server/http_types.h"
#include "server/metrics.h"
#include "server/query.h"
#include "server/session_table.h"
#include "wire/channel.h"

namespace mlguard::server {

struct ApiRequest {
  std::size_t route = 0;
  std::string method;
  std::string target;
  std::vector<std::string> parameters;  // Of the path, decoded.
  Query query;
  wire::Message message;  // Sealed fields and the body.
  PeerAddress peer;
  const char* allow = nullptr;  // Set when the path is known for these methods only.
  db::Consistency consistency = db::Consistency::local;  // Of a read.
  db::Ack ack = db::Ack::quorum;                         // Of a write.
};

struct ApiAnswer {
  int status = 200;
  std::string body = {};
  std::vector<wire::Field> fields = {};
  const char* content_type = "application/json";  // Of static storage; for plain answers.
  const char* allow = nullptr;                    // Of static storage.
};

ApiAnswer json_answer(std::string body, int status = 200);
ApiAnswer error_answer(const base::Error& error);
HttpAnswer plain_answer(ApiAnswer answer);

class Exchange {
 public:
  struct Accounts {
    Metrics& metrics;
    std::atomic<std::uint64_t>& body_bytes;  // Of all requests in flight.
  };
  // `session` is null for a plain request.
  Exchange(ApiRequest request, SessionTable::Pointer session, std::uint64_t counter,
           std::int64_t started_us, Accounts accounts, Responder responder);
  // A client's request that another instance sent on: answered as the body of `outer`'s answer.
  Exchange(ApiRequest request, Identity caller, std::shared_ptr<Exchange> outer, Accounts accounts);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const ApiRequest& request() const { return request_; }
  ApiRequest& request() { return request_; }
  const SessionTable::Pointer& session() const { return session_; }
  bool forwarded() const { return outer_ != nullptr; }
  // REQUIRES: session() != nullptr.
  const Identity& caller() const { return outer_ ? forwarded_for_ : session_->identity; }
  const Accounts& accounts() const { return accounts_; }

  void reply(ApiAnswer answer);
  void fail(const base::Error& error) { reply(error_answer(error)); }
  // `make` runs on the connection's event loop.
  void reply_with(std::function<ApiAnswer()> make);

  // A long poll begins or ends: it counts as waiting, not as pending.
  void begin_waiting();
  void end_waiting();

 private:
  void settle();

  ApiRequest request_;
  SessionTable::Pointer session_;
  std::uint64_t counter_ = 0;
  std::int64_t started_us_ = 0;
  Accounts accounts_;
  std::optional<Responder> responder_;
  std::shared_ptr<Exchange> outer_;  // Set when forwarded; then there is no responder.
  Identity forwarded_for_;
  std::size_t body_bytes_ = 0;
  std::atomic<bool> answered_ = false;
  bool waiting_ = false;
};

using ExchangePtr = std::shared_ptr<Exchange>;

std::int64_t monotonic_us();

}  // namespace mlguard::server
