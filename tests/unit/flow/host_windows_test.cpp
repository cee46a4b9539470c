#include "flow/host_windows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "packets.h"

namespace mlguard::flow {
namespace {

constexpr int kSyn = MLG_TCP_SYN;
constexpr int kAck = MLG_TCP_ACK;
constexpr std::uint32_t kSecond = 1'600'000'000;

Address host(std::uint32_t number) {
  Address address;
  set_host(address.bytes.data(), number);
  return address;
}

PairKey pair(std::uint32_t source, std::uint32_t destination, std::uint16_t port = 80) {
  PairKey key;
  key.source = host(source).bytes;
  key.destination = host(destination).bytes;
  key.port = port;
  key.protocol = MLG_PROTOCOL_TCP;
  return key;
}

HostWindows::Handles begin(HostWindows& windows, const PairKey& key, std::uint32_t second) {
  return windows.add_flow(key, second * kNsPerSecond, second);
}

TEST(HostWindowsTest, CountsFlowsPortsAndHostsOfTheLastTenSeconds) {
  HostWindows windows({});
  for (std::uint32_t i = 0; i < 30; ++i) {
    begin(windows, pair(1, 100 + i % 5, static_cast<std::uint16_t>(i)), kSecond + i);
  }
  const FlowWindows now = windows.look(pair(1, 100), kSecond + 29);
  EXPECT_EQ(now.source.flows, 10);
  EXPECT_EQ(now.source.ports, 10);
  EXPECT_EQ(now.source.hosts, 5);
  EXPECT_EQ(now.destination.flows, 2);
  EXPECT_EQ(now.destination.hosts, 1);
  EXPECT_EQ(now.source.half_open_ratio, 1);
  const FlowWindows later = windows.look(pair(1, 100), kSecond + 39);
  EXPECT_EQ(later.source.flows, 0);
  EXPECT_TRUE(std::isnan(later.source.half_open_ratio));
  const FlowWindows unknown = windows.look(pair(7, 8), kSecond);
  EXPECT_EQ(unknown.source.flows, 0);
  EXPECT_TRUE(std::isnan(unknown.destination.half_open_ratio));
}

TEST(HostWindowsTest, AFlowIsSeenAsThingsStoodBeforeIt) {
  Recorder recorder;
  for (std::uint16_t i = 0; i < 4; ++i) {
    const Ends ends{1, 2u + i, 50'000, 80};
    recorder.add(tcp(ends, kSyn), i * 100 * kMs);
    if (i % 2 == 1) continue;
    recorder.add(tcp(ends.back(), kSyn | kAck), i * 100 * kMs + 1);
    recorder.add(tcp(ends, kAck), i * 100 * kMs + 2);
  }
  recorder.tracker.finish();
  ASSERT_EQ(recorder.records.size(), 4u);
  EXPECT_EQ(recorder.records[0].windows.source.flows, 0);
  const HostWindow& last = recorder.records[3].windows.source;
  EXPECT_EQ(last.flows, 3);
  EXPECT_EQ(last.hosts, 3);
  EXPECT_EQ(last.ports, 1);
  EXPECT_DOUBLE_EQ(last.half_open_ratio, 1.0 / 3);
  EXPECT_DOUBLE_EQ(last.packets_per_s, 0.5);
  EXPECT_DOUBLE_EQ(last.bytes_per_s, 20);
}

// As `ping` does: each run has an identifier of its own.
TEST(HostWindowsTest, PingsOfManyHostsAreManyHostsAndNotManyPorts) {
  for (const int protocol : {MLG_PROTOCOL_ICMP, MLG_PROTOCOL_ICMPV6}) {
    Recorder recorder;
    for (std::uint16_t i = 0; i < 40; ++i) {
      const auto identifier = static_cast<std::uint16_t>(1'000 + i);
      mlg_packet ping = udp({1, 100u + i, identifier, identifier});
      ping.protocol = static_cast<std::uint8_t>(protocol);
      recorder.add(ping, i * 10 * kMs);
    }
    recorder.tracker.finish();
    ASSERT_EQ(recorder.records.size(), 40u);
    const HostWindow& last = recorder.records[39].windows.source;
    EXPECT_EQ(last.hosts, 39);
    EXPECT_EQ(last.ports, 1);
  }
}

TEST(HostWindowsTest, AHostIsJudgedByItsOwnNormalAfterAMinute) {
  HostWindows windows({});
  std::uint32_t second = kSecond;
  for (; second < kSecond + 600; ++second) {
    for (int i = 0; i < 4; ++i) {
      windows.add_packets(begin(windows, pair(1, 2), second), 1, 100, second);
    }
    const HostWindow now = windows.look(pair(1, 2), second).source;
    if (second < kSecond + kNormalSecondsMin) {
      EXPECT_TRUE(std::isnan(now.flows_vs_normal));
    } else {
      EXPECT_NEAR(now.flows_vs_normal, 1, 1e-9);
      EXPECT_NEAR(now.packets_vs_normal, 1, 1e-9);
    }
  }
  for (int i = 0; i < 400; ++i) begin(windows, pair(1, 2), second);
  const HostWindow burst = windows.look(pair(1, 2), second).source;
  EXPECT_GT(burst.flows_vs_normal, 7);
  EXPECT_LT(burst.packets_vs_normal, 1);
}

}  // namespace
}  // namespace mlguard::flow
