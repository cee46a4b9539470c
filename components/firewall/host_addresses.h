// What a firewall's own host must never block: its addresses, its gateways, and the control plane's
// instances. Read from the operating system at every call; safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firewall/protected_addresses.h"

namespace mlguard::firewall {

// The addresses of all interfaces, and the gateways of default routes.
std::vector<ProtectedNetwork> host_addresses();

// The addresses of "host:port" endpoints. Names are looked up, which can take as long as the
// resolver does; one that has no address now is left out.
std::vector<ProtectedNetwork> endpoint_addresses(const std::vector<std::string>& endpoints);

// Of a text as /proc/net/route and /proc/net/ipv6_route have it.
std::vector<ProtectedNetwork> gateways_ipv4(std::string_view routes);
std::vector<ProtectedNetwork> gateways_ipv6(std::string_view routes);

}  // namespace mlguard::firewall
