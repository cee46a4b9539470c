#include "db/cidr.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kTextShownMax = 64;  // bytes of bad input repeated in a message

unsigned bits_of(Cidr::Family family) { return family == Cidr::Family::ipv4 ? 32 : 128; }
int number_of(Cidr::Family family) { return family == Cidr::Family::ipv4 ? AF_INET : AF_INET6; }

// As if written without a length.
std::optional<Cidr> parse_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string terminated(text);
  // An embedded zero would end the text early for inet_pton.
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  Cidr address;
  const bool colons = text.find(':') != std::string_view::npos;
  address.family = colons ? Cidr::Family::ipv6 : Cidr::Family::ipv4;
  address.prefix = bits_of(address.family);
  if (inet_pton(number_of(address.family), terminated.c_str(), address.bytes.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

bool is_mapped_ipv4(const Cidr& address) {
  const auto begin = address.bytes.begin();
  return address.family == Cidr::Family::ipv6 &&
         std::all_of(begin, begin + 10, [](auto b) { return !b; }) && address.bytes[10] == 0xff &&
         address.bytes[11] == 0xff;
}

std::string format(const Cidr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(number_of(address.family), address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::uint8_t mask_of(unsigned bits) { return static_cast<std::uint8_t>(0xffU << (8 - bits)); }

void zero_host_bits(Cidr& cidr) {
  for (unsigned i = 0; i < bits_of(cidr.family) / 8; ++i) {
    const unsigned begin = i * 8;
    if (begin >= cidr.prefix) {
      cidr.bytes[i] = 0;
    } else if (cidr.prefix - begin < 8) {
      cidr.bytes[i] = static_cast<std::uint8_t>(cidr.bytes[i] & mask_of(cidr.prefix - begin));
    }
  }
}

Error bad(std::string_view text, const std::string& why, const char* reason) {
  std::string shown(text.substr(0, kTextShownMax));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return {ErrorCode::invalid_argument, reason, "'" + shown + "' " + why};
}

}  // namespace

base::Result<Cidr> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  auto cidr = parse_address(text.substr(0, slash));
  if (!cidr) {
    return bad(text, "is no address or prefix; write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48",
               "invalid_cidr");
  }
  if (is_mapped_ipv4(*cidr)) {
    return bad(text,
               "is an IPv4 address inside IPv6, which no packet carries; write the IPv4 "
               "address itself",
               "invalid_cidr");
  }
  if (slash != std::string_view::npos) {
    const unsigned bits = cidr->prefix;
    const std::string_view digits = text.substr(slash + 1);
    const bool leading_zero = digits.size() > 1 && digits.front() == '0';
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), cidr->prefix);
    if (failure != std::errc() || end != digits.data() + digits.size() || leading_zero ||
        cidr->prefix > bits) {
      return bad(text, "has a bad prefix length; use /0 to /" + std::to_string(bits),
                 "invalid_cidr");
    }
  }
  zero_host_bits(*cidr);
  return *cidr;
}

std::string to_text(const Cidr& cidr) { return format(cidr) + "/" + std::to_string(cidr.prefix); }

bool contains(const Cidr& outer, const Cidr& inner) {
  if (outer.family != inner.family || outer.prefix > inner.prefix) return false;
  Cidr shortened = inner;
  shortened.prefix = outer.prefix;
  zero_host_bits(shortened);
  return shortened.bytes == outer.bytes;
}

base::Result<std::string> canonical_address(std::string_view text) {
  const auto address = parse_address(text);
  if (!address) return bad(text, "is no IPv4 or IPv6 address", "invalid_address");
  return format(*address);
}

}  // namespace mlguard::db
