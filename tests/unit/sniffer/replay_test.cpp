// Real captures sent through a cable by tcpreplay, both directions as on a real interface (packets
// of the clients come in at XDP, those of the servers go out at TC), watched by `sniffer
// --standalone` and, at the same time, by libpcap. The records of the live sniffer must be those
// that `sniffer --pcap` makes of libpcap's capture: equal, but for what depends on the
// microseconds between the two places where the kernel reads the clock.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/pin_folder.h"
#include "support/private_network.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"
#include "unit/sniffer/flow_rows.h"
#include "unit/sniffer/interface_dump.h"

namespace mlguard::sniffer {
namespace {

using support::Process;

// The tolerances: stated in docs/data-plane.md as well.
constexpr double kTimeTolerance = 0.05;  // s: durations, gaps
constexpr double kRateTolerance = 0.1;   // of rates over a flow of kRateSecondsMin or more
constexpr double kRateSecondsMin = 0.5;
constexpr double kWindowTolerance = 0.02;  // of what hosts did in ten seconds
constexpr double kVariationTolerance = 0.05;
constexpr double kFewFlows = 2;           // that begin within the same microseconds
constexpr double kOpenedAtOnce = 6;       // flows of one pair whose handshakes one round sees whole
constexpr double kRoundTolerance = 0.15;  // of packet rates over ten seconds
constexpr double kExactMost = 64;         // distinct values; estimated beyond
constexpr double kSketchTolerance = 0.15;  // two estimates with seeds of their own
constexpr std::size_t kFlipsTold = 40;
constexpr double kWindowFlips = 0.02;  // share of records whose second begins between the two

const std::string kSniffer = std::string(MLGUARD_BIN_DIR) + "/sniffer";

std::string shared_capture(const std::string& name) {
  return std::string(MLGUARD_SHARED_DIR) + "/data/e2e/" + name;
}

bool is_over_the_flow(const std::string& column) {
  return column == "packet_rate" || column == "byte_rate";
}
bool is_time(const std::string& column) {
  return column == "duration" || column.rfind("fwd_gap_", 0) == 0 ||
         column.rfind("rev_gap_", 0) == 0;
}
bool is_of_the_windows(const std::string& column) {
  return column.rfind("src_", 0) == 0 || column.rfind("dst_", 0) == 0 ||
         column.rfind("pair_", 0) == 0;
}

// One capture on its way through its own cable.
class Replay {
 public:
  Replay(const std::string& capture, int number)
      : capture_(shared_capture(capture)),
        inside_("in" + std::to_string(number)),
        outside_("out" + std::to_string(number)) {
    support::make_cable(inside_, outside_);
    dump_ = std::make_unique<InterfaceDump>(inside_, folder_ / "dump.pcap");
    sniffer_ = std::make_unique<Process>(
        Process::start({{kSniffer, "--standalone", "--iface", inside_, "--flows",
                         folder_ / "live.csv", "--pin-folder", pins_.path()},
                        {},
                        {},
                        {}}));
  }
  ~Replay() { support::run_shell("ip link del " + inside_); }

  bool attached() const { return sniffer_->err().find("attached") != std::string::npos; }
  void begin() {
    const auto sides = support::run_shell("tcpprep --auto=first -i " + capture_ + " -o " +
                                          (folder_ / "sides") + " 2>&1");
    ASSERT_TRUE(sides.exit.ok()) << sides.out;
    sender_ = std::make_unique<Process>(
        Process::start({{"/usr/bin/env", "tcpreplay", "-q", "-c", folder_ / "sides", "-i", outside_,
                         "-I", inside_, capture_},
                        {},
                        {},
                        {}}));
  }
  void wait_for_the_end(std::uint64_t packets) {
    constexpr std::int64_t kReplayMostMs = 60'000;
    const auto sent = sender_->wait_exit(kReplayMostMs);
    ASSERT_TRUE(sent && sent->ok()) << sender_->err() << sender_->out();
    EXPECT_TRUE(support::wait_until([&] { return dump_->packets() >= packets; }));
    EXPECT_EQ(dump_->finish(), 0U) << "libpcap was too slow: nothing to compare with";
    sniffer_->signal(SIGINT);
    const auto ended = sniffer_->wait_exit(kReplayMostMs);
    ASSERT_TRUE(ended && ended->ok()) << sniffer_->err();
  }

  // What the live sniffer says at its end.
  nlohmann::json counters() const {
    const std::string said = sniffer_->err();
    return nlohmann::json::parse(said.substr(said.find("\n{") + 1), nullptr, false);
  }
  std::string of_dump() const {
    const auto made = support::run_shell(kSniffer + " --pcap " + (folder_ / "dump.pcap") +
                                         " --flows " + (folder_ / "dump.csv"));
    EXPECT_TRUE(made.exit.ok()) << made.err;
    return made.out;
  }
  FlowRows live() const { return read_flow_rows(folder_ / "live.csv"); }
  FlowRows dumped() const { return read_flow_rows(folder_ / "dump.csv"); }

 private:
  std::string capture_;
  std::string inside_;
  std::string outside_;
  support::TempDir folder_;
  support::PinFolder pins_;
  std::unique_ptr<InterfaceDump> dump_;
  std::unique_ptr<Process> sniffer_;
  std::unique_ptr<Process> sender_;
};

struct Comparison {
  const FlowRows& live;
  const FlowRows& dumped;
  std::size_t window_flips = 0;
  std::string flips = {};  // the first of them

  void compare(std::size_t live_row, std::size_t dumped_row) {
    bool flipped = false;
    for (const std::string& column : live.columns) {
      if (column == "first_ns" || column == "last_ns") continue;
      const std::string& have = live.cell(live_row, column);
      const std::string& want = dumped.cell(dumped_row, column);
      if (is_of_the_windows(column)) {
        // Of flows: a live flow is opened as soon as its round is seen.
        const bool is_share = column == "pair_half_open";
        const double of = is_share ? dumped.number(dumped_row, "pair_flows_lately") : 1;
        if (near(of * live.number(live_row, column), of * dumped.number(dumped_row, column),
                 column)) {
          continue;
        }
        flipped = true;
        if (window_flips < kFlipsTold) flips += column + " " + have + " for " + want + "\n";
      } else if (is_time(column)) {
        ASSERT_EQ(have.empty(), want.empty()) << column;
        if (have.empty()) continue;
        EXPECT_NEAR(std::stod(have), std::stod(want), kTimeTolerance) << column;
      } else if (is_over_the_flow(column)) {
        if (dumped.number(dumped_row, "duration") < kRateSecondsMin) continue;
        EXPECT_NEAR(std::stod(have), std::stod(want), kRateTolerance * std::stod(want)) << column;
      } else {
        EXPECT_EQ(have, want) << column;
      }
    }
    window_flips += flipped ? 1U : 0U;
  }

  static bool near(double have, double want, const std::string& column) {
    if (std::isnan(have) || std::isnan(want)) return std::isnan(have) == std::isnan(want);
    const bool sketched = column == "dst_hosts" || column == "src_hosts" || column == "src_ports";
    if (sketched && want > kExactMost) return std::abs(have - want) <= kSketchTolerance * want;
    // A flow or two that begin within the same microseconds; rates see a round more or less: what
    // one host sends in 100 ms, over ten seconds.
    if (column == "src_packet_rate") return std::abs(have - want) <= kRoundTolerance * want + 10;
    if (column == "pair_gap_mean") return std::abs(have - want) <= kTimeTolerance;
    if (column == "pair_gap_variation") return std::abs(have - want) <= kVariationTolerance;
    if (column == "pair_half_open") return std::abs(have - want) <= kOpenedAtOnce;
    const double few = column.find("byte") != std::string::npos ? 3'000 : kFewFlows;
    return std::abs(have - want) <= kWindowTolerance * std::abs(want) + few;
  }
};

void compare(const Replay& replay, std::uint64_t packets) {
  const std::string said = replay.of_dump();
  const nlohmann::json counters = replay.counters();
  ASSERT_TRUE(counters.is_object());
  EXPECT_EQ(counters["packets"]["seen"].get<std::uint64_t>(), packets);
  EXPECT_EQ(counters["packets"]["lost_in_kernel"].get<std::uint64_t>(), 0U);
  std::uint64_t passed_over = 0;
  for (const auto& [reason, count] : counters["packets"]["passed_over"].items()) {
    passed_over += count.get<std::uint64_t>();
  }
  EXPECT_EQ(counters["packets"]["in_flows"].get<std::uint64_t>() + passed_over, packets);

  const FlowRows live = replay.live();
  const FlowRows dumped = replay.dumped();
  const auto live_names = rows_by_name(live);
  const auto dumped_names = rows_by_name(dumped);
  EXPECT_EQ(live_names.size(), dumped_names.size()) << said;
  Comparison comparison{live, dumped};
  double packets_in_records = 0;
  for (const auto& [name, row] : dumped_names) {
    const auto found = live_names.find(name);
    ASSERT_NE(found, live_names.end()) << std::get<0>(name) << std::get<1>(name);
    SCOPED_TRACE(std::get<0>(name));
    comparison.compare(found->second, row);
    packets_in_records += live.number(found->second, "packets");
  }
  EXPECT_EQ(packets_in_records, static_cast<double>(packets - passed_over));
  const double flips_most = kWindowFlips * static_cast<double>(dumped_names.size());
  EXPECT_LE(static_cast<double>(comparison.window_flips), std::max(1.0, flips_most))
      << comparison.flips;
}

// Short ones of each kind, at the speed at which they were taken, all at once.
TEST(ReplayTest, ALiveWireGivesTheRecordsOfItsCapture) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  struct Row {
    const char* capture;
    std::uint64_t packets;
  };
  constexpr Row kCaptures[] = {
      {"ddos__stopddos_amp.UDP.snmp.src161.pcap", 4'373},
      {"portscan__sgr_hs-tcp_synPingSweepRand.pcap", 513},
      {"portscan__esnet_tcp_0_1000_20190821.pcap", 1'005},
      {"bruteforce__slips_ssh.pcap", 1'178},
      {"benign__pcapplusplus_example.pcap", 4'631},
  };
  if (!std::filesystem::exists(shared_capture(kCaptures[0].capture))) {
    GTEST_SKIP() << "no captures in " MLGUARD_SHARED_DIR;
  }
  ASSERT_EQ(support::enter_private_network(), "");
  std::vector<std::unique_ptr<Replay>> replays;
  for (const Row& row : kCaptures) {
    replays.push_back(std::make_unique<Replay>(row.capture, static_cast<int>(replays.size())));
  }
  for (const auto& replay : replays) {
    ASSERT_TRUE(support::wait_until([&] { return replay->attached(); }));
  }
  for (const auto& replay : replays) replay->begin();
  for (std::size_t i = 0; i < replays.size(); ++i) {
    SCOPED_TRACE(kCaptures[i].capture);
    replays[i]->wait_for_the_end(kCaptures[i].packets);
    compare(*replays[i], kCaptures[i].packets);
  }
}

}  // namespace
}  // namespace mlguard::sniffer
