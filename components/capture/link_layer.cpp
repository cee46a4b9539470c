#include "capture/link_layer.h"

#include <algorithm>
#include <array>

namespace mlguard::capture {
namespace {

constexpr std::uint16_t kEtherIpv4 = 0x0800;
constexpr std::uint16_t kEtherIpv6 = 0x86dd;

struct Bytes {
  const std::uint8_t* at;
  std::size_t size;

  const std::uint8_t* end() const { return at + size; }
};

mlg_parse_result give_up(mlg_parse_result result, mlg_packet& packet) {
  packet = {};
  return result;
}

// A header of `header_bytes` that holds an EtherType at `type_offset`.
mlg_parse_result parse_typed(Bytes bytes, std::size_t header_bytes, std::size_t type_offset,
                             mlg_packet& packet) {
  if (bytes.size < header_bytes) return give_up(MLG_PARSE_TRUNCATED, packet);
  return mlg_parse_ether_type(mlg_read_be16(bytes.at + type_offset), bytes.at + header_bytes,
                              bytes.end(), &packet);
}

mlg_parse_result parse_null(Bytes bytes, mlg_packet& packet) {
  constexpr std::size_t kHeaderBytes = 4;
  // AF_INET, and AF_INET6 of NetBSD and Linux, FreeBSD, Darwin: small numbers, so that the byte
  // order shows.
  constexpr std::array<std::uint8_t, 5> kIpFamilies = {2, 10, 24, 28, 30};
  if (bytes.size < kHeaderBytes) return give_up(MLG_PARSE_TRUNCATED, packet);
  const bool little = bytes.at[0] != 0;
  const std::uint8_t family = little ? bytes.at[0] : bytes.at[3];
  const bool others_zero = bytes.at[1] == 0 && bytes.at[2] == 0 && bytes.at[little ? 3 : 0] == 0;
  const bool known = std::find(kIpFamilies.begin(), kIpFamilies.end(), family) != kIpFamilies.end();
  if (!known || !others_zero) return give_up(MLG_PARSE_NOT_IP, packet);
  return mlg_parse_ip(bytes.at + kHeaderBytes, bytes.end(), &packet);
}

mlg_parse_result parse_ppp(Bytes bytes, mlg_packet& packet) {
  constexpr std::size_t kHdlcHeaderBytes = 4;
  constexpr std::uint16_t kPppIpv4 = 0x0021;
  constexpr std::uint16_t kPppIpv6 = 0x0057;
  if (bytes.size < 2) return give_up(MLG_PARSE_TRUNCATED, packet);
  if (bytes.at[0] == 0x0f || bytes.at[0] == 0x8f) {
    return parse_typed(bytes, kHdlcHeaderBytes, 2, packet);
  }
  const std::size_t framing = bytes.at[0] == 0xff && bytes.at[1] == 0x03 ? 2 : 0;
  if (bytes.size < framing + 2) return give_up(MLG_PARSE_TRUNCATED, packet);
  const std::uint16_t protocol = mlg_read_be16(bytes.at + framing);
  if (protocol != kPppIpv4 && protocol != kPppIpv6) return give_up(MLG_PARSE_NOT_IP, packet);
  return mlg_parse_ether_type(protocol == kPppIpv4 ? kEtherIpv4 : kEtherIpv6,
                              bytes.at + framing + 2, bytes.end(), &packet);
}

mlg_parse_result parse_bytes(int link_type, Bytes bytes, mlg_packet& packet) {
  constexpr std::size_t kSllBytes = 16;
  constexpr std::size_t kSll2Bytes = 20;
  constexpr std::size_t kHdlcHeaderBytes = 4;
  switch (static_cast<Link>(link_type)) {
    case Link::null:
    case Link::loop: return parse_null(bytes, packet);
    case Link::ethernet: return mlg_parse_ethernet(bytes.at, bytes.end(), &packet);
    case Link::ppp: return parse_ppp(bytes, packet);
    case Link::raw: return mlg_parse_ip(bytes.at, bytes.end(), &packet);
    case Link::cisco_hdlc: return parse_typed(bytes, kHdlcHeaderBytes, 2, packet);
    case Link::linux_sll: return parse_typed(bytes, kSllBytes, 14, packet);
    case Link::linux_sll2: return parse_typed(bytes, kSll2Bytes, 0, packet);
    case Link::ipv4: return mlg_parse_ether_type(kEtherIpv4, bytes.at, bytes.end(), &packet);
    case Link::ipv6: return mlg_parse_ether_type(kEtherIpv6, bytes.at, bytes.end(), &packet);
    case Link::ppi: break;
  }
  return give_up(MLG_PARSE_NOT_IP, packet);
}

// Its header, in little-endian order, says how long it is and what follows it.
mlg_parse_result parse_ppi(Bytes bytes, mlg_packet& packet) {
  constexpr std::size_t kHeaderBytes = 8;
  if (bytes.size < kHeaderBytes) return give_up(MLG_PARSE_TRUNCATED, packet);
  const std::size_t length = bytes.at[2] + 256U * bytes.at[3];
  const bool small_link = bytes.at[6] == 0 && bytes.at[7] == 0;
  const int link_type = bytes.at[4] + 256 * bytes.at[5];
  if (length < kHeaderBytes) return give_up(MLG_PARSE_MALFORMED, packet);
  if (length > bytes.size) return give_up(MLG_PARSE_TRUNCATED, packet);
  if (!small_link) return give_up(MLG_PARSE_NOT_IP, packet);
  return parse_bytes(link_type, {bytes.at + length, bytes.size - length}, packet);
}

}  // namespace

bool is_known(int link_type) {
  switch (static_cast<Link>(link_type)) {
    case Link::null:
    case Link::ethernet:
    case Link::ppp:
    case Link::raw:
    case Link::cisco_hdlc:
    case Link::loop:
    case Link::linux_sll:
    case Link::ppi:
    case Link::ipv4:
    case Link::ipv6:
    case Link::linux_sll2: return true;
  }
  return false;
}

mlg_parse_result parse_link(int link_type, const std::uint8_t* bytes, std::size_t size,
                            mlg_packet& packet) {
  if (static_cast<Link>(link_type) == Link::ppi) return parse_ppi({bytes, size}, packet);
  return parse_bytes(link_type, {bytes, size}, packet);
}

}  // namespace mlguard::capture
