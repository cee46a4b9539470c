#include "support/tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace mlguard::support {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

base::UniqueFd listen_on(std::uint16_t port) {
  base::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const sockaddr_in address = loopback(port);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (bind(fd.get(), generic, sizeof(address)) != 0) return {};
  if (listen(fd.get(), SOMAXCONN) != 0) return {};
  return fd;
}

std::uint16_t port_of(const base::UniqueFd& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

std::uint16_t free_port() {
  constexpr int kFirst = 12'000;
  constexpr int kLast = 31'999;
  constexpr int kAttemptsMax = 200;
  static std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> any(kFirst, kLast);
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const auto port = static_cast<std::uint16_t>(any(random));
    if (listen_on(port).valid()) return port;
  }
  std::fputs("no free port between 12000 and 31999\n", stderr);
  std::abort();
}

std::optional<TcpClient> TcpClient::connect(std::uint16_t port, const std::string& host) {
  base::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(fd.get(), generic, sizeof(address)) != 0) return std::nullopt;
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return TcpClient(std::move(fd));
}

bool TcpClient::wait(short events, std::int64_t timeout_ms) {
  pollfd ready{fd_.get(), events, 0};
  return poll(&ready, 1, static_cast<int>(timeout_ms)) > 0;
}

bool TcpClient::send(std::string_view bytes, std::int64_t timeout_ms) {
  while (!bytes.empty()) {
    if (!wait(POLLOUT, timeout_ms)) return false;
    const ssize_t count =
        ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN) return false;
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string TcpClient::receive_some(std::int64_t timeout_ms, std::size_t bytes_max) {
  if (ended_ || !wait(POLLIN, timeout_ms)) return {};
  std::string bytes(bytes_max, '\0');
  const ssize_t count = recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count <= 0) ended_ = count == 0 || errno != EAGAIN;
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

std::string TcpClient::receive_all(std::int64_t timeout_ms) {
  const std::int64_t deadline = now_ms() + timeout_ms;
  std::string all;
  while (!ended_ && now_ms() < deadline) all += receive_some(deadline - now_ms());
  return all;
}

}  // namespace mlguard::support
