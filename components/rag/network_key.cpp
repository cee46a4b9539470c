#include "rag/network_key.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace mlguard::rag {
namespace {

constexpr std::size_t kAddressBytes = 16;
constexpr unsigned kAddressBits = 128;
constexpr unsigned kMappedBits = 96;
constexpr std::size_t kNetworkCharsMax = 64;
constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

unsigned bits_of(const NetworkKey& key) { return key[kAddressBytes]; }

NetworkKey shortened_to(const NetworkKey& key, unsigned bits) {
  NetworkKey shorter = key;
  for (std::size_t byte = 0; byte < kAddressBytes; ++byte) {
    const auto from = static_cast<unsigned>(byte * 8);
    if (from >= bits) {
      shorter[byte] = 0;
    } else if (bits - from < 8) {
      shorter[byte] = static_cast<std::uint8_t>(shorter[byte] & (0xffU << (8 - (bits - from))));
    }
  }
  shorter[kAddressBytes] = static_cast<std::uint8_t>(bits);
  return shorter;
}

bool read_address(const std::string& text, NetworkKey& key) {
  if (inet_pton(AF_INET6, text.c_str(), key.data()) == 1) return true;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), key.begin());
  return inet_pton(AF_INET, text.c_str(), key.data() + kMappedPrefix.size()) == 1;
}

}  // namespace

std::optional<NetworkKey> parse_network_key(std::string_view text) {
  if (text.empty() || text.size() > kNetworkCharsMax) return std::nullopt;
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  NetworkKey key{};
  if (!read_address(address, key)) return std::nullopt;
  unsigned bits = kAddressBits;
  if (slash != std::string_view::npos) {
    const bool dotted_only = address.find(':') == std::string::npos;
    const unsigned offset = dotted_only ? kMappedBits : 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + slash + 1, end, bits);
    if (read.ec != std::errc() || read.ptr != end || bits > kAddressBits - offset) {
      return std::nullopt;
    }
    bits += offset;
  }
  return shortened_to(key, bits);
}

bool is_ipv4(const NetworkKey& key) {
  return bits_of(key) >= kMappedBits &&
         std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), key.begin());
}

std::string to_text(const NetworkKey& key) {
  char text[INET6_ADDRSTRLEN] = {};
  const bool four = is_ipv4(key);
  inet_ntop(four ? AF_INET : AF_INET6, key.data() + (four ? kMappedPrefix.size() : 0), text,
            sizeof text);
  return std::string(text) + "/" + std::to_string(bits_of(key) - (four ? kMappedBits : 0));
}

NetworkKey last_within(const NetworkKey& key) {
  NetworkKey last = key;
  for (unsigned bit = bits_of(key); bit < kAddressBits; ++bit) {
    last[bit / 8] = static_cast<std::uint8_t>(last[bit / 8] | (0x80U >> (bit % 8)));
  }
  last[kAddressBytes] = kAddressBits;
  return last;
}

std::vector<NetworkKey> supernets(const NetworkKey& key) {
  std::vector<NetworkKey> wider;
  for (unsigned bits = is_ipv4(key) ? kMappedBits : 0; bits < bits_of(key); ++bits) {
    wider.push_back(shortened_to(key, bits));
  }
  return wider;
}

NetworkKey ipv4_first() {
  NetworkKey first{};
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), first.begin());
  first[kAddressBytes] = kMappedBits;
  return first;
}

NetworkKey ipv4_last() { return last_within(ipv4_first()); }

}  // namespace mlguard::rag
