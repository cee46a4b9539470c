// The beginning of a capture as frames that a cable carries: whatever link it was taken on, each
// packet gets an Ethernet header. By libpcap alone; shares no code with the sniffer. Stateless.
#pragma once

#include <cstdint>
#include <string>

namespace mlguard::sniffer {

inline constexpr double kRoundS = 0.1;

struct EthernetCopy {
  std::uint64_t packets = 0;   // in the copy
  std::uint64_t left_out = 0;  // on a link that cannot be translated, or too short for a frame
  std::uint64_t later = 0;     // after the first `seconds`
  // The most bytes, by their IP length, within one round of the sniffer (kRoundS).
  std::uint64_t round_bytes_most = 0;
  // The most packets that were the first of their way (to or fro) of a flow within one.
  std::uint64_t round_openings_most = 0;
  std::string error;  // Empty: the copy is whole.
};

// Times that go back in the capture stand still in the copy: nobody can send before now.
EthernetCopy copy_to_ethernet(const std::string& capture, const std::string& copy, double seconds);

}  // namespace mlguard::sniffer
