// HttpConnection: one keep-alive HTTP/1.1 connection to one endpoint, one request at a time. The
// seam between the client library and cpp-httplib. docs/decisions/0002-client-http.md says what
// cpp-httplib costs.
//
// Threads: exchange() from one thread at a time; stop() from any thread, at any moment.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "wire/endpoint.h"

namespace mlguard::wire {

using std::chrono::milliseconds;
using SendProgress = std::function<void(std::size_t sent, std::size_t total)>;

// Views must outlive exchange().
struct HttpRequest {
  std::string_view method;
  std::string_view target;                   // path with query, as it stands in the request line
  std::string_view session;                  // X-Session; empty: not sent
  std::string_view seal;                     // X-Seal; empty: not sent
  std::optional<std::size_t> original_size;  // X-Original-Size
  std::string body;
  const SendProgress* progress = nullptr;
};

struct HttpAnswer {
  int status = 0;
  bool sealed = false;  // X-Sealed: 1
  std::optional<std::size_t> original_size;
  std::optional<milliseconds> retry_after;  // Retry-After, in whole seconds on the wire.
  std::string body;
};

// What became of an exchange.
enum class Delivery {
  answered,  // `answer` holds the whole answer.
  not_sent,  // No connection: the server has seen nothing.
  unknown,   // It broke off: the server may have done what was asked.
};

struct HttpOutcome {
  Delivery delivery = Delivery::answered;
  HttpAnswer answer;
  std::string problem;  // For a person, when not answered: "connection refused".
};

struct HttpTimeouts {
  milliseconds connect{1'000};
  milliseconds whole{10'000};  // One wait for the network, and the whole body of the answer.
};

class HttpConnection {
 public:
  virtual ~HttpConnection() = default;
  // Connects when needed. After any outcome but `answered` the connection is closed.
  virtual HttpOutcome exchange(HttpRequest request, const HttpTimeouts& timeouts) = 0;
  // Breaks off what is going on and whatever would follow: exchange() returns at once.
  virtual void stop() = 0;
};

std::unique_ptr<HttpConnection> make_http_connection(const Endpoint& endpoint);

}  // namespace mlguard::wire
