#include "support/recording_proxy.h"

#include <poll.h>
#include <sys/socket.h>

#include <vector>

namespace mlguard::support {
namespace {

constexpr int kTickMs = 20;
constexpr std::size_t kPumpBytes = 64 * 1024;

// Blocking send of everything, so that a slow reader slows the writer, as a wire does.
bool send_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = send(fd, data, size, MSG_NOSIGNAL);
    if (count <= 0) return false;
    data += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace

RecordingProxy::RecordingProxy(std::uint16_t target_port)
    : target_port_(target_port), listener_(listen_on(0)), port_(port_of(listener_)) {
  thread_ = std::thread([this] { run(); });
}

RecordingProxy::~RecordingProxy() {
  stop_ = true;
  thread_.join();
}

std::string RecordingProxy::client_bytes() const {
  const std::lock_guard lock(mutex_);
  return client_bytes_;
}

std::string RecordingProxy::server_bytes() const {
  const std::lock_guard lock(mutex_);
  return server_bytes_;
}

void RecordingProxy::accept_one() {
  base::UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client.valid()) return;
  std::optional<TcpClient> server = TcpClient::connect(target_port_);
  if (!server) return;
  ++connections_;
  const int key = client.get();
  pairs_.emplace(key, Pair{std::move(client), std::move(*server)});
}

bool RecordingProxy::pump(int from, int to, std::string& record) {
  char buffer[kPumpBytes];
  const ssize_t count = recv(from, buffer, sizeof(buffer), MSG_DONTWAIT);
  if (count <= 0) return false;
  {
    const std::lock_guard lock(mutex_);
    record.append(buffer, static_cast<std::size_t>(count));
  }
  return send_all(to, buffer, static_cast<std::size_t>(count));
}

void RecordingProxy::run() {
  while (!stop_) {
    if (cut_.exchange(false)) pairs_.clear();
    std::vector<pollfd> polled = {{listener_.get(), POLLIN, 0}};
    std::vector<int> keys;
    for (const auto& [key, pair] : pairs_) {
      keys.push_back(key);
      polled.push_back({pair.client.get(), POLLIN, 0});
      polled.push_back({pair.server.fd(), POLLIN, 0});
    }
    if (poll(polled.data(), polled.size(), kTickMs) <= 0) continue;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Pair& pair = pairs_.at(keys[i]);
      bool open = true;
      if (polled[1 + 2 * i].revents != 0) {
        open = pump(pair.client.get(), pair.server.fd(), client_bytes_);
      }
      if (open && polled[2 + 2 * i].revents != 0) {
        open = pump(pair.server.fd(), pair.client.get(), server_bytes_);
      }
      if (!open) pairs_.erase(keys[i]);
    }
    if (polled[0].revents != 0) accept_one();
  }
}

}  // namespace mlguard::support
