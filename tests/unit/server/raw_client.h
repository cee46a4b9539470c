// A tiny HTTP/1.1 client on a plain socket, for tests that must send what no proper client sends.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace mlguard::server::test {

struct RawAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, const std::string& host = "127.0.0.1");

  bool connected() const { return fd_.valid(); }
  // false: the other side has closed.
  bool send(std::string_view bytes);
  // nullopt: closed, or nothing whole within the time.
  std::optional<RawAnswer> receive(std::chrono::milliseconds timeout = std::chrono::seconds(10));
  // True when the server closes (or has closed) within the time; what it sends meanwhile is read.
  bool closed_within(std::chrono::milliseconds timeout);
  std::optional<RawAnswer> request(const std::string& method, const std::string& target,
                                   const std::map<std::string, std::string>& headers = {},
                                   const std::string& body = {});

 private:
  bool read_more(std::chrono::milliseconds timeout);

  base::UniqueFd fd_;
  std::string buffer_;
};

}  // namespace mlguard::server::test
