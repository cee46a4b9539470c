#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/unique_fd.h"
#include "http_answer.h"
#include "http_connection.h"

namespace mlguard::etcd_client {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kReadBytes = 4 * 1024;  // Most answers fit; larger ones say their length.
// Smaller bodies are copied behind the head: one buffer costs less than two segments.
constexpr std::size_t kJoinBodyBytesMax = 16 * 1024;
constexpr std::size_t kUploadChunkBytes = 16 * 1024;  // Between two calls of the progress function.
// A connection that rested longer is looked at before it is used: the server may have closed it.
constexpr milliseconds kTrustIdle{500};

struct AddressListFree {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressListFree>;

int left_ms(SteadyTime ends) {
  const auto left =
      std::chrono::ceil<milliseconds>(ends - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 24 * 3'600'000));
}

std::string errno_text(int error) {
  std::array<char, 128> buffer{};
  return strerror_r(error, buffer.data(), buffer.size());
}

class TcpConnection final : public HttpConnection {
 public:
  explicit TcpConnection(const Endpoint& endpoint) : endpoint_(endpoint) {}

  HttpOutcome exchange(const HttpRequest& request, const HttpTimeouts& timeouts) override {
    const SteadyTime ends = std::chrono::steady_clock::now() + timeouts.whole;
    HttpOutcome outcome;
    if (!still_open()) close();
    if (!fd_.valid() && !connect(std::min(timeouts.connect, timeouts.whole), outcome.problem)) {
      return outcome;
    }
    outcome.delivery = Delivery::unknown;
    if (send_request(request, ends, outcome.problem) &&
        read_answer(ends, outcome.answer, outcome.problem)) {
      outcome.delivery = Delivery::answered;
      last_used_ = std::chrono::steady_clock::now();
      return outcome;
    }
    close();
    return outcome;
  }

  void stop() override {
    stopped_ = true;
    const std::lock_guard lock(mutex_);
    if (fd_.valid()) ::shutdown(fd_.get(), SHUT_RDWR);
  }

 private:
  bool still_open() const {
    if (!fd_.valid()) return false;
    if (std::chrono::steady_clock::now() - last_used_ < kTrustIdle) return true;
    char byte = 0;
    const ssize_t got = ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && errno == EAGAIN;  // Unasked bytes would be the end of another answer.
  }

  void close() {
    const std::lock_guard lock(mutex_);
    fd_.reset();
  }

  // Makes `fd` the connection that stop() reaches; false when stop() came first.
  bool adopt(base::UniqueFd fd) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return false;
    fd_ = std::move(fd);
    return true;
  }

  bool connect(milliseconds timeout, std::string& problem) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int failed = ::getaddrinfo(endpoint_.host.c_str(), std::to_string(endpoint_.port).c_str(),
                                     &hints, &found);
    if (failed != 0) {
      problem = "unknown host: " + std::string(gai_strerror(failed));
      return false;
    }
    const AddressList addresses(found);
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
      if (connect_to(*address, timeout, problem)) return true;
      close();
    }
    return false;
  }

  bool connect_to(const addrinfo& address, milliseconds timeout, std::string& problem) {
    base::UniqueFd fd(
        ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!fd.valid()) {
      problem = errno_text(errno);
      return false;
    }
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!adopt(std::move(fd))) {
      problem = "broken off";
      return false;
    }
    if (::connect(fd_.get(), address.ai_addr, address.ai_addrlen) == 0) return true;
    int error = errno;
    if (error == EINPROGRESS) {
      if (!wait_for(POLLOUT, std::chrono::steady_clock::now() + timeout)) {
        problem = "connecting took too long";
        return false;
      }
      socklen_t size = sizeof error;
      ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0 && !stopped_) return true;
    }
    problem = stopped_ ? "broken off" : errno_text(error);
    return false;
  }

  // True when the socket is ready, or broken (the next call on it says how).
  bool wait_for(short events, SteadyTime ends) const {
    pollfd entry{fd_.get(), events, 0};
    for (;;) {
      const int ready = ::poll(&entry, 1, left_ms(ends));
      if (ready > 0) return true;
      if (ready == 0 || errno != EINTR) return false;
    }
  }

  void write_head(const HttpRequest& request) {
    out_.clear();
    out_.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\nHost: ");
    out_.append(endpoint_.text()).append("\r\n");
    if (!request.session.empty()) out_.append("X-Session: ").append(request.session).append("\r\n");
    if (!request.seal.empty()) out_.append("X-Seal: ").append(request.seal).append("\r\n");
    if (request.original_size) {
      out_.append("X-Original-Size: ").append(std::to_string(*request.original_size));
      out_.append("\r\n");
    }
    if (!request.body.empty()) out_.append("Content-Type: application/octet-stream\r\n");
    if (!request.body.empty() || request.method != "GET") {
      out_.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
    }
    out_.append("\r\n");
  }

  bool send_request(const HttpRequest& request, SteadyTime ends, std::string& problem) {
    write_head(request);
    std::string_view body = request.body;
    if (request.progress == nullptr && body.size() <= kJoinBodyBytesMax) {
      out_.append(body);
      return send_all(out_, ends, problem);
    }
    if (!send_all(out_, ends, problem)) return false;
    if (request.progress == nullptr) return send_all(body, ends, problem);
    while (!body.empty()) {
      const std::size_t size = std::min(body.size(), kUploadChunkBytes);
      if (!send_all(body.substr(0, size), ends, problem)) return false;
      body.remove_prefix(size);
      (*request.progress)(request.body.size() - body.size(), request.body.size());
    }
    return true;
  }

  bool send_all(std::string_view bytes, SteadyTime ends, std::string& problem) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        if (wait_for(POLLOUT, ends)) continue;
        problem = "sending took too long";
        return false;
      } else if (errno != EINTR) {
        problem = stopped_ ? "broken off" : "the connection broke while sending";
        return false;
      }
    }
    return true;
  }

  // Appends what is there to in_, `size` bytes at most; waits for it.
  bool read_some(std::size_t size, SteadyTime ends, std::string& problem) {
    const std::size_t before = in_.size();
    for (;;) {
      if (!wait_for(POLLIN, ends)) {
        problem = "no answer in time";
        return false;
      }
      in_.resize(before + size);
      const ssize_t got = ::recv(fd_.get(), in_.data() + before, size, 0);
      in_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got > 0) return true;
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      problem = stopped_ ? "broken off" : "the connection broke before the answer";
      return false;
    }
  }

  bool read_answer(SteadyTime ends, HttpAnswer& answer, std::string& problem) {
    in_.clear();
    std::size_t head_end = std::string::npos;
    while (head_end == std::string::npos) {
      if (in_.size() > kAnswerHeadBytesMax) {
        problem = "the answer's headers are too long";
        return false;
      }
      if (!read_some(kReadBytes, ends, problem)) return false;
      head_end = in_.find("\r\n\r\n");
    }
    const auto head = parse_answer_head(std::string_view(in_).substr(0, head_end));
    if (!head) {
      problem = "the answer is not HTTP as etcd-server speaks it";
      return false;
    }
    const std::size_t body_begin = head_end + 4;
    const std::size_t whole = body_begin + head->content_length;
    while (in_.size() < whole) {
      if (!read_some(whole - in_.size(), ends, problem)) return false;
    }
    answer.status = head->status;
    answer.sealed = head->sealed;
    answer.original_size = head->original_size;
    answer.body.assign(in_, body_begin, head->content_length);
    if (head->closes || in_.size() > whole) close();
    return true;
  }

  const Endpoint endpoint_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;  // Guards changes of fd_ against stop().
  base::UniqueFd fd_;
  SteadyTime last_used_{};
  std::string out_;
  std::string in_;
};

}  // namespace

std::unique_ptr<HttpConnection> make_http_connection(const Endpoint& endpoint) {
  return std::make_unique<TcpConnection>(endpoint);
}

}  // namespace mlguard::etcd_client
