// The same packets twice: one by one into a tracker, and as the kernel programs would hand them out
// (round after round, events apart, the rest added up by flow) through a RoundFeeder.
#include "sniffer/round_feeder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <tuple>

#include "flow/features.h"
#include "tests/unit/flow/packets.h"

namespace mlguard::sniffer {
namespace {

using flow::Ends;
using flow::FlowRecord;
using flow::kMs;
using flow::kStartNs;

struct Timed {
  std::uint64_t time_ns = 0;
  mlg_packet packet = {};
};

// What the kernel does with packets, as data_plane.h says, on one CPU.
xdp::FlowRound round_of(const std::vector<Timed>& packets, std::uint64_t cutoff_ns) {
  std::map<std::string, xdp::FlowDelta> table;
  xdp::FlowRound round;
  round.cutoff_ns = cutoff_ns;
  for (const Timed& timed : packets) {
    xdp::FlowDelta delta;
    const mlg_flow_direction direction = mlg_flow_key_of(&timed.packet, &delta.key);
    const std::string name(reinterpret_cast<const char*>(&delta.key), sizeof delta.key);
    const auto known = table.find(name);
    if ((timed.packet.tcp_flags & MLG_EVENT_FLAGS) != 0) {
      if (known != table.end()) round.flows.push_back(known->second);
      table.erase(name);
      round.events.push_back({timed.time_ns, timed.packet, {}});
      continue;
    }
    xdp::FlowDelta& flow = known == table.end() ? (table[name] = delta) : known->second;
    mlg_flow_account(&flow.counters, &timed.packet, direction, timed.time_ns);
  }
  for (const auto& [name, flow] : table) round.flows.push_back(flow);
  return round;
}

// A few hundred connections that overlap: opened, refused, unanswered, closed by FIN and by RST,
// ports that are used again at once, and datagrams.
class MadeUpTraffic {
 public:
  explicit MadeUpTraffic(std::uint64_t seed) : random_(seed) {}

  std::vector<Timed> make() {
    for (std::uint16_t port = 50'000; port < 50'300; ++port) {
      ends_.from = static_cast<std::uint32_t>(1 + below(5));
      ends_.to = static_cast<std::uint32_t>(10 + below(4));
      ends_.from_port = port;
      ends_.to_port = static_cast<std::uint16_t>(80 + below(3));
      time_ns_ = kStartNs + below(8'000 * kMs);
      if (below(4) == 0) {
        for (std::uint64_t i = below(6); i > 0; --i) add(udp(either_way(), 20));
      } else {
        for (std::uint64_t again = below(3); again < 3; ++again) connect();
      }
    }
    std::stable_sort(all_.begin(), all_.end(),
                     [](const Timed& a, const Timed& b) { return a.time_ns < b.time_ns; });
    return all_;
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  Ends either_way() { return below(2) == 0 ? ends_ : ends_.back(); }
  void add(const mlg_packet& packet) {
    all_.push_back({time_ns_, packet});
    time_ns_ += kMs + below(30 * kMs);  // no two at the same time
  }
  void connect() {
    add(tcp(ends_, MLG_TCP_SYN));
    if (below(4) == 0) return;
    const bool refused = below(4) == 0;
    add(tcp(ends_.back(), refused ? MLG_TCP_RST | MLG_TCP_ACK : MLG_TCP_SYN | MLG_TCP_ACK));
    if (refused) return;
    add(tcp(ends_, MLG_TCP_ACK));
    for (std::uint64_t i = below(20); i > 0; --i) {
      add(tcp(either_way(), MLG_TCP_ACK, static_cast<std::uint32_t>(below(900))));
    }
    if (below(3) == 0) return add(tcp(ends_, MLG_TCP_RST));
    add(tcp(ends_, MLG_TCP_FIN | MLG_TCP_ACK));
    add(tcp(ends_.back(), MLG_TCP_FIN | MLG_TCP_ACK));
    add(tcp(ends_, MLG_TCP_ACK));
  }

  std::mt19937_64 random_;
  Ends ends_;
  std::uint64_t time_ns_ = 0;
  std::vector<Timed> all_;
};

using Identity = std::tuple<std::string, std::uint64_t>;
Identity identity(const FlowRecord& record) {
  return {std::string(reinterpret_cast<const char*>(&record.key), sizeof record.key),
          record.first_ns()};
}

std::map<Identity, FlowRecord> by_identity(const std::vector<FlowRecord>& records) {
  std::map<Identity, FlowRecord> map;
  for (const FlowRecord& record : records) map[identity(record)] = record;
  return map;
}

std::vector<FlowRecord> one_by_one(const std::vector<Timed>& traffic) {
  std::vector<FlowRecord> records;
  flow::Tracker tracker({}, [&](const FlowRecord& record) { records.push_back(record); });
  for (const Timed& timed : traffic) tracker.add(timed.packet, timed.time_ns);
  tracker.finish();
  return records;
}

std::vector<FlowRecord> in_rounds(const std::vector<Timed>& traffic, std::uint64_t round_ns) {
  std::vector<FlowRecord> records;
  flow::Tracker tracker({}, [&](const FlowRecord& record) { records.push_back(record); });
  RoundFeeder feeder(tracker);
  // Each round has a little of what came after its cutoff, as the kernel's have.
  constexpr std::uint64_t kLateNs = 5 * kMs;
  std::size_t next = 0;
  for (std::uint64_t cutoff = kStartNs; next < traffic.size(); cutoff += round_ns) {
    std::vector<Timed> part;
    while (next < traffic.size() && traffic[next].time_ns <= cutoff + kLateNs) {
      part.push_back(traffic[next++]);
    }
    feeder.feed(round_of(part, cutoff));
  }
  feeder.flush();
  EXPECT_EQ(feeder.packets_waiting(), 0U);
  EXPECT_EQ(tracker.packets(), traffic.size());
  tracker.finish();
  return records;
}

// How far a feature may be from the exact one: only those over the last ten seconds, which may see
// packets of the same round that came a little later.
double tolerance(const std::string& name, double value, double flows) {
  constexpr double kRoundShare = 0.02;
  // Two flows of the last ten seconds may be opened in this very round.
  if (name == "src_half_open" || name == "dst_half_open") return 2 / flows;
  // A round sees whole handshakes at once; few flows of one pair make large shares.
  if (name == "pair_half_open") return 2 / flows;
  if (name == "src_packet_rate") return kRoundShare * value + 2;
  if (name == "dst_byte_rate") return kRoundShare * value + 900;
  return 1e-9 * std::abs(value);
}

TEST(RoundFeederTest, RoundsGiveTheRecordsOfThePacketsThemselves) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::vector<Timed> traffic = MadeUpTraffic(seed).make();
    const auto exact = by_identity(one_by_one(traffic));
    const auto rounds = by_identity(in_rounds(traffic, 100 * kMs));
    ASSERT_EQ(exact.size(), rounds.size());
    for (const auto& [key, expected] : exact) {
      const auto found = rounds.find(key);
      ASSERT_NE(found, rounds.end());
      EXPECT_EQ(found->second.reason, expected.reason);
      EXPECT_EQ(found->second.initiator, expected.initiator);
      EXPECT_EQ(found->second.opened, expected.opened);
      const flow::FeatureVector want = flow::features_of(expected);
      const flow::FeatureVector have = flow::features_of(found->second);
      for (std::size_t i = 0; i < flow::kFeatures; ++i) {
        const std::string name = flow::feature_table()[i].name;
        const double flows = name.rfind("src_", 0) == 0    ? expected.windows.source.flows
                             : name.rfind("pair_", 0) == 0 ? expected.windows.pair.flows
                                                           : expected.windows.destination.flows;
        if (std::isnan(want[i])) {
          EXPECT_TRUE(std::isnan(have[i])) << name;
        } else {
          EXPECT_NEAR(have[i], want[i], tolerance(name, want[i], flows)) << name;
        }
      }
    }
  }
}

TEST(RoundFeederTest, AConnectionOverUsedPortsIsToldApart) {
  const Ends ends;
  std::vector<Timed> traffic;
  for (std::uint64_t i = 0; i < 5; ++i) {
    traffic.push_back({kStartNs + 10 * i * kMs, tcp(ends, MLG_TCP_SYN)});
    traffic.push_back({kStartNs + (10 * i + 1) * kMs, tcp(ends.back(), MLG_TCP_RST)});
  }
  EXPECT_EQ(in_rounds(traffic, 100 * kMs).size(), 5U);
}

TEST(RoundFeederTest, WhatCameAfterTheCutoffWaits) {
  std::vector<FlowRecord> records;
  flow::Tracker tracker({}, [&](const FlowRecord& record) { records.push_back(record); });
  RoundFeeder feeder(tracker);
  const Ends ends;
  feeder.feed(round_of({{kStartNs + 10 * kMs, tcp(ends, MLG_TCP_ACK, 5)}}, kStartNs));
  EXPECT_EQ(feeder.packets_waiting(), 1U);
  EXPECT_EQ(tracker.flows_open(), 0U);
  feeder.feed(round_of({{kStartNs + 5 * kMs, tcp(ends, MLG_TCP_SYN)}}, kStartNs + 20 * kMs));
  EXPECT_EQ(feeder.packets_waiting(), 0U);
  tracker.finish();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].forward().packets, 2U);
  EXPECT_EQ(records[0].forward().gap_sum_us, 5'000U);
}

}  // namespace
}  // namespace mlguard::sniffer
