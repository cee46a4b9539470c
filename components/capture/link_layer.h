// From the packet of a capture to what bpf/packet.h says about it, whatever link it was taken on.
// Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bpf/packet.h"

namespace mlguard::capture {

// Links that are understood, by their number in capture files (LINKTYPE_* of tcpdump.org).
enum class Link : int {
  null = 0,  // BSD loopback: 4 bytes of address family in the byte order of its host
  ethernet = 1,
  ppp = 9,    // with or without HDLC-like framing, and Cisco HDLC
  raw = 101,  // an IP header at once
  cisco_hdlc = 104,
  loop = 108,       // null in network byte order
  linux_sll = 113,  // Linux cooked capture ("any")
  ppi = 192,        // per-packet information in front of one of the others
  ipv4 = 228,
  ipv6 = 229,
  linux_sll2 = 276,
};

bool is_known(int link_type);

// REQUIRES: is_known(link_type).
mlg_parse_result parse_link(int link_type, const std::uint8_t* bytes, std::size_t size,
                            mlg_packet& packet);

}  // namespace mlguard::capture
