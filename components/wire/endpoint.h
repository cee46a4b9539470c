// Endpoint: where one etcd-server listens, as users write it. Plain value; stateless functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::wire {

struct Endpoint {
  std::string host;  // Without brackets.
  int port = 0;

  // "host:port", "[2001:db8::1]:port".
  std::string text() const;
};

// "host:port", "http://host:port", "[2001:db8::1]:port"; a missing port is 2379.
// Error: invalid_argument / "invalid_endpoint".
base::Result<Endpoint> parse_endpoint(std::string_view text);

// At least one; duplicates are dropped. Error: invalid_argument / "invalid_endpoint".
base::Result<std::vector<Endpoint>> parse_endpoints(const std::vector<std::string>& texts);

}  // namespace mlguard::wire
