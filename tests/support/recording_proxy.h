// RecordingProxy: a TCP proxy on loopback that passes everything on and keeps every byte of both
// directions, as somebody on the wire would see it.
//
// Threads: one of its own, joined in the destructor; the members may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "support/tcp.h"

namespace mlguard::support {

class RecordingProxy {
 public:
  explicit RecordingProxy(std::uint16_t target_port);
  ~RecordingProxy();
  RecordingProxy(const RecordingProxy&) = delete;
  RecordingProxy& operator=(const RecordingProxy&) = delete;

  std::uint16_t port() const { return port_; }
  std::string client_bytes() const;  // everything that clients sent
  std::string server_bytes() const;  // everything that the server sent
  std::size_t connections() const { return connections_; }
  // Cuts all connections that are open now.
  void cut() { cut_ = true; }

 private:
  struct Pair {
    base::UniqueFd client;
    TcpClient server;
  };

  void run();
  void accept_one();
  // False when the connection is over.
  bool pump(int from, int to, std::string& record);

  std::uint16_t target_port_;
  base::UniqueFd listener_;
  std::uint16_t port_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> cut_ = false;
  std::atomic<std::size_t> connections_ = 0;
  mutable std::mutex mutex_;
  std::string client_bytes_;
  std::string server_bytes_;
  std::map<int, Pair> pairs_;  // by the client's descriptor; the thread's own
  std::thread thread_;         // last: it uses all of the above
};

}  // namespace mlguard::support
