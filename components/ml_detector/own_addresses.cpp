#include "ml_detector/own_addresses.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include "wire/endpoint.h"

namespace mlguard::ml_detector {
namespace {

constexpr unsigned kAllBits = 128;

void add(const sockaddr* from, std::vector<Network>& networks) {
  if (from == nullptr) return;
  flow::Address address;
  if (from->sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, from, sizeof four);
    address.bytes[10] = address.bytes[11] = 0xFF;
    std::memcpy(address.bytes.data() + 12, &four.sin_addr, sizeof four.sin_addr);
  } else if (from->sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, from, sizeof six);
    std::memcpy(address.bytes.data(), &six.sin6_addr, sizeof six.sin6_addr);
  } else {
    return;
  }
  networks.push_back({address, kAllBits});
}

}  // namespace

std::vector<Network> own_addresses(const std::vector<std::string>& endpoints) {
  std::vector<Network> networks;
  ifaddrs* interfaces = nullptr;
  if (::getifaddrs(&interfaces) == 0) {
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(interfaces, &::freeifaddrs);
    for (const ifaddrs* at = interfaces; at != nullptr; at = at->ifa_next) {
      add(at->ifa_addr, networks);
    }
  }
  for (const std::string& text : endpoints) {
    const auto endpoint = wire::parse_endpoint(text);
    if (!endpoint.ok()) continue;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(endpoint->host.c_str(), nullptr, &hints, &found) != 0) continue;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) add(at->ai_addr, networks);
  }
  return networks;
}

}  // namespace mlguard::ml_detector
