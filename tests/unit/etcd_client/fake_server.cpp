#include "fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "wire/api_error.h"
#include "wire/messages.h"

namespace mlguard::test {

struct FakeServer::Raw {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // lower-case names
  std::string body;

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

namespace {

constexpr int kListenBacklog = 64;
constexpr std::size_t kReadBytes = 64 * 1024;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool send_all(int fd, const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

// Reads one line up to CRLF out of `buffer`, reading more from the socket as needed.
bool read_until(int fd, std::string& buffer, std::size_t size) {
  std::string chunk(kReadBytes, '\0');
  while (buffer.size() < size) {
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n <= 0) return false;
    buffer.append(chunk, 0, static_cast<std::size_t>(n));
  }
  return true;
}

template <class Raw>
bool read_request(int fd, std::string& buffer, Raw& raw) {
  std::size_t end = std::string::npos;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!read_until(fd, buffer, buffer.size() + 1)) return false;
  }
  const std::string head = buffer.substr(0, end);
  std::size_t at = head.find("\r\n");
  const std::string first = head.substr(0, at);
  raw.method = first.substr(0, first.find(' '));
  raw.target = first.substr(raw.method.size() + 1, first.rfind(' ') - raw.method.size() - 1);
  while (at != std::string::npos) {
    const std::size_t next = head.find("\r\n", at + 2);
    const std::string line = head.substr(at + 2, next - at - 2);
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos)
      raw.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
    at = next;
  }
  const std::string length = raw.header("content-length");
  const std::size_t size = length.empty() ? 0 : std::stoul(length);
  if (!read_until(fd, buffer, end + 4 + size)) return false;
  raw.body = buffer.substr(end + 4, size);
  buffer.erase(0, end + 4 + size);
  return true;
}

std::string http(int status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " Text\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string plain_error(int status, const std::string& reason) {
  return http(
      status, "Content-Type: application/json\r\n",
      wire::encode_error({wire::code_of_status(status), reason, "the fake server says so"}));
}

}  // namespace

std::string field_of(const wire::Message& message, std::string_view name) {
  const std::string* value = message.field(name);
  return value == nullptr ? "" : *value;
}

FakeServer::FakeServer(const wire::KeyPair& cluster, Handler handler, int port)
    : cluster_(cluster), handler_(std::move(handler)) {
  listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 ||
      ::listen(listener_.get(), kListenBacklog) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0) {
    throw std::runtime_error("the fake server could not listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

FakeServer::~FakeServer() { stop(); }

void FakeServer::stop() {
  if (stopping_.exchange(true)) return;
  ::shutdown(listener_.get(), SHUT_RDWR);
  release_holds();
  acceptor_.join();
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_fds_) ::shutdown(fd, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void FakeServer::inject(std::vector<Fault> faults) {
  const std::lock_guard lock(mutex_);
  faults_.insert(faults_.end(), faults.begin(), faults.end());
}

void FakeServer::refuse_handshakes(int status, std::string reason) {
  const std::lock_guard lock(mutex_);
  refuse_status_ = status;
  refuse_reason_ = std::move(reason);
}

void FakeServer::introduce(std::vector<std::string> endpoints, std::string leader) {
  const std::lock_guard lock(mutex_);
  endpoints_ = std::move(endpoints);
  leader_ = std::move(leader);
}

void FakeServer::expect_token(std::string token_id, const wire::Key& psk) {
  const std::lock_guard lock(mutex_);
  tokens_[std::move(token_id)] = psk;
}

void FakeServer::trust_only_enrolled() {
  const std::lock_guard lock(mutex_);
  trusts_everyone_ = false;
}

void FakeServer::forget_sessions() {
  const std::lock_guard lock(mutex_);
  sessions_.clear();
}

std::vector<FakeRequest> FakeServer::handled() const {
  const std::lock_guard lock(mutex_);
  return handled_;
}

bool FakeServer::hold(int ms) {
  std::unique_lock lock(mutex_);
  const std::uint64_t before = releases_;
  held_.wait_for(lock, std::chrono::milliseconds(ms),
                 [&] { return releases_ != before || stopping_.load(); });
  return !stopping_;
}

void FakeServer::release_holds() {
  const std::lock_guard lock(mutex_);
  ++releases_;
  held_.notify_all();
}

void FakeServer::accept_loop() {
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 || stopping_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    ++accepted_;
    const std::lock_guard lock(mutex_);
    open_fds_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void FakeServer::serve(int fd) {
  std::string buffer;
  for (;;) {
    Raw raw;
    if (stopping_ || !read_request(fd, buffer, raw)) break;
    const bool go_on =
        raw.target == "/v1/session" ? answer_session(fd, raw) : answer_sealed(fd, raw);
    if (!go_on) break;
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_fds_, fd);
  ::close(fd);
}

bool FakeServer::answer_session(int fd, const Raw& raw) {
  ++handshakes_;
  if (handshake_delay_ms_ > 0) hold(handshake_delay_ms_);
  std::unique_lock lock(mutex_);
  if (refuse_status_ != 200) return send_all(fd, plain_error(refuse_status_, refuse_reason_));
  auto read = wire::ServerHandshake::read(cluster_, raw.body);
  if (!read.ok()) return send_all(fd, plain_error(401, read.error().reason));
  wire::Key psk;
  const auto hello = wire::decode_hello(read->payload());
  if (!hello.ok()) return send_all(fd, plain_error(400, "bad_hello"));
  const std::string key = read->client_public_key().hex();
  const bool enrolled = enrolled_.count(key) != 0;
  if (!enrolled && hello->token_id.empty() && !trusts_everyone_) {
    return send_all(fd, plain_error(401, "not_enrolled"));
  }
  if (!enrolled && !hello->token_id.empty()) {
    const auto token = tokens_.find(hello->token_id);
    if (token == tokens_.end()) return send_all(fd, plain_error(403, "token_used"));
    psk = token->second;
  }
  const auto welcome = wire::encode(
      wire::HandshakeWelcome{"fake", base::Role::sniffer, "fake/0", 600'000, endpoints_, leader_});
  auto finished = read->finish(psk, welcome);
  if (!finished.ok()) return false;
  auto channel = std::make_shared<wire::ServerChannel>(std::move(finished->channel));
  sessions_[channel->session_id()] = channel;
  if (!hello->token_id.empty()) enrolling_[channel->session_id()] = key;
  lock.unlock();
  return send_all(fd, http(200, "", finished->message2));
}

Fault FakeServer::next_fault() {
  const std::lock_guard lock(mutex_);
  if (faults_.empty()) return leaderless_ ? Fault::unavailable : Fault::none;
  const Fault fault = faults_.front();
  faults_.pop_front();
  return fault;
}

bool FakeServer::answer_sealed(int fd, const Raw& raw) {
  const Fault fault = next_fault();
  switch (fault) {
    case Fault::drop_before: return false;
    case Fault::no_session: forget_sessions(); return send_all(fd, plain_error(401, "no_session"));
    case Fault::replayed: return send_all(fd, plain_error(401, "replayed"));
    case Fault::garbage: send_all(fd, "\x16\x03\x01 this is not HTTP\r\n\r\n"); return false;
    case Fault::plain_ok: return send_all(fd, http(200, "", "{\"status\":\"ok\"}"));
    case Fault::never_answer:
      while (hold(1'000)) {
      }
      return false;
    default: break;
  }
  std::shared_ptr<wire::ServerChannel> channel;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(raw.header("x-session"));
    if (found != sessions_.end()) channel = found->second;
  }
  if (!channel) return send_all(fd, plain_error(401, "no_session"));
  wire::Sealed sealed;
  sealed.session = raw.header("x-session");
  sealed.seal = raw.header("x-seal");
  sealed.body = raw.body;
  if (const std::string size = raw.header("x-original-size"); !size.empty()) {
    sealed.original_size = std::stoul(size);
  }
  auto opened = channel->open(raw.method, raw.target, sealed, wire::kPlainBodyBytesMax);
  if (!opened.ok()) return send_all(fd, plain_error(401, opened.error().reason));
  FakeAnswer answer;
  if (fault == Fault::unavailable) {
    answer.status = 503;
    answer.message.body =
        wire::encode_error({base::ErrorCode::unavailable, "no_leader", "there is no leader"});
  } else {
    const FakeRequest request{raw.method, raw.target, opened->message};
    {
      const std::lock_guard lock(mutex_);
      handled_.push_back(request);
      const auto enrolling = enrolling_.find(sealed.session);
      if (enrolling != enrolling_.end()) enrolled_.insert(enrolling->second);
    }
    answer = handler_(request);
  }
  if (fault == Fault::drop_after) return false;
  if (fault == Fault::outcome_unknown) {
    answer.status = 504;
    answer.message.body =
        wire::encode_error({base::ErrorCode::timeout, "outcome_unknown", "no quorum"});
  }
  auto out = channel->seal(opened->counter, answer.status, answer.message);
  if (!out.ok()) return false;
  if (fault == Fault::damaged_seal) out->body.back() = static_cast<char>(out->body.back() ^ 1);
  std::string headers = "X-Sealed: 1\r\n";
  if (answer.status == 503) headers += "Retry-After: 1\r\n";
  if (out->original_size) {
    headers += "X-Original-Size: " + std::to_string(*out->original_size) + "\r\n";
  }
  return send_all(fd, http(answer.status, headers, out->body));
}

}  // namespace mlguard::test
