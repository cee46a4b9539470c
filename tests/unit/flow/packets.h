// Packets made by hand for the tests of components/flow, and a tracker that keeps its records.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "flow/tracker.h"

namespace mlguard::flow {

inline constexpr std::uint64_t kStartNs = 1'600'000'000 * kNsPerSecond;
inline constexpr std::uint64_t kMs = kNsPerSecond / 1'000;

// 10.x.y.z by its last 24 bits.
inline void set_host(std::uint8_t* address, std::uint32_t host) {
  address[10] = address[11] = 0xff;
  address[12] = 10;
  address[13] = static_cast<std::uint8_t>(host >> 16);
  address[14] = static_cast<std::uint8_t>(host >> 8);
  address[15] = static_cast<std::uint8_t>(host);
}

struct Ends {
  std::uint32_t from = 1;
  std::uint32_t to = 2;
  std::uint16_t from_port = 50'000;
  std::uint16_t to_port = 80;

  Ends back() const { return {to, from, to_port, from_port}; }
};

inline mlg_packet tcp(const Ends& ends, int flags, std::uint32_t payload_bytes = 0) {
  mlg_packet packet = {};
  set_host(packet.source, ends.from);
  set_host(packet.destination, ends.to);
  packet.source_port = ends.from_port;
  packet.destination_port = ends.to_port;
  packet.protocol = MLG_PROTOCOL_TCP;
  packet.family = MLG_FAMILY_IPV4;
  packet.tcp_flags = static_cast<std::uint8_t>(flags);
  packet.tcp_window = 1'024;
  packet.payload_bytes = payload_bytes;
  packet.ip_bytes = 40 + payload_bytes;
  return packet;
}
inline mlg_packet udp(const Ends& ends, std::uint32_t payload_bytes = 10) {
  mlg_packet packet = tcp(ends, 0, payload_bytes);
  packet.protocol = MLG_PROTOCOL_UDP;
  packet.tcp_window = 0;
  packet.ip_bytes = 28 + payload_bytes;
  return packet;
}

struct Recorder {
  std::vector<FlowRecord> records;
  Tracker tracker;

  explicit Recorder(const TrackerOptions& options = {})
      : tracker(options, [this](const FlowRecord& record) { records.push_back(record); }) {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void add(const mlg_packet& packet, std::uint64_t after_ns) {
    tracker.add(packet, kStartNs + after_ns);
  }
  std::uint64_t recorded_packets() const {
    std::uint64_t sum = 0;
    for (const FlowRecord& record : records) {
      sum += record.forward().packets + record.reverse().packets;
    }
    return sum;
  }
};

}  // namespace mlguard::flow
