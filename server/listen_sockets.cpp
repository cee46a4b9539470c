#include "server/listen_sockets.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::UniqueFd;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string text;
  bool required = true;  // false: the machine may lack this address family.
};

std::optional<Address> parse_numeric(const std::string& text) {
  Address address;
  address.text = text;
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr = v4;
    std::memcpy(&address.storage, &in, sizeof in);
    address.size = sizeof in;
    return address;
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_addr = v6;
    std::memcpy(&address.storage, &in, sizeof in);
    address.size = sizeof in;
    return address;
  }
  return std::nullopt;
}

Result<std::vector<Address>> parse_addresses(const std::string& text) {
  std::vector<Address> found;
  if (text.empty() || text == "localhost") {
    found.push_back(*parse_numeric(text.empty() ? "0.0.0.0" : "127.0.0.1"));
    found.push_back(*parse_numeric(text.empty() ? "::" : "::1"));
    found.back().required = false;
    return found;
  }
  std::optional<Address> one = parse_numeric(text);
  if (!one) {
    return Error{ErrorCode::invalid_argument, "invalid_listen",
                 "cannot listen on '" + text +
                     "': give a numeric IPv4 or IPv6 address, 'localhost', or leave it out to "
                     "listen on every address"};
  }
  found.push_back(*one);
  return found;
}

void set_port(Address& address, std::uint16_t port) {
  // Both families keep the port at the same place, right behind the family (RFC 2553).
  auto* generic = reinterpret_cast<sockaddr_in*>(&address.storage);
  generic->sin_port = htons(port);
}

std::uint16_t port_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  return ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
}

Error bind_error(const Address& address, std::uint16_t port, int errno_value) {
  const std::string where = "port " + std::to_string(port) + " on " + address.text;
  if (errno_value == EADDRINUSE) {
    return Error{ErrorCode::conflict, "port_in_use",
                 where +
                     " is already in use: stop the program that holds it, or choose another "
                     "with --port"};
  }
  if (errno_value == EACCES) {
    return Error{ErrorCode::permission_denied, "port_not_permitted",
                 "not permitted to listen on " + where + ": choose a port above 1023"};
  }
  return Error{ErrorCode::io, "listen_failed",
               "could not listen on " + where + ": " + std::strerror(errno_value)};
}

bool set_flag(int fd, int level, int option) {
  const int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

// The first socket of an address is bound without SO_REUSEPORT: it fails when any other process
// holds the port. Only then is sharing allowed, for our own further loops.
enum class Sharing { exclusive, shared };

Result<UniqueFd> open_one(const Address& address, std::uint16_t port, Sharing sharing) {
  UniqueFd fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return bind_error(address, port, errno);
  // Accepted sockets inherit TCP_NODELAY.
  bool set =
      set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR) && set_flag(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  if (address.storage.ss_family == AF_INET6) {
    set = set && set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  }
  if (sharing == Sharing::shared) set = set && set_flag(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (!set) return bind_error(address, port, errno);
  Address target = address;
  set_port(target, port);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&target.storage), target.size) != 0) {
    return bind_error(address, port, errno);
  }
  if (!set_flag(fd.get(), SOL_SOCKET, SO_REUSEPORT)) return bind_error(address, port, errno);
  return fd;
}

}  // namespace

Result<ListenSockets> open_listen_sockets(const std::string& address, std::uint16_t port,
                                          std::size_t loops) {
  Result<std::vector<Address>> addresses = parse_addresses(address);
  if (!addresses) return addresses.error();
  ListenSockets sockets;
  sockets.port = port;
  sockets.by_loop.resize(loops);
  for (const Address& one : *addresses) {
    for (std::size_t loop = 0; loop < loops; ++loop) {
      Result<UniqueFd> fd =
          open_one(one, sockets.port, loop == 0 ? Sharing::exclusive : Sharing::shared);
      if (!fd) {
        // A machine without IPv6 is served over IPv4; a port held by another is an error anyhow.
        if (!one.required && fd.error().reason == "listen_failed") break;
        return fd.error();
      }
      if (sockets.port == 0) sockets.port = port_of(fd->get());
      sockets.by_loop[loop].push_back(std::move(*fd));
    }
  }
  for (std::vector<UniqueFd>& fds : sockets.by_loop) {
    for (const UniqueFd& fd : fds) {
      if (listen(fd.get(), kListenBacklogConnections) != 0) {
        return bind_error(addresses->front(), sockets.port, errno);
      }
    }
  }
  return sockets;
}

}  // namespace mlguard::server
