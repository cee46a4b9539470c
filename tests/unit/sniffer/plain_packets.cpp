#include "plain_packets.h"

#include <arpa/inet.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <set>

namespace mlguard::plain {
namespace {

struct PassedOver {
  const char* why;
};

// Bytes that were captured; to read beyond them means that the packet was truncated.
class View {
 public:
  View(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}

  void need(std::size_t count) const {
    if (size_ < count) throw PassedOver{"truncated"};
  }
  unsigned byte(std::size_t at) const {
    need(at + 1);
    return bytes_[at];
  }
  unsigned big16(std::size_t at) const { return byte(at) * 256 + byte(at + 1); }
  unsigned little16(std::size_t at) const { return byte(at) + 256 * byte(at + 1); }
  View from(std::size_t at) const {
    const std::size_t start = std::min(at, size_);
    return {bytes_ + start, size_ - start};
  }

 private:
  const std::uint8_t* bytes_;
  std::size_t size_;
};

void require_sane(bool sane) {
  if (!sane) throw PassedOver{"malformed"};
}

void read_tcp(const View& view, unsigned left, Packet& packet) {
  require_sane(left >= 20);
  view.need(20);
  const unsigned header_bytes = view.byte(12) / 16 * 4;
  require_sane(header_bytes >= 20 && header_bytes <= left);
  packet.from.port = view.big16(0);
  packet.to.port = view.big16(2);
  const unsigned flags = view.byte(13);
  packet.fin = (flags & 1U) != 0;
  packet.syn = (flags & 2U) != 0;
  packet.rst = (flags & 4U) != 0;
  packet.psh = (flags & 8U) != 0;
  packet.ack = (flags & 16U) != 0;
  packet.window = view.big16(14);
  packet.has_payload = left > header_bytes;
}

void read_udp(const View& view, unsigned left, Packet& packet) {
  require_sane(left >= 8);
  view.need(8);
  packet.from.port = view.big16(0);
  packet.to.port = view.big16(2);
  packet.has_payload = left > 8;
}

void read_icmp(const View& view, unsigned left, Packet& packet) {
  // Echo, timestamp, information, address mask; in ICMPv6 echo alone.
  const std::set<unsigned> queries = packet.protocol == 1
                                         ? std::set<unsigned>{0, 8, 13, 14, 15, 16, 17, 18}
                                         : std::set<unsigned>{128, 129};
  require_sane(left >= 4);
  view.need(4);
  packet.has_payload = left > 8;
  if (queries.count(view.byte(0)) == 0) return;
  require_sane(left >= 8);
  view.need(8);
  packet.from.port = view.big16(4);
  packet.to.port = view.big16(4);
}

void read_transport(const View& view, unsigned left, unsigned icmp, Packet& packet) {
  if (packet.protocol == 6) return read_tcp(view, left, packet);
  if (packet.protocol == 17) return read_udp(view, left, packet);
  if (packet.protocol == icmp) return read_icmp(view, left, packet);
  throw PassedOver{"other transports"};
}

Address ipv4_address(const View& view, std::size_t at) {
  Address address{};
  address[10] = address[11] = 0xff;
  for (std::size_t i = 0; i < 4; ++i) {
    address[12 + i] = static_cast<std::uint8_t>(view.byte(at + i));
  }
  return address;
}

void read_ipv4(const View& view, Packet& packet) {
  view.need(20);
  const unsigned header_bytes = view.byte(0) % 16 * 4;
  const unsigned total_bytes = view.big16(2);
  require_sane(view.byte(0) / 16 == 4 && header_bytes >= 20 && total_bytes >= header_bytes);
  const bool more_fragments = (view.byte(6) & 0x20U) != 0;
  const unsigned fragment_offset = view.big16(6) % 0x2000;
  if (more_fragments || fragment_offset > 0) throw PassedOver{"fragments"};
  packet.ip_bytes = total_bytes;
  packet.protocol = view.byte(9);
  packet.from.address = ipv4_address(view, 12);
  packet.to.address = ipv4_address(view, 16);
  read_transport(view.from(header_bytes), total_bytes - header_bytes, 1, packet);
}

void read_ipv6(const View& view, Packet& packet) {
  const std::set<unsigned> extensions = {0, 43, 44, 51, 60, 135, 139, 140};
  view.need(40);
  require_sane(view.byte(0) / 16 == 6);
  unsigned left = view.big16(4);
  packet.ip_bytes = 40 + left;
  for (std::size_t i = 0; i < 16; ++i) {
    packet.from.address[i] = static_cast<std::uint8_t>(view.byte(8 + i));
    packet.to.address[i] = static_cast<std::uint8_t>(view.byte(24 + i));
  }
  unsigned next = view.byte(6);
  View rest = view.from(40);
  for (int headers = 0; extensions.count(next) > 0; ++headers) {
    if (headers == 6) throw PassedOver{"too many IPv6 extension headers"};
    require_sane(left >= 8);
    rest.need(8);
    unsigned bytes = 8 * (rest.byte(1) + 1);
    if (next == 44) bytes = 8;
    if (next == 51) bytes = 4 * (rest.byte(1) + 2);
    const bool more_fragments = rest.byte(3) % 2 == 1;
    const bool is_fragment = next == 44 && (more_fragments || rest.big16(2) / 8 > 0);
    if (is_fragment) throw PassedOver{"fragments"};
    require_sane(bytes <= left);
    next = rest.byte(0);
    rest = rest.from(bytes);
    left -= bytes;
  }
  packet.protocol = next;
  read_transport(rest, left, 58, packet);
}

void read_ether_type(unsigned type, View view, Packet& packet) {
  for (int tags = 0; type == 0x8100 || type == 0x88a8 || type == 0x9100; ++tags) {
    if (tags == 2) throw PassedOver{"too many VLAN tags"};
    view.need(4);
    type = view.big16(2);
    view = view.from(4);
  }
  if (type == 0x0800) return read_ipv4(view, packet);
  if (type == 0x86dd) return read_ipv6(view, packet);
  throw PassedOver{"not IP"};
}

void read_ip(const View& view, Packet& packet) {
  const unsigned version = view.byte(0) / 16;
  require_sane(version == 4 || version == 6);
  return version == 4 ? read_ipv4(view, packet) : read_ipv6(view, packet);
}

// The family in the byte order of the host that captured.
void read_loopback(const View& view, Packet& packet) {
  const std::set<std::uint64_t> families = {2, 10, 24, 28, 30};
  view.need(4);
  const std::uint64_t big = view.big16(0) * 65'536ULL + view.big16(2);
  const std::uint64_t little = view.little16(2) * 65'536ULL + view.little16(0);
  if (families.count(big) + families.count(little) == 0) throw PassedOver{"not IP"};
  read_ip(view.from(4), packet);
}

void read_ppp(const View& view, Packet& packet) {
  view.need(2);
  const bool is_cisco = view.byte(0) == 0x0f || view.byte(0) == 0x8f;
  if (is_cisco) return read_ether_type(view.big16(2), view.from(4), packet);
  const View inner = view.big16(0) == 0xff03 ? view.from(2) : view;
  const unsigned protocol = inner.big16(0);
  if (protocol == 0x0021) return read_ipv4(inner.from(2), packet);
  if (protocol == 0x0057) return read_ipv6(inner.from(2), packet);
  throw PassedOver{"not IP"};
}

void read_link(int link, const View& view, Packet& packet) {
  switch (link) {
    case DLT_EN10MB: view.need(14); return read_ether_type(view.big16(12), view.from(14), packet);
    case DLT_RAW: return read_ip(view, packet);
    case DLT_NULL: return read_loopback(view, packet);
    case DLT_PPP: return read_ppp(view, packet);
    case DLT_C_HDLC: view.need(4); return read_ether_type(view.big16(2), view.from(4), packet);
    case DLT_LINUX_SLL:
      view.need(16);
      return read_ether_type(view.big16(14), view.from(16), packet);
    default: throw PassedOver{"not IP"};
  }
}

// A header that says how long it is and which link follows it.
void read_ppi(const View& view, Packet& packet) {
  view.need(8);
  const unsigned length = view.little16(2);
  require_sane(length >= 8);
  view.need(length);
  const unsigned link = view.little16(4) + 65'536 * view.little16(6);
  read_link(static_cast<int>(link), view.from(length), packet);
}

}  // namespace

Capture read_capture(const std::string& path) {
  Capture capture;
  std::array<char, PCAP_ERRBUF_SIZE> problem{};
  pcap_t* pcap = pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                                         problem.data());
  if (pcap == nullptr) {
    capture.error = problem.data();
    return capture;
  }
  const int link = pcap_datalink(pcap);
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  int got = 0;
  while ((got = pcap_next_ex(pcap, &header, &bytes)) == 1) {
    ++capture.seen;
    Packet packet;
    packet.time_ns = static_cast<std::uint32_t>(header->ts.tv_sec) * 1'000'000'000ULL +
                     static_cast<std::uint32_t>(header->ts.tv_usec);
    const View view(bytes, header->caplen);
    try {
      link == DLT_PPI ? read_ppi(view, packet) : read_link(link, view, packet);
      capture.packets.push_back(packet);
    } catch (const PassedOver& passed_over) {
      ++capture.passed_over[passed_over.why];
    }
  }
  if (got != PCAP_ERROR_BREAK) capture.error = pcap_geterr(pcap);
  pcap_close(pcap);
  return capture;
}

std::string text_of(const Address& address) {
  Address mapped{};
  mapped[10] = mapped[11] = 0xff;
  const bool is_ipv4 = std::equal(address.begin(), address.begin() + 12, mapped.begin());
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_ipv4 ? AF_INET : AF_INET6, address.data() + (is_ipv4 ? 12 : 0), text.data(),
            text.size());
  return text.data();
}

}  // namespace mlguard::plain
