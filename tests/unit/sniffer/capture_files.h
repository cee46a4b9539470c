// Captures made of bytes, for tests: little-endian pcap with microseconds. Stateless.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mlguard::sniffer {

inline std::string little_endian(std::uint32_t number) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(number >> (8 * i)));
  return bytes;
}

inline std::string pcap_header(std::uint32_t link) {
  return little_endian(0xa1b2c3d4) + little_endian(0x00040002) + little_endian(0) +
         little_endian(0) + little_endian(65'535) + little_endian(link);
}

inline std::string pcap_packet(const std::vector<std::uint8_t>& bytes, std::uint32_t second,
                               std::uint32_t microsecond = 0) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  return little_endian(second) + little_endian(microsecond) + little_endian(size) +
         little_endian(size) + std::string(bytes.begin(), bytes.end());
}

}  // namespace mlguard::sniffer
