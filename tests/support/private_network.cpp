#include "support/private_network.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "support/process.h"

namespace mlguard::support {

std::string enter_private_network() {
  static const std::string problem = []() -> std::string {
    if (unshare(CLONE_NEWNET) != 0) return std::strerror(errno);
    run_ip("link set lo up");
    return {};
  }();
  return problem;
}

void run_ip(const std::string& arguments) {
  const CommandResult ran = run_shell("ip " + arguments);
  if (ran.exit.ok()) return;
  std::fprintf(stderr, "ip %s: %s", arguments.c_str(), ran.err.c_str());
  std::abort();
}

void make_cable(const std::string& one_end, const std::string& other_end) {
  run_ip("link add " + one_end + " type veth peer name " + other_end);
  for (const std::string& end : {one_end, other_end}) {
    // Not just without an address of its own: the kernel answers multicast queries even so.
    std::ofstream switch_off("/proc/sys/net/ipv6/conf/" + end + "/disable_ipv6");
    switch_off << 1 << std::flush;
    if (!switch_off) {
      std::fprintf(stderr, "cannot switch IPv6 off on %s\n", end.c_str());
      std::abort();
    }
    run_ip("link set " + end + " up");
  }
}

FrameSender::FrameSender(const std::string& interface)
    : socket_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)),
      interface_index_(static_cast<int>(if_nametoindex(interface.c_str()))) {
  if (socket_.valid() && interface_index_ != 0) return;
  std::fprintf(stderr, "cannot send from %s: %s\n", interface.c_str(), std::strerror(errno));
  std::abort();
}

void FrameSender::send(const std::vector<std::uint8_t>& frame) {
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = interface_index_;
  to.sll_halen = ETH_ALEN;
  std::memcpy(to.sll_addr, frame.data(), ETH_ALEN);
  const ssize_t sent = sendto(socket_.get(), frame.data(), frame.size(), 0,
                              reinterpret_cast<const sockaddr*>(&to), sizeof to);
  if (sent == static_cast<ssize_t>(frame.size())) return;
  std::fprintf(stderr, "cannot send a frame: %s\n", std::strerror(errno));
  std::abort();
}

}  // namespace mlguard::support
