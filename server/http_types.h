// What the HTTP listener hands to the rest of the server and takes back: plain requests and
// answers, and the Responder that joins them. Nothing here knows libevent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mlguard::server {

struct PeerAddress {
  std::string text;       // "127.0.0.1", "2001:db8::1"
  bool loopback = false;  // 127.0.0.0/8, ::1, or the former mapped into IPv6
};

struct HttpRequest {
  std::string method;  // "GET", "POST", …
  std::string target;  // Path with query, byte for byte as in the request line.
  PeerAddress peer;
  std::string session;                       // X-Session
  std::string seal;                          // X-Seal
  std::optional<std::string> original_size;  // X-Original-Size
  std::string body;
};

struct HttpAnswer {
  int status = 200;
  std::string body = {};
  const char* content_type = "application/json";            // Of static storage.
  bool sealed = false;                                      // X-Sealed: 1
  std::optional<std::size_t> original_size = std::nullopt;  // X-Original-Size
  const char* allow = nullptr;                              // Allow, of static storage.
  std::int64_t retry_after_s = 0;                           // Retry-After, when positive.
};

class AnswerQueue;

// The duty to answer one request, exactly once: by answer(), by answer_with(), or, when a bug drops
// it, by the destructor with a 500. May be moved to and used on any thread; harmless when the
// client has gone or the server has stopped meanwhile.
class Responder {
 public:
  Responder(std::shared_ptr<AnswerQueue> queue, std::uint64_t ticket);
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) = delete;
  ~Responder();

  void answer(HttpAnswer answer);
  // `make` runs on the loop that owns the connection: sealing an answer costs the thread that
  // knows it (the store's writer, above all) nothing.
  void answer_with(std::function<HttpAnswer()> make);

 private:
  std::shared_ptr<AnswerQueue> queue_;  // Shared with the loop, which may end first.
  std::uint64_t ticket_ = 0;
};

using HttpHandler = std::function<void(HttpRequest, Responder)>;

}  // namespace mlguard::server
