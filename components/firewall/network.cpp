#include "firewall/network.h"

#include <arpa/inet.h>
#include <endian.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <random>

namespace mlguard::firewall {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kTextShownMax = 64;  // bytes of bad input repeated in a message
constexpr Network kAllOfIpv4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0},
                                kMappedBits};

constexpr std::uint64_t kOdd1 = 0xa0761d6478bd642fULL;
constexpr std::uint64_t kOdd2 = 0xe7037ed1a0b428dbULL;

std::uint64_t hash_seed() {
  static const std::uint64_t seed = [] {
    std::random_device random;
    return (std::uint64_t{random()} << 32U) | random();
  }();
  return seed;
}

// Multiplies to 128 bits and folds: mixes every bit of both into every bit of the result.
std::uint64_t folded(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

// The `bits` first of 64 bits, in the order of the network.
std::uint64_t mask_of(unsigned bits) {
  return bits == 0 ? 0 : htobe64(~std::uint64_t{0} << (64U - bits));
}

Error bad(std::string_view text, const char* reason, const std::string& why) {
  std::string shown(text.substr(0, kTextShownMax));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return {ErrorCode::invalid_argument, reason, "'" + shown + "' " + why};
}

bool parse_address(const std::string& text, Network& network) {
  if (text.find('\0') != std::string::npos) return false;
  if (text.find(':') != std::string::npos) {
    return inet_pton(AF_INET6, text.c_str(), network.address.data()) == 1;
  }
  network.address = kAllOfIpv4.address;
  return inet_pton(AF_INET, text.c_str(), network.address.data() + kMappedBits / 8) == 1;
}

// The bit after a prefix, set: its upper half begins there.
Network upper_half(const Network& network) {
  Network half = network;
  half.address[network.bits / 8] |= static_cast<std::uint8_t>(0x80U >> (network.bits % 8));
  ++half.bits;
  return half;
}

bool cut(const Network& whole, std::span<const Network> holes, std::size_t pieces_max,
         std::vector<Network>& pieces) {
  if (holes.empty()) {
    pieces.push_back(whole);
    return pieces.size() <= pieces_max;
  }
  if (std::any_of(holes.begin(), holes.end(),
                  [&](const Network& hole) { return contains(hole, whole); })) {
    return true;
  }
  Network lower = whole;
  ++lower.bits;
  std::vector<Network> in_lower;
  std::vector<Network> in_upper;
  for (const Network& hole : holes) (contains(lower, hole) ? in_lower : in_upper).push_back(hole);
  return cut(lower, in_lower, pieces_max, pieces) &&
         cut(upper_half(whole), in_upper, pieces_max, pieces);
}

}  // namespace

std::size_t NetworkHash::operator()(const Network& network) const {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), network.address.data(), sizeof words);
  const std::uint64_t seed = hash_seed();
  return folded(words[0] ^ seed ^ network.bits, folded(words[1] ^ seed, kOdd1) ^ kOdd2);
}

base::Result<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  Network network;
  if (address.size() >= INET6_ADDRSTRLEN || !parse_address(address, network)) {
    return bad(text, "invalid_cidr", "is no address or prefix");
  }
  const bool four = address.find(':') == std::string::npos;
  const unsigned bits_max = four ? kAddressBits - kMappedBits : kAddressBits;
  unsigned bits = bits_max;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const char* end = digits.data() + digits.size();
    const auto [at, failure] = std::from_chars(digits.data(), end, bits);
    if (failure != std::errc() || at != end || bits > bits_max) {
      return bad(text, "invalid_cidr",
                 "has a bad prefix length; use /0 to /" + std::to_string(bits_max));
    }
  }
  network.bits = static_cast<std::uint8_t>(bits);
  network = shortened(network, four ? bits + kMappedBits : bits);
  if (four) return network;
  if (contains(kAllOfIpv4, network) || contains(network, kAllOfIpv4)) {
    return bad(text, "mapped_address",
               "holds IPv4 addresses inside IPv6, which no packet carries; write IPv4 itself");
  }
  return network;
}

std::string to_text(const Network& network) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_ipv4(network)) {
    inet_ntop(AF_INET, network.address.data() + kMappedBits / 8, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, network.address.data(), text.data(), text.size());
  }
  if (network.bits == kAddressBits) return text.data();
  return std::string(text.data()) + "/" + std::to_string(written_bits(network));
}

bool is_ipv4(const Network& network) { return contains(kAllOfIpv4, network); }

unsigned written_bits(const Network& network) {
  return is_ipv4(network) ? network.bits - kMappedBits : network.bits;
}

bool contains(const Network& outer, const Network& inner) {
  return outer.bits <= inner.bits && shortened(inner, outer.bits).address == outer.address;
}

Network shortened(const Network& network, unsigned bits) {
  constexpr unsigned kWordBits = 64;
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), network.address.data(), sizeof words);
  words[0] &= mask_of(std::min(bits, kWordBits));
  words[1] &= mask_of(bits - std::min(bits, kWordBits));
  Network shorter;
  shorter.bits = static_cast<std::uint8_t>(bits);
  std::memcpy(shorter.address.data(), words.data(), sizeof words);
  return shorter;
}

base::Result<std::vector<Network>> without(const Network& whole, std::span<const Network> holes,
                                           std::size_t pieces_max) {
  std::vector<Network> pieces;
  if (cut(whole, holes, pieces_max, pieces)) return pieces;
  return Error{ErrorCode::too_large, "too_many_pieces",
               to_text(whole) + " without what is protected in it takes more than " +
                   std::to_string(pieces_max) + " prefixes"};
}

}  // namespace mlguard::firewall
