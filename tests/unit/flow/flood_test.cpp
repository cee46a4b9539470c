// A flood of spoofed sources: bounded memory, the oldest go first, everything is counted, and who
// has real traffic meanwhile is not forgotten.
#include <gtest/gtest.h>
#include <malloc.h>

#include <random>
#include <vector>

#include "flow/tracker.h"
#include "packets.h"

namespace mlguard::flow {
namespace {

constexpr int kSyn = MLG_TCP_SYN;
constexpr int kAck = MLG_TCP_ACK;
constexpr std::uint32_t kVictim = 2;

std::size_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Counts {
  std::uint64_t records = 0;
  std::uint64_t packets = 0;
};

// Every packet a flow of its own, of sources at random; a third of them comes from twenty scanners
// and a seventh goes to one victim, so that exact counters and sketches fill as well.
void flood(Tracker& tracker, std::mt19937& random, std::uint32_t packets, std::uint64_t& now_ns) {
  constexpr std::uint32_t kHosts = 40'000;
  constexpr std::uint32_t kScanners = 20;
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random() % limit);
  };
  for (std::uint32_t i = 0; i < packets; ++i) {
    const std::uint32_t to = i % 7 == 0 ? kVictim : 3 + below(kHosts);
    const std::uint32_t from = 100'000 + (i % 3 == 0 ? below(kScanners) : below(kHosts));
    const Ends ends{from, to, static_cast<std::uint16_t>(random()),
                    static_cast<std::uint16_t>(random())};
    tracker.add(tcp(ends, kSyn), now_ns);
    now_ns += 5'000;
  }
}

TEST(FloodTest, MemoryStaysWithinTheStatedBoundHoweverLongItLasts) {
#ifdef MLGUARD_SANITIZED
  GTEST_SKIP() << "the sanitizer's own allocator does not tell";
#endif
  const TrackerOptions options;
  std::mt19937 random(1);
  std::uint64_t now_ns = kStartNs;
  const std::size_t before = allocated_bytes();
  Tracker tracker(options, [](const FlowRecord&) {});
  flood(tracker, random, 1'000'000, now_ns);
  const std::size_t filled = allocated_bytes() - before;
  flood(tracker, random, 1'000'000, now_ns);
  const std::size_t later = allocated_bytes() - before;
  EXPECT_EQ(tracker.flows_open(), options.flows_max);
  EXPECT_EQ(tracker.windows().hosts(), 2 * options.windows.hosts_max);
  EXPECT_EQ(tracker.windows().pairs().size(), options.windows.pairs_max);
  EXPECT_LT(later, Tracker::bytes_max(options));
  EXPECT_LT(static_cast<double>(later), 1.05 * static_cast<double>(filled));
}

TEST(FloodTest, EveryPacketIsInARecordOrInTheTableAtAnyTime) {
  TrackerOptions options;
  options.flows_max = 1'000;
  options.windows.hosts_max = 500;
  options.windows.sketches_max = 8;
  options.windows.pairs_max = 700;
  Counts counts;
  Tracker tracker(options, [&](const FlowRecord& record) {
    ++counts.records;
    counts.packets += record.forward().packets + record.reverse().packets;
  });
  std::mt19937 random(2);
  std::uint64_t now_ns = kStartNs;
  for (int round = 0; round < 200; ++round) {
    flood(tracker, random, 500, now_ns);
    // Each flow of the flood has one packet, but for a few that met by chance.
    ASSERT_LE(tracker.flows_open(), options.flows_max);
    ASSERT_GE(tracker.packets(), counts.packets + tracker.flows_open());
    ASSERT_EQ(tracker.flows_begun(), counts.records + tracker.flows_open());
    ASSERT_LE(tracker.windows().hosts(), 2 * options.windows.hosts_max);
    ASSERT_LE(tracker.windows().pairs().size(), options.windows.pairs_max);
    ASSERT_LE(tracker.windows().sketches().in_use, options.windows.sketches_max);
  }
  EXPECT_GT(tracker.records(CloseReason::evicted), 90'000u);
  EXPECT_GT(tracker.windows().hosts_evicted(), 0u);
  EXPECT_EQ(tracker.windows().pairs().size(), options.windows.pairs_max);
  EXPECT_GT(tracker.windows().pairs().evicted(), 90'000u);
  EXPECT_GT(tracker.windows().sketches().values_refused, 0u);
  tracker.finish();
  EXPECT_EQ(counts.packets, tracker.packets());
  EXPECT_EQ(tracker.packets(), 100'000u);
  std::uint64_t records = 0;
  for (std::size_t i = 0; i < kCloseReasons; ++i) {
    records += tracker.records(static_cast<CloseReason>(i));
  }
  EXPECT_EQ(records, counts.records);
}

// All within one second, and many times what the tables hold.
TEST(FloodTest, WhoHasTrafficMeanwhileKeepsItsFlowAndItsWindow) {
  TrackerOptions options;
  options.flows_max = 1'000;
  options.windows.hosts_max = 1'000;
  Recorder recorder(options);
  const Ends real{1, kVictim, 40'000, 443};
  recorder.add(tcp(real, kSyn), 0);
  recorder.add(tcp(real.back(), kSyn | kAck), 1);
  std::uint64_t real_packets = 2;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const std::uint64_t at = 2 + i * 5'000ULL;
    recorder.add(tcp({1'000 + i, kVictim, 1'024, 80}, kSyn), at);
    if (i % 500 != 0) continue;
    recorder.add(tcp(real, kAck, 100), at);
    ++real_packets;
  }
  recorder.add(tcp({real.from, kVictim, 40'001, 443}, kSyn), 600 * kMs);
  recorder.tracker.finish();
  std::vector<FlowRecord> real_records;
  for (const FlowRecord& record : recorder.records) {
    if (record.source()[15] == 1 && record.destination_port() == 443) {
      real_records.push_back(record);
    }
  }
  ASSERT_EQ(real_records.size(), 2u);
  EXPECT_EQ(real_records[0].forward().packets + real_records[0].reverse().packets, real_packets);
  EXPECT_EQ(real_records[0].reason, CloseReason::end);
  const HostWindow& window = real_records[1].windows.source;
  EXPECT_EQ(window.flows, 1);
  EXPECT_EQ(window.half_open_ratio, 0);
  EXPECT_DOUBLE_EQ(window.packets_per_s, static_cast<double>(real_packets - 1) / 10);
}

}  // namespace
}  // namespace mlguard::flow
