#include "unit/sniffer/replay.h"

#include <signal.h>
#include <sys/sysinfo.h>

#include <cmath>

#include "support/private_network.h"
#include "support/wait_until.h"

namespace mlguard::sniffer {
namespace {

using support::Process;

// The tolerances: stated in docs/data-plane.md as well.
constexpr double kTimeTolerance = 0.05;  // s: durations, gaps
constexpr double kRateTolerance = 0.1;   // of rates over a flow of kRateSecondsMin or more
constexpr double kRateSecondsMin = 0.5;
constexpr double kWindowTolerance = 0.02;  // of what hosts did in ten seconds
constexpr double kVariationTolerance = 0.05;
// The program reads its clock some microseconds after tcpdump's: what lies closer together varies
// by as much.
constexpr double kClocksApart = 0.000'05;  // s
constexpr double kFewFlows = 2;            // that begin within the same microseconds
constexpr double kRoundTolerance = 0.15;   // of packet rates over ten seconds
constexpr double kExactMost = 64;          // distinct values; estimated beyond
constexpr double kSketchTolerance = 0.15;  // two estimates with seeds of their own
constexpr std::size_t kFlipsTold = 40;
constexpr double kWindowFlips = 0.02;  // share of records whose second begins between the two
constexpr double kWindowS = 10;
constexpr double kNsPerSecond = 1e9;
constexpr double kIdleTimeoutNs = 15 * kNsPerSecond;  // the sniffer's default
constexpr std::int64_t kReplayMostMs = 120'000;

const std::string kSniffer = std::string(MLGUARD_BIN_DIR) + "/sniffer";

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

bool near_in_window(double have, double want, const std::string& column,
                    const BusiestRounds& busiest) {
  if (std::isnan(have) || std::isnan(want)) return std::isnan(have) == std::isnan(want);
  const bool sketched = column == "dst_hosts" || column == "src_hosts" || column == "src_ports";
  if (sketched && want > kExactMost) return std::abs(have - want) <= kSketchTolerance * want;
  // A flow or two that begin within the same microseconds; rates see a round more or less: what
  // one host sends in 100 ms, over ten seconds.
  if (column == "src_packet_rate") return std::abs(have - want) <= kRoundTolerance * want + 10;
  if (column == "pair_gap_mean") return std::abs(have - want) <= kTimeTolerance;
  // A round sees whole handshakes.
  if (column == "pair_half_open") {
    return std::abs(have - want) <= static_cast<double>(busiest.openings);
  }
  const double round_rate = static_cast<double>(busiest.bytes) / kWindowS;
  const double few = column.find("byte") != std::string::npos ? 3'000 + round_rate : kFewFlows;
  return std::abs(have - want) <= kWindowTolerance * std::abs(want) + few;
}

struct Comparison {
  const FlowRows& live;
  const FlowRows& dumped;
  BusiestRounds busiest;
  Differences differences = {};
  std::size_t window_flips = 0;
  std::string flips = {};  // the first of them

  void compare(const std::string& name, std::size_t live_row, std::size_t dumped_row) {
    bool flipped = false;
    for (const std::string& column : live.columns) {
      if (column == "first_ns" || column == "last_ns") continue;
      const std::string& have = live.cell(live_row, column);
      const std::string& want = dumped.cell(dumped_row, column);
      const std::string difference = column + " " + have + " for " + want + "\n";
      if (is_of_the_windows(column)) {
        // Of flows: a live flow is opened as soon as its round is seen.
        const bool is_share = column == "pair_half_open";
        const double of = is_share ? dumped.number(dumped_row, "pair_flows_lately") : 1;
        const bool near =
            column == "pair_gap_variation"
                ? near_variation(live_row, dumped_row)
                : near_in_window(of * live.number(live_row, column),
                                 of * dumped.number(dumped_row, column), column, busiest);
        if (near) continue;
        flipped = true;
        if (window_flips < kFlipsTold) flips += difference;
      } else if (column == "closed" && have == "idle" && want == "end" &&
                 became_idle_in_silence(dumped_row)) {
        continue;
      } else if (!agree(column, have, want, dumped.number(dumped_row, "duration"))) {
        differences.push_back(name + ": " + difference);
      }
    }
    window_flips += flipped ? 1U : 0U;
  }

  bool near_variation(std::size_t live_row, std::size_t dumped_row) const {
    const double have = live.number(live_row, "pair_gap_variation");
    const double want = dumped.number(dumped_row, "pair_gap_variation");
    const double gap_s = dumped.number(dumped_row, "pair_gap_mean");
    if (std::isnan(have) || std::isnan(want)) return std::isnan(have) == std::isnan(want);
    return std::abs(have - want) <= kVariationTolerance + kClocksApart / gap_s;
  }

  // The wire is silent for a moment before the sniffer is told to end; a capture just ends.
  bool became_idle_in_silence(std::size_t dumped_row) const {
    double last_ns = 0;
    for (std::size_t row = 0; row < dumped.rows.size(); ++row) {
      last_ns = std::max(last_ns, dumped.number(row, "last_ns"));
    }
    const double idle_at_ns = dumped.number(dumped_row, "last_ns") + kIdleTimeoutNs;
    return idle_at_ns > last_ns - kTimeTolerance * kNsPerSecond;
  }

  static bool agree(const std::string& column, const std::string& have, const std::string& want,
                    double duration_s) {
    const bool timing = is_time(column) || is_over_the_flow(column);
    if (!timing || have.empty() || want.empty()) return have == want;
    const double error = std::abs(std::stod(have) - std::stod(want));
    if (is_time(column)) return error <= kTimeTolerance;
    return duration_s < kRateSecondsMin || error <= kRateTolerance * std::stod(want);
  }
};

}  // namespace

Replay::Replay(const std::string& capture, int number)
    : capture_(capture),
      number_(number),
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

Replay::~Replay() { support::run_shell("ip link del " + inside_); }

std::string Replay::begin() {
  const auto sides = support::run_shell("tcpprep --auto=first -i " + capture_ + " -o " +
                                        (folder_ / "sides") + " 2>&1");
  if (!sides.exit.ok()) return sides.out;
  // One CPU, as a network card gives all packets of a flow to one: what lies between two packets
  // that two CPUs count is not seen. tcpreplay's default timer would keep it busy between packets.
  const std::string cpu = std::to_string(number_ % static_cast<int>(get_nprocs()));
  sender_ = std::make_unique<Process>(
      Process::start({{"/usr/bin/taskset", "-c", cpu, "tcpreplay", "-q", "-T", "nano", "-c",
                       folder_ / "sides", "-i", outside_, "-I", inside_, capture_},
                      {},
                      {},
                      {}}));
  return {};
}

std::string Replay::wait_for_the_end(std::uint64_t packets) {
  const auto sent = sender_->wait_exit(kReplayMostMs);
  if (!sent || !sent->ok()) return "tcpreplay: " + sender_->err() + sender_->out();
  if (!support::wait_until([&] { return dump_->packets() >= packets; })) {
    return std::string(kLostOnTheCable) + ": " + std::to_string(dump_->packets()) + " packets of " +
           std::to_string(packets) + " passed\n";
  }
  if (dump_->finish() != 0) return "libpcap was too slow: nothing to compare with";
  sniffer_->signal(SIGINT);
  const auto ended = sniffer_->wait_exit(kReplayMostMs);
  return ended && ended->ok() ? "" : "sniffer: " + sniffer_->err();
}

nlohmann::json Replay::counters() const {
  const std::string said = sniffer_->err();
  return nlohmann::json::parse(said.substr(said.find("\n{") + 1), nullptr, false);
}

Differences Replay::lost_packets(std::uint64_t packets, std::uint64_t& passed_over) const {
  const nlohmann::json said = counters();
  if (!said.is_object()) return {"the sniffer told no counters: " + sniffer_->err()};
  const nlohmann::json& counted = said["packets"];
  for (const auto& [reason, count] : counted["passed_over"].items()) {
    passed_over += count.get<std::uint64_t>();
  }
  const auto seen = counted["seen"].get<std::uint64_t>();
  const auto in_flows = counted["in_flows"].get<std::uint64_t>();
  const auto lost = counted["lost_in_kernel"].get<std::uint64_t>();
  if (seen == packets && lost == 0 && in_flows + passed_over == packets) return {};
  return {std::to_string(packets) + " packets: " + counted.dump()};
}

Differences Replay::differences(std::uint64_t packets, const BusiestRounds& busiest) const {
  const auto made = support::run_shell(kSniffer + " --pcap " + (folder_ / "dump.pcap") +
                                       " --flows " + (folder_ / "dump.csv"));
  if (!made.exit.ok()) return {made.err};
  std::uint64_t passed_over = 0;
  if (Differences lost = lost_packets(packets, passed_over); !lost.empty()) return lost;

  const FlowRows live = read_flow_rows(folder_ / "live.csv");
  const FlowRows dumped = read_flow_rows(folder_ / "dump.csv");
  const auto live_names = rows_by_name(live);
  const auto dumped_names = rows_by_name(dumped);
  Comparison comparison{live, dumped, busiest};
  if (live_names.size() != dumped_names.size()) {
    comparison.differences.push_back(std::to_string(live_names.size()) + " records for " +
                                     std::to_string(dumped_names.size()) + ": " + made.out);
  }
  double packets_in_records = 0;
  for (const auto& [name, row] : dumped_names) {
    const auto found = live_names.find(name);
    if (found == live_names.end()) {
      comparison.differences.push_back(std::get<0>(name) + ": no such record");
      continue;
    }
    comparison.compare(std::get<0>(name), found->second, row);
    packets_in_records += live.number(found->second, "packets");
  }
  if (packets_in_records != static_cast<double>(packets - passed_over)) {
    comparison.differences.push_back(std::to_string(packets_in_records) + " packets in records");
  }
  const double flips_most = kWindowFlips * static_cast<double>(dumped_names.size());
  if (static_cast<double>(comparison.window_flips) > std::max(1.0, flips_most)) {
    comparison.differences.push_back(comparison.flips);
  }
  return comparison.differences;
}

}  // namespace mlguard::sniffer
