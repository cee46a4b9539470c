#include "wire/http_connection.h"

#include <fcntl.h>
#include <httplib.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <ctime>
#include <mutex>

#include "base/unique_fd.h"
#include "wire/channel.h"

namespace mlguard::wire {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kAnswerBytesMax = kPlainBodyBytesMax + kFrameOverheadBytesMax;
constexpr const char* kHeaderRetryAfter = "Retry-After";
constexpr std::size_t kRetryAfterSecondsMax = 3'600;
constexpr std::size_t kUploadChunkBytes = 16 * 1024;  // Between two calls of the progress function.

// cpp-httplib sends without MSG_NOSIGNAL: a server that goes away would end the whole program.
// This keeps the signal from the calling thread, without touching what the program does with it.
class SigpipeBlock {
 public:
  SigpipeBlock() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~SigpipeBlock() {
    if (sigismember(&before_, SIGPIPE) == 1) return;
    if (raised_) {
      const timespec at_once{};
      sigtimedwait(&pipe_, nullptr, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;
  // A write failed: the signal may be waiting.
  void write_failed() { raised_ = true; }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool raised_ = false;
};

std::string problem_text(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection: return "could not connect";
    case httplib::Error::ConnectionTimeout: return "connecting took too long";
    case httplib::Error::Read: return "the connection broke or no answer came in time";
    case httplib::Error::Write: return "the connection broke while sending";
    case httplib::Error::Canceled: return "the answer is too long or took too long";
    default: return "HTTP failed (" + httplib::to_string(error) + ")";
  }
}

std::optional<std::size_t> parse_size(const std::string& text) {
  std::size_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

void copy_headers(const HttpRequest& request, httplib::Headers& headers) {
  headers.emplace("User-Agent", "etcd_client");
  if (!request.session.empty()) headers.emplace(kHeaderSession, request.session);
  if (!request.seal.empty()) headers.emplace(kHeaderSeal, request.seal);
  if (request.original_size) {
    headers.emplace(kHeaderOriginalSize, std::to_string(*request.original_size));
  }
  if (!request.body.empty()) headers.emplace("Content-Type", kSealedContentType);
}

httplib::Request make_request(HttpRequest& request) {
  httplib::Request raw;
  raw.method = request.method;
  raw.path = request.target;
  copy_headers(request, raw.headers);
  if (request.progress == nullptr) {
    raw.body = std::move(request.body);
    return raw;
  }
  raw.content_length_ = request.body.size();
  raw.content_provider_ = [&request](std::size_t offset, std::size_t length,
                                     httplib::DataSink& sink) {
    const std::size_t size = std::min(length, kUploadChunkBytes);
    if (!sink.write(request.body.data() + offset, size)) return false;
    (*request.progress)(offset + size, request.body.size());
    return true;
  };
  return raw;
}

class HttplibConnection final : public HttpConnection {
 public:
  explicit HttplibConnection(const Endpoint& endpoint) : client_(endpoint.host, endpoint.port) {
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_url_encode(false);  // The seal covers the target exactly as it is sent.
    client_.set_decompress(false);
    client_.set_socket_options([this](int fd) { watch_socket(fd); });
  }

  HttpOutcome exchange(HttpRequest request, const HttpTimeouts& timeouts) override {
    HttpOutcome outcome;
    if (stopped_) {
      outcome.delivery = Delivery::not_sent;
      outcome.problem = "broken off";
      return outcome;
    }
    client_.set_connection_timeout(std::min(timeouts.connect, timeouts.whole));
    client_.set_read_timeout(timeouts.whole);
    client_.set_write_timeout(timeouts.whole);
    httplib::Request raw = make_request(request);
    const SteadyTime ends = std::chrono::steady_clock::now() + timeouts.whole;
    raw.content_receiver = [&body = outcome.answer.body, ends](const char* data, std::size_t size,
                                                               std::uint64_t, std::uint64_t) {
      if (body.size() + size > kAnswerBytesMax) return false;
      body.append(data, size);
      return std::chrono::steady_clock::now() < ends;
    };
    SigpipeBlock sigpipe;
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    if (client_.send(raw, response, error) && read_head(response, outcome.answer)) return outcome;
    if (error == httplib::Error::Write) sigpipe.write_failed();
    fail(error, outcome);
    return outcome;
  }

  void stop() override {
    stopped_ = true;
    const std::lock_guard lock(mutex_);
    if (socket_.valid()) ::shutdown(socket_.get(), SHUT_RDWR);
  }

 private:
  // A second descriptor of the same socket, so that stop() can break it off at any moment: while
  // it connects (where httplib's own stop() would wait) and without racing against its close().
  void watch_socket(int fd) {
    const std::lock_guard lock(mutex_);
    socket_.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    // stop() came while httplib replaced a broken connection: let the first wait fail at once.
    if (stopped_) client_.set_read_timeout(0);
  }

  // The status and headers; false for headers that are no answer of ours.
  static bool read_head(const httplib::Response& response, HttpAnswer& answer) {
    answer.status = response.status;
    for (const auto& [name, value] : response.headers) {
      if (strcasecmp(name.c_str(), kHeaderSealed) == 0) answer.sealed = value == "1";
      if (strcasecmp(name.c_str(), kHeaderOriginalSize) == 0) {
        answer.original_size = parse_size(value);
        if (!answer.original_size) return false;
      }
      if (strcasecmp(name.c_str(), kHeaderRetryAfter) == 0) {
        const auto seconds = parse_size(value);
        if (seconds && *seconds <= kRetryAfterSecondsMax) {
          answer.retry_after = std::chrono::seconds(*seconds);
        }
      }
    }
    return true;
  }

  void fail(httplib::Error error, HttpOutcome& outcome) {
    const bool no_connection =
        error == httplib::Error::Connection || error == httplib::Error::ConnectionTimeout;
    outcome.delivery = no_connection ? Delivery::not_sent : Delivery::unknown;
    outcome.problem = stopped_ ? "broken off" : problem_text(error);
    outcome.answer = HttpAnswer{};
    client_.stop();
    const std::lock_guard lock(mutex_);
    socket_.reset();
  }

  httplib::Client client_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  base::UniqueFd socket_;  // Guarded by mutex_.
};

}  // namespace

std::unique_ptr<HttpConnection> make_http_connection(const Endpoint& endpoint) {
  return std::make_unique<HttplibConnection>(endpoint);
}

}  // namespace mlguard::wire
