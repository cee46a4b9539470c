#include "firewall/host_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>

#include "wire/endpoint.h"

namespace mlguard::firewall {
namespace {

constexpr const char* kGateway = "the default gateway";
constexpr unsigned kRouteGateway = 0x2;  // RTF_GATEWAY of linux/route.h
constexpr std::size_t kHexChars6 = 32;

std::optional<Network> network_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    const auto* four = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &four->sin_addr, text.data(), text.size());
  } else if (address->sa_family == AF_INET6) {
    const auto* six = reinterpret_cast<const sockaddr_in6*>(address);
    inet_ntop(AF_INET6, &six->sin6_addr, text.data(), text.size());
  } else {
    return std::nullopt;
  }
  const auto network = parse_network(text.data());
  return network.ok() ? std::optional(*network) : std::nullopt;
}

std::string file_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void append(std::vector<ProtectedNetwork>& all, std::vector<ProtectedNetwork> more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

std::vector<ProtectedNetwork> gateways_ipv4(std::string_view routes) {
  std::vector<ProtectedNetwork> found;
  std::istringstream lines{std::string(routes)};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream columns(line);
    std::string interface;
    std::uint32_t destination = 0;
    std::uint32_t gateway = 0;
    unsigned flags = 0;
    columns >> interface >> std::hex >> destination >> gateway >> flags;
    if (!columns || destination != 0 || gateway == 0 || (flags & kRouteGateway) == 0) continue;
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = gateway;  // As the kernel has it in memory.
    if (const auto network = network_of(reinterpret_cast<const sockaddr*>(&address))) {
      found.push_back({*network, kGateway});
    }
  }
  return found;
}

std::vector<ProtectedNetwork> gateways_ipv6(std::string_view routes) {
  std::vector<ProtectedNetwork> found;
  std::istringstream lines{std::string(routes)};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream columns(line);
    std::string destination;
    std::string bits;
    std::string source;
    std::string source_bits;
    std::string hop;
    columns >> destination >> bits >> source >> source_bits >> hop;
    if (!columns || bits != "00" || hop.size() != kHexChars6) continue;
    std::string text;
    for (std::size_t at = 0; at < hop.size(); at += 4) {
      text += (at > 0 ? ":" : "") + hop.substr(at, 4);
    }
    const auto network = parse_network(text);
    const bool is_hop = hop.find_first_not_of('0') != std::string::npos;
    if (network.ok() && is_hop) found.push_back({*network, kGateway});
  }
  return found;
}

std::vector<ProtectedNetwork> host_addresses() {
  std::vector<ProtectedNetwork> all = gateways_ipv4(file_text("/proc/thread-self/net/route"));
  append(all, gateways_ipv6(file_text("/proc/thread-self/net/ipv6_route")));
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return all;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (const auto network = network_of(at->ifa_addr)) {
      all.push_back({*network, "an address of this host"});
    }
  }
  return all;
}

std::vector<ProtectedNetwork> endpoint_addresses(const std::vector<std::string>& endpoints) {
  std::vector<ProtectedNetwork> all;
  for (const std::string& text : endpoints) {
    const auto endpoint = wire::parse_endpoint(text);
    if (!endpoint.ok()) continue;
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (getaddrinfo(endpoint->host.c_str(), nullptr, &hints, &list) != 0) continue;
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
    for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
      if (const auto network = network_of(at->ai_addr)) {
        all.push_back({*network, "an instance of the control plane"});
      }
    }
  }
  return all;
}

}  // namespace mlguard::firewall
