#include "support/chat_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "support/tcp.h"

namespace mlguard::support {

namespace {

constexpr int kChatTickMs = 20;

bool ready(int fd, short event, const std::atomic<bool>& stopping) {
  while (!stopping) {
    pollfd wanted{fd, event, 0};
    if (::poll(&wanted, 1, kChatTickMs) > 0) return true;
  }
  return false;
}
bool readable(int fd, const std::atomic<bool>& stopping) { return ready(fd, POLLIN, stopping); }

// The head and as many bytes of body as it says.
std::string read_request(int fd, const std::atomic<bool>& stopping) {
  std::string request;
  std::array<char, 16'384> buffer{};
  std::size_t whole = std::string::npos;
  while (request.size() < whole && readable(fd, stopping)) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    request.append(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t head = request.find("\r\n\r\n");
    const std::size_t length = request.find("Content-Length: ");
    if (head == std::string::npos || length == std::string::npos) continue;
    whole = head + 4 + std::strtoull(request.c_str() + length + 16, nullptr, 10);
  }
  return request;
}

std::string json_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

bool ChatServer::Connection::send(std::string_view bytes) {
  // Not by a send that waits: one whose client has gone without reading waits for minutes.
  while (!bytes.empty() && ready(fd_, POLLOUT, stopping_)) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return !stopping_;
}

bool ChatServer::Connection::begin() {
  return send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
}

bool ChatServer::Connection::event(std::string_view data) {
  return send("data: " + std::string(data) + "\n\n");
}

bool ChatServer::Connection::text(std::string_view piece) {
  return event(R"({"choices":[{"delta":{"content":")" + json_text(piece) + R"("}}]})");
}

bool ChatServer::Connection::wait_until_gone() {
  std::array<char, 64> buffer{};
  while (readable(fd_, stopping_)) {
    if (::recv(fd_, buffer.data(), buffer.size(), 0) <= 0) return true;
  }
  return false;
}

void ChatServer::Connection::sleep_ms(int ms) const {
  for (; ms > 0 && !stopping_; ms -= kChatTickMs) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kChatTickMs));
  }
}

ChatServer::ChatServer(Serve serve) : socket_(listen_on(0)), serve_(std::move(serve)) {
  port_ = port_of(socket_);
  thread_ = std::thread([this] { run(); });
}

ChatServer::~ChatServer() {
  stopping_ = true;
  thread_.join();
}

std::vector<std::string> ChatServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ChatServer::serve(Serve serve) {
  const std::lock_guard lock(mutex_);
  serve_ = std::move(serve);
}

void ChatServer::run() {
  while (readable(socket_.get(), stopping_)) {
    const base::UniqueFd client(::accept(socket_.get(), nullptr, nullptr));
    if (client.get() < 0) continue;
    std::string request = read_request(client.get(), stopping_);
    if (request.empty()) continue;
    Serve serve;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(request));
      serve = serve_;
    }
    Connection connection(client.get(), stopping_);
    serve(connection);
  }
}

}  // namespace mlguard::support
