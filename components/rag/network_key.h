// NetworkKey: an address or network of either family as 17 bytes that sort: first address, then
// length. What a network holds follows it, up to its last address; what holds it is one of at most
// 128 keys. So an ordered column answers containment both ways.
//
// IPv4 is ::ffff:a.b.c.d (its lengths count from 96), also when written inside IPv6; IPv4 and IPv6
// never hold one another. Plain values, pure functions; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlguard::rag {

inline constexpr std::size_t kNetworkKeyBytes = 17;

using NetworkKey = std::array<std::uint8_t, kNetworkKeyBytes>;

// "10.0.0.5", "10.0.0.0/8", "2001:db8::/48", "::ffff:10.0.0.5"; host bits are zeroed. nullopt: it
// is none.
std::optional<NetworkKey> parse_network_key(std::string_view text);
// "10.0.0.5/32", "2001:db8::/48".
std::string to_text(const NetworkKey& key);
bool is_ipv4(const NetworkKey& key);
// The greatest key of what `key` holds.
NetworkKey last_within(const NetworkKey& key);
// Every network that holds `key`, but not itself; widest first.
std::vector<NetworkKey> supernets(const NetworkKey& key);
// The range in which all IPv4 lies: to be left out when an IPv6 network is asked for.
NetworkKey ipv4_first();
NetworkKey ipv4_last();

}  // namespace mlguard::rag
