// HttpServer: the HTTP/1.1 listener, a small interface of ours over libevent's evhttp. N event
// loops, each with its own thread and its own listening sockets; handlers run on a loop and must
// not block it: what takes long is answered later, from any thread, through the Responder.
//
// Everything a client can make it hold is bounded: headers, bodies, connections (429
// "too_many_connections" for those of one address), the time to send a request and to take an
// answer, bytes received but not yet handled, answers not yet taken.
//
// Threads: start() and stop() by the owner; counters() from any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/http_types.h"

namespace mlguard::server {

inline constexpr std::size_t kHeaderBytesMax = 16 * 1024;  // Request line and headers together.
inline constexpr std::size_t kConnectionsMax = 16'384;
// Of one remote address: an agent holds one or two.
inline constexpr std::size_t kConnectionsPerAddressMax = 1'024;
inline constexpr std::int64_t kRequestDeadlineMs = 30'000;  // First byte to last byte of a request.
inline constexpr std::int64_t kAnswerDeadlineMs = 60'000;   // For the client to take an answer.
inline constexpr std::int64_t kIdleTimeoutMs = 75'000;      // Longer than the longest long poll.
inline constexpr std::int64_t kSweepMs = 1'000;             // How often deadlines are looked at.
// A request in progress that is larger than this may be cut off when all of them together exceed
// kUnhandledBytesMax; heartbeats and the like are smaller and always get through.
inline constexpr std::size_t kSmallRequestBytesMax = 32 * 1024;
inline constexpr std::size_t kUnhandledBytesMax = 128 * 1024 * 1024;
// Above this, clients that do not take their answers within kSlowAnswerMs are cut off.
inline constexpr std::size_t kUntakenBytesMax = 128 * 1024 * 1024;
inline constexpr std::int64_t kSlowAnswerMs = 5'000;
// A long poll whose client has closed its end for so long is given up.
inline constexpr std::int64_t kGoneAfterMs = 5'000;

struct HttpOptions {
  std::string address;  // Empty: every address.
  std::uint16_t port = 2379;
  std::size_t threads = 2;
  std::size_t header_bytes_max = kHeaderBytesMax;
  std::size_t body_bytes_max = 0;  // REQUIRED.
  std::size_t connections_max = kConnectionsMax;
  std::size_t connections_per_address_max = kConnectionsPerAddressMax;
  std::size_t unhandled_bytes_max = kUnhandledBytesMax;
  std::int64_t request_deadline_ms = kRequestDeadlineMs;
  std::int64_t answer_deadline_ms = kAnswerDeadlineMs;
  std::int64_t idle_timeout_ms = kIdleTimeoutMs;
  std::int64_t sweep_ms = kSweepMs;
};

// Relaxed counters, written by the loops.
struct HttpCounters {
  std::atomic<std::uint64_t> connections = 0;  // Open now.
  std::atomic<std::uint64_t> connections_total = 0;
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> bytes_in = 0;
  std::atomic<std::uint64_t> bytes_out = 0;
  std::atomic<std::uint64_t> cut_slow_request = 0;
  std::atomic<std::uint64_t> cut_slow_answer = 0;
  std::atomic<std::uint64_t> cut_memory = 0;
  std::atomic<std::uint64_t> cut_address = 0;  // Cut or refused: too many of one address.
  std::atomic<std::uint64_t> gone_while_waiting = 0;
  std::atomic<std::uint64_t> unhandled_bytes = 0;  // Received for requests not yet complete.
  std::atomic<std::uint64_t> untaken_bytes = 0;    // Answers not yet written to sockets.
};

class AddressCounts;
class HttpLoop;

class HttpServer {
 public:
  // Errors: those of open_listen_sockets; resource_exhausted / "too_few_files".
  static base::Result<std::unique_ptr<HttpServer>> start(const HttpOptions& options,
                                                         HttpHandler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const { return port_; }
  const HttpCounters& counters() const { return *counters_; }

  // New connections are refused from now on; open ones are served.
  void stop_accepting();
  // Waits until all requests are answered and the answers are taken, `grace_ms` at most; then
  // closes everything. Idempotent. The handler is not called after this.
  void stop(std::int64_t grace_ms);

 private:
  HttpServer();

  std::uint16_t port_ = 0;
  // On the heap: the loops refer to them.
  std::unique_ptr<HttpOptions> options_;
  std::unique_ptr<HttpHandler> handler_;
  std::unique_ptr<HttpCounters> counters_;
  std::unique_ptr<AddressCounts> addresses_;
  std::vector<std::unique_ptr<HttpLoop>> loops_;
};

// "127.0.0.1" and the like; used for peers and by the tests.
bool is_loopback(const std::string& address);

}  // namespace mlguard::server
