// Addresses and networks, as configurations write them and as flows hold them (16 bytes, IPv4 as
// ::ffff:a.b.c.d). Stateless or immutable; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flow/host_windows.h"

namespace mlguard::ml_detector {

// "10.0.0.1", "2001:db8::1"; nothing for any other text.
std::optional<flow::Address> parse_address(std::string_view text);
bool is_ipv4(const flow::Address& address);

struct Network {
  flow::Address address;  // host bits are zero
  unsigned bits = 0;      // of all 128

  bool contains(const flow::Address& other) const;
};

// "10.0.0.0/8", "2001:db8::/32", or an address alone. Nothing for any other text.
std::optional<Network> parse_network(std::string_view text);
// The address's own /24 (IPv4) or /48 (IPv6): what usually belongs to one owner.
Network neighbourhood_of(const flow::Address& address);

bool any_contains(const std::vector<Network>& networks, const flow::Address& address);

// RFC 1918 and RFC 4193: what a site has inside, unless it says otherwise.
std::vector<Network> private_networks();

// No host to block: the unspecified address, loopback, multicast, broadcast, link-local.
bool is_special(const flow::Address& address);

}  // namespace mlguard::ml_detector
