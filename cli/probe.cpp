#include "cli/probe.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "base/unique_fd.h"

namespace mlguard::cli {
namespace {

constexpr const char* kDefaultPort = "2379";

struct HostPort {
  std::string host;
  std::string port;
};

HostPort split(std::string endpoint) {
  const std::size_t scheme = endpoint.find("://");
  if (scheme != std::string::npos) endpoint.erase(0, scheme + 3);
  const std::size_t slash = endpoint.find('/');
  if (slash != std::string::npos) endpoint.erase(slash);
  std::size_t colon = endpoint.rfind(':');
  if (endpoint.ends_with(']')) colon = std::string::npos;  // "[::1]": no port
  HostPort parts{endpoint.substr(0, colon), kDefaultPort};
  if (colon != std::string::npos) parts.port = endpoint.substr(colon + 1);
  if (parts.host.starts_with('[') && parts.host.ends_with(']')) {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  }
  return parts;
}

bool connects(const addrinfo& address, std::chrono::milliseconds timeout) {
  const base::UniqueFd fd(
      ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return false;
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd waiting{fd.get(), POLLOUT, 0};
  if (::poll(&waiting, 1, static_cast<int>(timeout.count())) != 1) return false;
  int problem = 0;
  socklen_t size = sizeof(problem);
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0;
}

bool listens(const std::string& endpoint, std::chrono::milliseconds timeout) {
  const HostPort parts = split(endpoint);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &list) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    if (connects(*at, timeout)) return true;
  }
  return false;
}

}  // namespace

bool any_endpoint_listens(const std::vector<std::string>& endpoints,
                          std::chrono::milliseconds timeout_each) {
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [&](const std::string& endpoint) { return listens(endpoint, timeout_each); });
}

bool all_local(const std::vector<std::string>& endpoints) {
  return std::all_of(endpoints.begin(), endpoints.end(), [](const std::string& endpoint) {
    const std::string host = split(endpoint).host;
    return host == "localhost" || host == "::1" || host.starts_with("127.");
  });
}

std::string port_of(const std::string& endpoint) { return split(endpoint).port; }

}  // namespace mlguard::cli
