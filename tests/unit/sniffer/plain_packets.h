// The packets of a capture, read slowly and plainly: the first third of an independent reference
// for `sniffer --pcap` (then plain_hosts.h and plain_flows.h). From libpcap and the RFCs alone; it
// includes nothing of what it judges. Only for tests: it keeps whole captures in memory.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mlguard::plain {

using Address = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d

struct Endpoint {
  Address address{};
  unsigned port = 0;  // of an ICMP message with an identifier: the identifier

  auto operator<=>(const Endpoint&) const = default;
};

struct Packet {
  std::uint64_t time_ns = 0;
  Endpoint from;
  Endpoint to;
  unsigned protocol = 0;
  std::uint64_t ip_bytes = 0;
  bool has_payload = false;
  bool fin = false;
  bool syn = false;
  bool rst = false;
  bool psh = false;
  bool ack = false;
  unsigned window = 0;

  bool is_tcp() const { return protocol == 6; }
  bool is_syn_only() const { return is_tcp() && syn && !ack; }
};

struct Capture {
  std::string error;  // empty: it could be read to its end
  std::uint64_t seen = 0;
  std::vector<Packet> packets;                       // in the order of the file
  std::map<std::string, std::uint64_t> passed_over;  // by reason, in the words of the program
};

Capture read_capture(const std::string& path);

std::string text_of(const Address& address);

}  // namespace mlguard::plain
