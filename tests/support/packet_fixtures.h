// Packets as hexadecimal text with what bpf/packet.h must say about each: one table for the parser
// in user space and for the kernel programs (bpf_prog_test_run). Every fixture begins with an
// Ethernet header. Built anew at each call; no state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/packet.h"

namespace mlguard::support {

struct PacketFixture {
  std::string description;
  std::vector<std::uint8_t> bytes;
  mlg_parse_result verdict = MLG_PARSE_OK;
  // What must be told after any verdict; addresses as inet_ntop writes the 16 bytes as IPv6.
  std::string source = "::";
  std::string destination = "::";
  mlg_packet fields = {};  // all but the addresses
};

// "0800 45" → {0x08, 0x00, 0x45}. Blanks may stand anywhere between digits.
inline std::vector<std::uint8_t> bytes_of_hex(const std::string& text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits.push_back(c);
  }
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// What the fixtures are put together from.
namespace hex {
inline const std::string kMacs = "02000000000b 02000000000a ";
inline const std::string kIpv4Type = "0800 ";
inline const std::string kIpv6Type = "86dd ";
inline const std::string kFrom4To4 = "0a000001 c0a80203 ";  // 10.0.0.1 → 192.168.2.3
inline const std::string kFrom6To6 =
    "20010db8000000000000000000000001 20010db8000000000000000000000002 ";
// Port 49152 → 443, header of 20 bytes, SYN, window 64240.
inline const std::string kTcpSyn = "c000 01bb 00000001 00000000 50 02 faf0 0000 0000 ";
inline const std::string kUdp = "d903 0035 000c 0000 ";           // 55555 → 53
inline const std::string kEchoRequest = "08 00 0000 1234 0001 ";  // identifier 0x1234
inline const std::string kEchoRequest6 = "80 00 0000 1234 0001 ";

// `length`, `fragment` and `protocol` as they stand in the header, in hexadecimal.
inline std::string ipv4(const std::string& length, const std::string& protocol,
                        const std::string& fragment = "0000") {
  return "45 00 " + length + " 0000 " + fragment + " 40 " + protocol + " 0000 " + kFrom4To4;
}
inline std::string ipv6(const std::string& payload_length, const std::string& next_header) {
  return "60000000 " + payload_length + " " + next_header + " 40 " + kFrom6To6;
}
}  // namespace hex

namespace fixture {
inline const std::string kSource4 = "::ffff:10.0.0.1";
inline const std::string kDestination4 = "::ffff:192.168.2.3";
inline const std::string kSource6 = "2001:db8::1";
inline const std::string kDestination6 = "2001:db8::2";

inline mlg_packet fields(mlg_family family, std::uint8_t protocol, std::uint32_t ip_bytes) {
  mlg_packet packet = {};
  packet.family = static_cast<std::uint8_t>(family);
  packet.protocol = protocol;
  packet.ip_bytes = ip_bytes;
  return packet;
}
inline mlg_packet with_ports(mlg_packet packet, std::uint16_t source, std::uint16_t destination,
                             std::uint32_t payload_bytes) {
  packet.source_port = source;
  packet.destination_port = destination;
  packet.payload_bytes = payload_bytes;
  return packet;
}
inline mlg_packet with_syn(mlg_packet packet) {
  packet.tcp_flags = MLG_TCP_SYN;
  packet.tcp_window = 64240;
  return packet;
}

inline PacketFixture row4(const std::string& description, const std::string& bytes,
                          mlg_parse_result verdict, const mlg_packet& fields) {
  return {description, bytes_of_hex(hex::kMacs + bytes), verdict, kSource4, kDestination4, fields};
}
inline PacketFixture row6(const std::string& description, const std::string& bytes,
                          mlg_parse_result verdict, const mlg_packet& fields) {
  return {description, bytes_of_hex(hex::kMacs + bytes), verdict, kSource6, kDestination6, fields};
}
// Nothing is told about it.
inline PacketFixture silent(const std::string& description, const std::string& bytes,
                            mlg_parse_result verdict) {
  return {description, bytes_of_hex(bytes), verdict, "::", "::", {}};
}

inline mlg_packet tcp4(std::uint32_t ip_bytes, std::uint32_t payload_bytes) {
  return with_syn(
      with_ports(fields(MLG_FAMILY_IPV4, MLG_PROTOCOL_TCP, ip_bytes), 49152, 443, payload_bytes));
}
inline mlg_packet tcp6(std::uint32_t ip_bytes, std::uint32_t payload_bytes) {
  return with_syn(
      with_ports(fields(MLG_FAMILY_IPV6, MLG_PROTOCOL_TCP, ip_bytes), 49152, 443, payload_bytes));
}

inline std::vector<PacketFixture> ipv4_rows() {
  using hex::ipv4, hex::kIpv4Type, hex::kTcpSyn, hex::kUdp, hex::kEchoRequest;
  const auto untold = [](std::uint8_t protocol, std::uint32_t ip_bytes) {
    return fields(MLG_FAMILY_IPV4, protocol, ip_bytes);
  };
  return {
      row4("TCP SYN over IPv4", kIpv4Type + ipv4("0028", "06") + kTcpSyn, MLG_PARSE_OK,
           tcp4(40, 0)),
      row4("TCP whose payload was cut off by the capture", kIpv4Type + ipv4("05dc", "06") + kTcpSyn,
           MLG_PARSE_OK, tcp4(1500, 1460)),
      row4("TCP padded by Ethernet to 60 bytes",
           kIpv4Type + ipv4("0028", "06") + kTcpSyn + "000000000000", MLG_PARSE_OK, tcp4(40, 0)),
      row4("IPv4 with 4 bytes of options",
           kIpv4Type + "46 00 002c 0000 0000 40 06 0000 " + hex::kFrom4To4 + "01010100" + kTcpSyn,
           MLG_PARSE_OK, tcp4(44, 0)),
      row4("UDP over IPv4", kIpv4Type + ipv4("0020", "11") + kUdp + "61626364", MLG_PARSE_OK,
           with_ports(untold(17, 32), 55555, 53, 4)),
      row4("ICMP echo request: both ports are its identifier",
           kIpv4Type + ipv4("0054", "01") + kEchoRequest, MLG_PARSE_OK,
           with_ports(untold(1, 84), 0x1234, 0x1234, 56)),
      row4("ICMP destination unreachable: no ports",
           kIpv4Type + ipv4("0038", "01") + "03 01 0000 00000000", MLG_PARSE_OK,
           with_ports(untold(1, 56), 0, 0, 28)),
      row4("first fragment", kIpv4Type + ipv4("0028", "06", "2000") + kTcpSyn, MLG_PARSE_FRAGMENT,
           untold(6, 40)),
      row4("later fragment", kIpv4Type + ipv4("0028", "11", "00b9") + kTcpSyn, MLG_PARSE_FRAGMENT,
           untold(17, 40)),
      row4("don't-fragment is no fragment", kIpv4Type + ipv4("0028", "06", "4000") + kTcpSyn,
           MLG_PARSE_OK, tcp4(40, 0)),
      row4("GRE", kIpv4Type + ipv4("0028", "2f"), MLG_PARSE_OTHER_TRANSPORT, untold(47, 40)),
      row4("ICMPv6 inside IPv4", kIpv4Type + ipv4("001c", "3a") + hex::kEchoRequest6,
           MLG_PARSE_OTHER_TRANSPORT, untold(58, 28)),
      row4("TCP header cut by the capture", kIpv4Type + ipv4("0028", "06") + "c000 01bb",
           MLG_PARSE_TRUNCATED, untold(6, 40)),
      row4("UDP header cut by the capture", kIpv4Type + ipv4("0020", "11") + "d903 0035 00",
           MLG_PARSE_TRUNCATED, untold(17, 32)),
      row4("ICMP echo cut before its identifier", kIpv4Type + ipv4("0054", "01") + "0800 0000",
           MLG_PARSE_TRUNCATED, untold(1, 84)),
      row4("options cut by the capture",
           kIpv4Type + "4f 00 0050 0000 0000 40 06 0000 " + hex::kFrom4To4 + "0101",
           MLG_PARSE_TRUNCATED, untold(6, 80)),
      row4("length ends inside the TCP header", kIpv4Type + ipv4("0027", "06") + kTcpSyn,
           MLG_PARSE_MALFORMED, untold(6, 39)),
      row4("length ends inside the UDP header", kIpv4Type + ipv4("001b", "11") + kUdp,
           MLG_PARSE_MALFORMED, untold(17, 27)),
      row4("length ends inside the ICMP identifier", kIpv4Type + ipv4("001a", "01") + kEchoRequest,
           MLG_PARSE_MALFORMED, untold(1, 26)),
      row4("TCP data offset below 5",
           kIpv4Type + ipv4("0028", "06") + "c000 01bb 00000001 00000000 40 02 faf0 0000 0000",
           MLG_PARSE_MALFORMED, untold(6, 40)),
      row4("TCP data offset beyond the packet",
           kIpv4Type + ipv4("0028", "06") + "c000 01bb 00000001 00000000 f0 02 faf0 0000 0000",
           MLG_PARSE_MALFORMED, untold(6, 40)),
      row4("one VLAN tag", "8100 0064 " + kIpv4Type + ipv4("0028", "06") + kTcpSyn, MLG_PARSE_OK,
           tcp4(40, 0)),
      row4("two VLAN tags", "88a8 0064 8100 0065 " + kIpv4Type + ipv4("0028", "06") + kTcpSyn,
           MLG_PARSE_OK, tcp4(40, 0)),
  };
}

inline std::vector<PacketFixture> ipv6_rows() {
  using hex::ipv6, hex::kIpv6Type, hex::kTcpSyn;
  const std::string extension = " 00 0104 00000000 ";  // behind its next-header byte
  const auto untold = [](std::uint8_t protocol, std::uint32_t ip_bytes) {
    return fields(MLG_FAMILY_IPV6, protocol, ip_bytes);
  };
  std::string six = kIpv6Type + ipv6("0044", "00");
  for (int i = 0; i < 5; ++i) six += "3c" + extension;
  return {
      row6("TCP SYN over IPv6", kIpv6Type + ipv6("0014", "06") + kTcpSyn, MLG_PARSE_OK,
           tcp6(60, 0)),
      row6("UDP over IPv6", kIpv6Type + ipv6("000c", "11") + hex::kUdp, MLG_PARSE_OK,
           with_ports(untold(17, 52), 55555, 53, 4)),
      row6("ICMPv6 echo", kIpv6Type + ipv6("0008", "3a") + hex::kEchoRequest6, MLG_PARSE_OK,
           with_ports(untold(58, 48), 0x1234, 0x1234, 0)),
      row6("ICMPv6 neighbour solicitation", kIpv6Type + ipv6("0018", "3a") + "87 00 0000 00000000",
           MLG_PARSE_OK, with_ports(untold(58, 64), 0, 0, 16)),
      row6("hop-by-hop and routing header",
           kIpv6Type + ipv6("0024", "00") + "2b" + extension + "06" + extension + kTcpSyn,
           MLG_PARSE_OK, tcp6(76, 0)),
      row6("authentication header, counted in units of 4",
           kIpv6Type + ipv6("0020", "33") + "06 01 0000 00000001 00000001 " + kTcpSyn, MLG_PARSE_OK,
           tcp6(72, 0)),
      row6("fragment header of a whole packet",
           kIpv6Type + ipv6("001c", "2c") + "06 00 0000 00000007 " + kTcpSyn, MLG_PARSE_OK,
           tcp6(68, 0)),
      row6("first fragment", kIpv6Type + ipv6("001c", "2c") + "06 00 0001 00000007 " + kTcpSyn,
           MLG_PARSE_FRAGMENT, untold(6, 68)),
      row6("later fragment", kIpv6Type + ipv6("001c", "2c") + "11 00 0508 00000007 " + kTcpSyn,
           MLG_PARSE_FRAGMENT, untold(17, 68)),
      row6("six extension headers", six + "06" + extension + kTcpSyn, MLG_PARSE_OK, tcp6(108, 0)),
      row6("seven extension headers", six + "3c" + extension + "06" + extension + kTcpSyn,
           MLG_PARSE_EXTENSION_DEPTH, untold(60, 108)),
      row6("no next header", kIpv6Type + ipv6("0000", "3b"), MLG_PARSE_OTHER_TRANSPORT,
           untold(59, 40)),
      row6("ESP", kIpv6Type + ipv6("0020", "32"), MLG_PARSE_OTHER_TRANSPORT, untold(50, 72)),
      row6("extension header cut by the capture", kIpv6Type + ipv6("0024", "00") + "2b 00 0104",
           MLG_PARSE_TRUNCATED, untold(0, 76)),
      row6("extension header longer than the packet",
           kIpv6Type + ipv6("0010", "00") + "06 ff 0104 00000000 " + kTcpSyn, MLG_PARSE_MALFORMED,
           untold(6, 56)),
      row6("jumbogram, whose length field is zero", kIpv6Type + ipv6("0000", "06") + kTcpSyn,
           MLG_PARSE_MALFORMED, untold(6, 40)),
  };
}

inline std::vector<PacketFixture> silent_rows() {
  using hex::kIpv4Type, hex::kIpv6Type, hex::kMacs;
  const std::string v4 = hex::ipv4("0028", "06") + hex::kTcpSyn;
  return {
      silent("nothing at all", "", MLG_PARSE_TRUNCATED),
      silent("half an Ethernet header", kMacs, MLG_PARSE_TRUNCATED),
      silent("ARP", kMacs + "0806 0001 0800 06 04 0001", MLG_PARSE_NOT_IP),
      silent("802.3 with a length", kMacs + "0026 4242 03", MLG_PARSE_NOT_IP),
      silent("ARP behind a VLAN tag", kMacs + "8100 0064 0806", MLG_PARSE_NOT_IP),
      silent("VLAN tag cut", kMacs + "8100 00", MLG_PARSE_TRUNCATED),
      silent("three VLAN tags", kMacs + "88a8 0001 8100 0002 8100 0003 " + kIpv4Type + v4,
             MLG_PARSE_VLAN_DEPTH),
      silent("IPv4 header cut", kMacs + kIpv4Type + "45 00 0028 0000", MLG_PARSE_TRUNCATED),
      silent("IPv6 header cut", kMacs + kIpv6Type + "60000000 0014 06 40", MLG_PARSE_TRUNCATED),
      silent("IPv6 under the EtherType of IPv4",
             kMacs + kIpv4Type + hex::ipv6("0014", "06") + hex::kTcpSyn, MLG_PARSE_MALFORMED),
      silent("IPv4 under the EtherType of IPv6", kMacs + kIpv6Type + v4, MLG_PARSE_MALFORMED),
      silent("IPv4 header length below 5",
             kMacs + kIpv4Type + "44 00 0028 0000 0000 40 06 0000 " + hex::kFrom4To4 + hex::kTcpSyn,
             MLG_PARSE_MALFORMED),
      silent("IPv4 length below its header", kMacs + kIpv4Type + hex::ipv4("0013", "06"),
             MLG_PARSE_MALFORMED),
  };
}

}  // namespace fixture

inline std::vector<PacketFixture> packet_fixtures() {
  std::vector<PacketFixture> all = fixture::ipv4_rows();
  for (const auto& more : {fixture::ipv6_rows(), fixture::silent_rows()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

// UDP over IPv4 with neither tags nor options: its addresses and ports stand where they usually do.
inline PacketFixture plain_udp() {
  PacketFixture found;
  for (const PacketFixture& row : packet_fixtures()) {
    const bool plain = row.verdict == MLG_PARSE_OK && row.fields.family == MLG_FAMILY_IPV4 &&
                       row.fields.protocol == MLG_PROTOCOL_UDP && row.bytes[12] == 0x08 &&
                       row.bytes[14] == 0x45;
    if (plain) found = row;
  }
  return found;
}

}  // namespace mlguard::support
