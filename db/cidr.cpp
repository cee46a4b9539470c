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

struct Address {
  int family = AF_INET;
  std::array<std::uint8_t, 16> bytes{};
  unsigned bits() const { return family == AF_INET ? 32 : 128; }
};

std::optional<Address> parse_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string terminated(text);
  // An embedded zero would end the text early for inet_pton.
  if (terminated.find('\0') != std::string::npos) return std::nullopt;
  Address address;
  address.family = text.find(':') == std::string_view::npos ? AF_INET : AF_INET6;
  if (inet_pton(address.family, terminated.c_str(), address.bytes.data()) != 1) return std::nullopt;
  return address;
}

bool is_mapped_ipv4(const Address& address) {
  const auto begin = address.bytes.begin();
  return address.family == AF_INET6 && std::all_of(begin, begin + 10, [](auto b) { return !b; }) &&
         address.bytes[10] == 0xff && address.bytes[11] == 0xff;
}

std::string format(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.family, address.bytes.data(), text.data(), text.size());
  return text.data();
}

void zero_host_bits(Address& address, unsigned prefix) {
  for (unsigned i = 0; i < address.bits() / 8; ++i) {
    const unsigned begin = i * 8;
    if (begin >= prefix) {
      address.bytes[i] = 0;
    } else if (prefix - begin < 8) {
      const auto mask = static_cast<std::uint8_t>(0xffU << (8 - (prefix - begin)));
      address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] & mask);
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

base::Result<std::string> canonical_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  auto address = parse_address(text.substr(0, slash));
  if (!address) {
    return bad(text, "is no address or prefix; write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48",
               "invalid_cidr");
  }
  if (is_mapped_ipv4(*address)) {
    return bad(text,
               "is an IPv4 address inside IPv6, which no packet carries; write the IPv4 "
               "address itself",
               "invalid_cidr");
  }
  unsigned prefix = address->bits();
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const bool leading_zero = digits.size() > 1 && digits.front() == '0';
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (failure != std::errc() || end != digits.data() + digits.size() || leading_zero ||
        prefix > address->bits()) {
      return bad(text, "has a bad prefix length; use /0 to /" + std::to_string(address->bits()),
                 "invalid_cidr");
    }
  }
  zero_host_bits(*address, prefix);
  return format(*address) + "/" + std::to_string(prefix);
}

base::Result<std::string> canonical_address(std::string_view text) {
  const auto address = parse_address(text);
  if (!address) return bad(text, "is no IPv4 or IPv6 address", "invalid_address");
  return format(*address);
}

}  // namespace mlguard::db
