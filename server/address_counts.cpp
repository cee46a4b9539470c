#include "server/address_counts.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace mlguard::server {

namespace {

constexpr std::uint32_t kLoopbackNet = 127;

std::optional<AddressKey> key_of(std::uint32_t ipv4) {
  if (ipv4 >> 24 == kLoopbackNet) return std::nullopt;
  return ipv4;
}

std::uint64_t big_endian(const std::uint8_t* bytes, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8 | bytes[i];
  return number;
}

}  // namespace

std::optional<AddressKey> address_key(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &address, sizeof ipv4);
    return key_of(ntohl(ipv4.sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 ipv6{};
  std::memcpy(&ipv6, &address, sizeof ipv6);
  const std::uint8_t* bytes = ipv6.sin6_addr.s6_addr;
  if (IN6_IS_ADDR_LOOPBACK(&ipv6.sin6_addr)) return std::nullopt;
  constexpr std::size_t kMappedPrefix = 12;
  if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr)) {
    return key_of(static_cast<std::uint32_t>(big_endian(bytes + kMappedPrefix, 4)));
  }
  const bool own_half = IN6_IS_ADDR_LINKLOCAL(&ipv6.sin6_addr);
  return big_endian(own_half ? bytes + sizeof(AddressKey) : bytes, sizeof(AddressKey));
}

std::optional<AddressKey> remote_address_key(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (getpeername(socket, address, &size) != 0) return std::nullopt;
  return address_key(*address);
}

bool AddressCounts::add(AddressKey address) {
  const std::lock_guard lock(mutex_);
  return ++held_[address] <= most_;
}

void AddressCounts::remove(AddressKey address) {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(address);
  if (found != held_.end() && --found->second == 0) held_.erase(found);
}

}  // namespace mlguard::server
