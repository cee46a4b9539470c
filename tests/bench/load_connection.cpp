#include "bench/load_connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace mlguard::bench {

namespace {

constexpr std::size_t kReceiveBytes = 64 * 1024;

base::Error lost(const std::string& why) {
  return {base::ErrorCode::unavailable, "connection_lost",
          "the connection to the server was lost (" + why + "): look at its log"};
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// False once the deadline has passed.
bool wait_for(int fd, short events, SteadyClock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - SteadyClock::now());
    if (left.count() <= 0) return false;
    pollfd one{fd, events, 0};
    if (::poll(&one, 1, static_cast<int>(left.count())) > 0) return true;
  }
}

}  // namespace

base::Result<Connection> Connection::open(const wire::Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int failed = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  std::string why = failed == 0 ? "no address" : gai_strerror(failed);
  for (const addrinfo* one = found; failed == 0 && one != nullptr; one = one->ai_next) {
    base::UniqueFd fd(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd.valid() && ::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0) {
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
      return Connection(std::move(fd));
    }
    why = std::strerror(errno);
  }
  return base::Error{base::ErrorCode::unavailable, "no_connection",
                     "cannot connect to " + endpoint.text() + " (" + why +
                         "): start the server, or correct --endpoints"};
}

base::Status Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      return lost(std::strerror(errno));
    } else if (!wait_for(fd_.get(), POLLOUT, SteadyClock::now() + kStallMax)) {
      return lost("it takes no more bytes");
    }
  }
  return {};
}

base::Status Connection::receive(AnswerReader& reader) {
  thread_local std::array<char, kReceiveBytes> buffer;
  const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (received == 0) return lost("it was closed");
  if (received < 0) {
    if (errno == EAGAIN || errno == EINTR) return {};
    return lost(std::strerror(errno));
  }
  return reader.add({buffer.data(), static_cast<std::size_t>(received)});
}

base::Status Connection::wait_for_answer(AnswerReader& reader, SteadyClock::time_point deadline) {
  while (!reader.whole()) {
    if (!wait_for(fd_.get(), POLLIN, deadline)) {
      return base::Error{base::ErrorCode::timeout, "no answer came in time: look at the server"};
    }
    const base::Status received = receive(reader);
    if (!received.ok()) return received;
  }
  return {};
}

base::Result<Answer> ask_once(const wire::Endpoint& endpoint, std::string_view request) {
  auto connection = Connection::open(endpoint);
  if (!connection.ok()) return std::move(connection).error();
  base::Status status = connection->send(request);
  AnswerReader reader;
  if (status.ok()) status = connection->wait_for_answer(reader, SteadyClock::now() + kStallMax);
  if (!status.ok()) return status.error();
  return std::move(reader.answer());
}

}  // namespace mlguard::bench
