#include "support/http.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "support/wait_until.h"

namespace mlguard::support {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Buffers what arrives, so that a line or a number of bytes can be taken from it.
class Stream {
 public:
  Stream(TcpClient& client, std::int64_t timeout_ms) : client_(client), timeout_ms_(timeout_ms) {}

  // False when the stream ends (or the time is over) first.
  bool line(std::string& out) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
      if (!more()) return false;
    }
    out = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return true;
  }
  bool bytes(std::size_t count, std::string& out) {
    while (buffer_.size() < count) {
      if (!more()) return false;
    }
    out += buffer_.substr(0, count);
    buffer_.erase(0, count);
    return true;
  }
  void rest(std::string& out) {
    while (more()) {
    }
    out += buffer_;
  }

 private:
  bool more() {
    const auto left = timeout_ms_ - static_cast<std::int64_t>(watch_.ms());
    if (left <= 0) return false;
    const std::string bytes = client_.receive_some(left);
    buffer_ += bytes;
    return !bytes.empty();
  }

  TcpClient& client_;
  std::int64_t timeout_ms_;
  Stopwatch watch_;
  std::string buffer_;
};

bool read_chunks(Stream& stream, std::string& body) {
  std::string line;
  while (stream.line(line)) {
    const std::size_t size = std::strtoul(line.c_str(), nullptr, 16);
    if (size > 0 && !stream.bytes(size, body)) return false;
    if (!stream.line(line)) return false;
    if (size == 0) return true;
  }
  return false;
}

bool read_head(Stream& stream, HttpReply& reply) {
  std::string line;
  if (!stream.line(line) || line.rfind("HTTP/1.", 0) != 0 || line.size() < 12) return false;
  reply.status = std::atoi(line.c_str() + 9);
  while (stream.line(line)) {
    if (line.empty()) return true;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return false;
    std::size_t value = colon + 1;
    while (value < line.size() && line[value] == ' ') ++value;
    reply.headers.emplace_back(lower(line.substr(0, colon)), line.substr(value));
  }
  return false;
}

}  // namespace

std::string HttpReply::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::string http_request(std::string_view method, std::string_view target, const Headers& headers,
                         std::string_view body) {
  std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n";
  text += "Host: localhost\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (!body.empty() || method == "POST" || method == "PUT") {
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return text + "\r\n" + std::string(body);
}

HttpReply read_reply(TcpClient& client, std::int64_t timeout_ms) {
  Stream stream(client, timeout_ms);
  HttpReply reply;
  // A server may say 100 Continue before it answers.
  do {
    reply = HttpReply{};
    if (!read_head(stream, reply)) return HttpReply{};
  } while (reply.status == 100);
  const std::string length = reply.header("content-length");
  bool whole = true;
  if (!length.empty()) {
    whole = stream.bytes(std::strtoul(length.c_str(), nullptr, 10), reply.body);
  } else if (reply.header("transfer-encoding") == "chunked") {
    whole = read_chunks(stream, reply.body);
  } else {
    stream.rest(reply.body);
  }
  return whole ? reply : HttpReply{};
}

namespace {

HttpReply call_on(std::optional<TcpClient> client, std::string_view method, std::string_view target,
                  const Headers& headers, std::string_view body, std::int64_t timeout_ms) {
  if (!client) return {};
  Headers all = headers;
  all.emplace_back("Connection", "close");
  // The server may refuse before it has read everything: its answer still counts.
  (void)client->send(http_request(method, target, all, body));
  return read_reply(*client, timeout_ms);
}

}  // namespace

HttpReply http_call(std::uint16_t port, std::string_view method, std::string_view target,
                    const Headers& headers, std::string_view body, std::int64_t timeout_ms) {
  return call_on(TcpClient::connect(port), method, target, headers, body, timeout_ms);
}

HttpReply http_get_from(const std::string& host, std::uint16_t port, std::string_view target) {
  return call_on(TcpClient::connect(port, host), "GET", target, {}, {}, kHttpTimeoutMs);
}

}  // namespace mlguard::support
