#include "bpf/packet.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/packet_fixtures.h"

namespace mlguard {
namespace {

using support::packet_fixtures;
using support::PacketFixture;

std::string address_text(const __u8* address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(AF_INET6, address, text, sizeof text);
  return text;
}

// In a buffer of exactly this size on the heap, so that the sanitizers see a read beyond it; never
// null.
mlg_parse_result parse(const std::vector<std::uint8_t>& bytes, mlg_packet& packet) {
  std::memset(&packet, 0xee, sizeof packet);
  const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  return mlg_parse_ethernet(exact.get(), exact.get() + bytes.size(), &packet);
}

TEST(PacketTest, EveryFixtureIsReadAsItsTableSays) {
  for (const PacketFixture& row : packet_fixtures()) {
    SCOPED_TRACE(row.description);
    mlg_packet packet;
    EXPECT_EQ(parse(row.bytes, packet), row.verdict);
    EXPECT_EQ(address_text(packet.source), row.source);
    EXPECT_EQ(address_text(packet.destination), row.destination);
    mlg_packet expected = row.fields;
    std::memcpy(expected.source, packet.source, sizeof expected.source);
    std::memcpy(expected.destination, packet.destination, sizeof expected.destination);
    EXPECT_EQ(std::memcmp(&packet, &expected, sizeof packet), 0)
        << "ports " << packet.source_port << " " << packet.destination_port << ", protocol "
        << int{packet.protocol} << ", flags " << int{packet.tcp_flags} << ", window "
        << packet.tcp_window << ", bytes " << packet.ip_bytes << ", payload "
        << packet.payload_bytes << ", family " << int{packet.family};
  }
}

TEST(PacketTest, EveryVerdictHasAFixture) {
  std::vector<int> seen(MLG_PARSE_RESULTS, 0);
  for (const PacketFixture& row : packet_fixtures()) ++seen.at(row.verdict);
  for (int verdict = 0; verdict < MLG_PARSE_RESULTS; ++verdict) {
    EXPECT_GT(seen[static_cast<std::size_t>(verdict)], 0) << "verdict " << verdict;
  }
}

// A shorter capture may tell less, never something else.
TEST(PacketTest, ACutPacketIsTruncatedOrReadLikeTheWholeOne) {
  for (const PacketFixture& row : packet_fixtures()) {
    SCOPED_TRACE(row.description);
    for (std::size_t size = 0; size < row.bytes.size(); ++size) {
      mlg_packet packet;
      const auto end = row.bytes.begin() + static_cast<std::ptrdiff_t>(size);
      const mlg_parse_result verdict = parse({row.bytes.begin(), end}, packet);
      EXPECT_TRUE(verdict == MLG_PARSE_TRUNCATED || verdict == row.verdict) << size << " bytes";
    }
  }
}

TEST(PacketTest, AnIpPacketWithoutALinkHeaderIsReadByItsVersion) {
  for (const PacketFixture& row : packet_fixtures()) {
    if (row.bytes.size() < 14) continue;
    const unsigned type = mlg_read_be16(row.bytes.data() + 12);
    if (type != 0x0800 && type != 0x86dd) continue;
    SCOPED_TRACE(row.description);
    mlg_packet with_link;
    mlg_packet without_link;
    const std::vector<std::uint8_t> ip(row.bytes.begin() + 14, row.bytes.end());
    const mlg_parse_result verdict = mlg_parse_ip(ip.data(), ip.data() + ip.size(), &without_link);
    if (parse(row.bytes, with_link) == MLG_PARSE_MALFORMED) continue;  // perhaps the other version
    EXPECT_EQ(verdict, row.verdict);
    EXPECT_EQ(std::memcmp(&with_link, &without_link, sizeof with_link), 0);
  }
  mlg_packet packet;
  const std::uint8_t version5 = 0x50;
  EXPECT_EQ(mlg_parse_ip(&version5, &version5 + 1, &packet), MLG_PARSE_MALFORMED);
  EXPECT_EQ(mlg_parse_ip(&version5, &version5, &packet), MLG_PARSE_TRUNCATED);
}

}  // namespace
}  // namespace mlguard
