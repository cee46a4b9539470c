#include "ml_detector/variants.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/flow/packets.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::uint64_t kSecond = flow::kNsPerSecond;

TimedPacket packet(std::uint32_t from, std::uint32_t to, std::uint64_t time_ns) {
  return {time_ns, flow::tcp({from, to}, 0)};
}
std::string source_of(const TimedPacket& one) {
  return {one.packet.source, one.packet.source + MLG_ADDRESS_BYTES};
}
std::string destination_of(const TimedPacket& one) {
  return {one.packet.destination, one.packet.destination + MLG_ADDRESS_BYTES};
}

TEST(VariantsTest, StretchingKeepsTheBeginAndTheOrder) {
  const Packets packets = {packet(1, 2, 100 * kSecond), packet(2, 1, 101 * kSecond),
                           packet(1, 2, 99 * kSecond), packet(1, 2, 107 * kSecond)};
  const Packets slower = stretched(packets, 4);
  ASSERT_EQ(slower.size(), packets.size());
  EXPECT_EQ(slower[0].time_ns, 103 * kSecond);
  EXPECT_EQ(slower[1].time_ns, 107 * kSecond);
  EXPECT_EQ(slower[2].time_ns, 99 * kSecond);
  EXPECT_EQ(slower[3].time_ns, 131 * kSecond);
  const Packets faster = stretched(packets, 0.25);
  EXPECT_EQ(faster[3].time_ns, 101 * kSecond);
  EXPECT_TRUE(stretched({}, 4).empty());
}

TEST(VariantsTest, AMixIsTheTrafficOfOneClient) {
  // Clients 10.0.0.1 and 10.0.0.2 at different times, each with a server of its own.
  const Packets first = {packet(1, 11, 5 * kSecond), packet(11, 1, 6 * kSecond),
                         packet(1, 11, 8 * kSecond)};
  const Packets second = {packet(2, 12, 50 * kSecond), packet(2, 12, 51 * kSecond)};
  const Packets mix = mixed({first, second}, 2 * kSecond);
  ASSERT_EQ(mix.size(), 5U);
  for (std::size_t i = 1; i < mix.size(); ++i) EXPECT_LE(mix[i - 1].time_ns, mix[i].time_ns);
  // 0 s, 1 s (answer), 2 s (the second begins), 3 s and 3 s.
  EXPECT_EQ(mix[2].time_ns - mix[0].time_ns, 2 * kSecond);
  EXPECT_EQ(mix[4].time_ns - mix[0].time_ns, 3 * kSecond);
  const std::string client = source_of(mix[0]);
  std::set<std::string> servers;
  for (const TimedPacket& one : mix) {
    const bool from_client = source_of(one) == client;
    EXPECT_NE(from_client, destination_of(one) == client);
    servers.insert(from_client ? destination_of(one) : source_of(one));
  }
  EXPECT_EQ(servers.size(), 2U);
}

TEST(VariantsTest, TheClientIsAPrivateAddressEvenWhenServersSendMore) {
  Packets packets = {packet(1, 11, 1)};
  for (std::uint64_t i = 2; i < 10; ++i) {
    packets.push_back(packet(11, 1, i));
    packets.back().packet.source[12] = 93;  // 93.0.0.11: not private
  }
  packets[0].packet.destination[12] = 93;
  const Packets mix = mixed({packets}, 0);
  EXPECT_EQ(source_of(mix[1]), source_of(packets[1])) << "the server keeps its address";
  EXPECT_NE(source_of(mix[0]), source_of(packets[0]));
}

TEST(VariantsTest, ReadingNamesWhatIsAbsent) {
  EXPECT_EQ(read_packets("/nonexistent.pcap").error().code, base::ErrorCode::not_found);
}

}  // namespace
}  // namespace mlguard::ml_detector
