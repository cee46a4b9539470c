#include "ml_detector/networks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace mlguard::ml_detector {
namespace {

using flow::Address;

constexpr unsigned kBits = 128;
constexpr unsigned kIpv4Offset = 96;
constexpr unsigned kIpv4Neighbours = kIpv4Offset + 24;
constexpr unsigned kIpv6Neighbours = 48;
constexpr unsigned kByteBits = 8;

Network masked(const Address& address, unsigned bits) {
  Network network{address, bits};
  for (std::size_t i = 0; i < network.address.bytes.size(); ++i) {
    const unsigned before = static_cast<unsigned>(i) * kByteBits;
    const unsigned kept = bits <= before ? 0 : std::min(kByteBits, bits - before);
    network.address.bytes[i] &= static_cast<std::uint8_t>(0xFF00U >> kept);
  }
  return network;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  const std::string copy(text);
  Address address;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  address.bytes[10] = address.bytes[11] = 0xFF;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data() + 12) == 1) return address;
  return std::nullopt;
}

bool is_ipv4(const Address& address) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
}

bool Network::contains(const Address& other) const {
  return masked(other, bits).address.bytes == address.bytes;
}

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<Address> address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return masked(*address, kBits);
  const unsigned offset = is_ipv4(*address) ? kIpv4Offset : 0;
  unsigned bits = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + slash + 1, end, bits);
  const bool good = parsed.ec == std::errc() && parsed.ptr == end && bits <= kBits - offset;
  if (!good) return std::nullopt;
  return masked(*address, offset + bits);
}

Network neighbourhood_of(const Address& address) {
  return masked(address, is_ipv4(address) ? kIpv4Neighbours : kIpv6Neighbours);
}

bool any_contains(const std::vector<Network>& networks, const Address& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.contains(address); });
}

std::vector<Network> private_networks() {
  std::vector<Network> networks;
  for (const char* text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}) {
    networks.push_back(*parse_network(text));
  }
  return networks;
}

bool is_special(const Address& address) {
  static const std::vector<Network> special = [] {
    std::vector<Network> networks;
    for (const char* text : {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127",
                             "fe80::/10", "ff00::/8"}) {
      networks.push_back(*parse_network(text));
    }
    return networks;
  }();
  return any_contains(special, address);
}

}  // namespace mlguard::ml_detector
