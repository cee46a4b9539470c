// Opens the listening sockets: one per event loop and address, sharing the port by SO_REUSEPORT so
// that the kernel spreads connections over the loops. Stateless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mlguard::server {

inline constexpr int kListenBacklogConnections = 1024;

struct ListenSockets {
  std::uint16_t port = 0;                            // The one asked for, or chosen for 0.
  std::vector<std::vector<base::UniqueFd>> by_loop;  // [loop][address]
};

// `address`: empty for every IPv4 and IPv6 address, "localhost" for both loopbacks, else one
// numeric address. Errors: conflict / "port_in_use" naming the port; permission_denied (a port
// below 1024); invalid_argument / "invalid_listen".
base::Result<ListenSockets> open_listen_sockets(const std::string& address, std::uint16_t port,
                                                std::size_t loops);

}  // namespace mlguard::server
