// Plain HTTP/1.1 as a test needs it: requests built by hand, one reply read back. Deliberately not
// the product's own client, so that a fault in that one cannot hide a fault of the server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/tcp.h"

namespace mlguard::support {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpReply {
  int status = 0;   // 0: no (whole) reply came
  Headers headers;  // names in lower case
  std::string body;

  std::string header(std::string_view name) const;  // empty when absent
};

// "METHOD target HTTP/1.1", Host, the headers, Content-Length (when there is a body), the body.
std::string http_request(std::string_view method, std::string_view target, const Headers& headers,
                         std::string_view body);

// Reads one reply (by Content-Length, chunks, or until the peer closes).
HttpReply read_reply(TcpClient& client, std::int64_t timeout_ms);

inline constexpr std::int64_t kHttpTimeoutMs = 10'000;

// One request on a connection of its own.
HttpReply http_call(std::uint16_t port, std::string_view method, std::string_view target,
                    const Headers& headers = {}, std::string_view body = {},
                    std::int64_t timeout_ms = kHttpTimeoutMs);
inline HttpReply http_get(std::uint16_t port, std::string_view target) {
  return http_call(port, "GET", target);
}
// From another host, named by its IPv4 address.
HttpReply http_get_from(const std::string& host, std::uint16_t port, std::string_view target);

}  // namespace mlguard::support
