// Raw TCP: a free port to listen on, and a client that sends exactly the bytes it is
// told to. One thread at a time for each client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace mlguard::support {

// A port on which nothing listens now, outside the range from which the kernel picks ports for
// outgoing connections. Somebody else may still take it first: start the server at once.
std::uint16_t free_port();

class TcpClient {
 public:
  // Nothing when nobody listens. `host`: IPv4 in digits.
  static std::optional<TcpClient> connect(std::uint16_t port,
                                          const std::string& host = "127.0.0.1");

  // False when the peer has closed or does not read for `timeout_ms`.
  bool send(std::string_view bytes, std::int64_t timeout_ms = 10'000);
  // What arrives first, at most `bytes_max`; empty at the end of the stream or after the time.
  std::string receive_some(std::int64_t timeout_ms, std::size_t bytes_max = 65'536);
  // Until the peer closes or the time is over.
  std::string receive_all(std::int64_t timeout_ms);
  // The peer has closed (seen by the last receive).
  bool ended() const { return ended_; }
  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }

 private:
  explicit TcpClient(base::UniqueFd fd) : fd_(std::move(fd)) {}
  bool wait(short events, std::int64_t timeout_ms);

  base::UniqueFd fd_;
  bool ended_ = false;
};

// A listening socket on 127.0.0.1 (port 0: the kernel picks). Invalid when the port is taken.
base::UniqueFd listen_on(std::uint16_t port);
std::uint16_t port_of(const base::UniqueFd& socket);

}  // namespace mlguard::support
