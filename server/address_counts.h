// AddressCounts: how many connections each remote address holds, over all event loops, so that one
// host, or whoever sits on it, cannot take them all from the others (Consul calls this
// http_max_conns_per_client). A host may take any address of its IPv6 network, so that a /64 counts
// as one address, but each link-local one by itself; IPv4 over an IPv6 socket counts as IPv4.
// Loopback is not limited: who is on this machine can do worse.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

struct sockaddr;

namespace mlguard::server {

// An IPv4 address, or one half of an IPv6 one. The two do not meet: no /64 that is routed begins
// with 32 zero bits.
using AddressKey = std::uint64_t;

// nullopt: not limited (loopback, or no address of the internet at all).
std::optional<AddressKey> address_key(const sockaddr& address);
// Of the other end of a connected socket; nullopt also when it is not connected.
std::optional<AddressKey> remote_address_key(int socket);

class AddressCounts {
 public:
  explicit AddressCounts(std::size_t most) : most_(most) {}

  // Counts one more, to be removed again whatever is returned. False: that is more than `most`.
  bool add(AddressKey address);
  void remove(AddressKey address);

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<AddressKey, std::size_t> held_;
};

}  // namespace mlguard::server
