// A server that speaks the OpenAI protocol (chat completions, streamed) as badly as a test wants it
// to: it reads each request whole, keeps it, and lets the test write the answer byte for byte.
//
// Threads: one thread of its own serves one connection after the other; requests() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace mlguard::support {

class ChatServer {
 public:
  class Connection {
   public:
    explicit Connection(int fd, const std::atomic<bool>& stopping) : fd_(fd), stopping_(stopping) {}
    // False when the client has gone.
    bool send(std::string_view bytes);
    // The head of a streamed answer; what follows ends with the connection.
    bool begin();
    bool event(std::string_view data);
    // One piece of text, as JSON.
    bool text(std::string_view piece);
    bool done() { return event("[DONE]"); }
    // True once the client has closed; false when the server stops first.
    bool wait_until_gone();
    void sleep_ms(int ms) const;

   private:
    int fd_;
    const std::atomic<bool>& stopping_;
  };
  using Serve = std::function<void(Connection&)>;

  explicit ChatServer(Serve serve);
  ~ChatServer();
  ChatServer(const ChatServer&) = delete;
  ChatServer& operator=(const ChatServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::uint16_t port() const { return port_; }
  // Heads and bodies of all requests so far.
  std::vector<std::string> requests() const;
  // From the next request on.
  void serve(Serve serve);

 private:
  void run();

  base::UniqueFd socket_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  Serve serve_;  // Guarded by mutex_, as the next.
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace mlguard::support
