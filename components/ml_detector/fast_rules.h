// FastRules: what needs no model. Looks at one flow after the other, with the windows that the
// sniffer computed for its source and destination (flow/host_windows.h), and says
//   port_scan    one source, many ports of few hosts, mostly without an answer;
//   host_sweep   one source, few ports of many hosts, mostly without an answer;
//   syn_flood    one destination, many flows that are never opened;
//   smb_sweep    a host sweep that asks for SMB and nothing else, and needs fewer hosts;
//   smb_flows    one source, many SMB connections to one host within a minute;
//   brute_force  one source, the same service again and again, each time in a short conversation;
//   beacon       one source, the same service outside at regular intervals (beacons.h).
//
// Of SMB: a client keeps one connection to a server. Worms sweep for port 445, then open many to
// each host: EternalBlue fills the kernel's memory with connections (Check Point Research,
// "EternalBlue: Everything There Is To Know", 2017, "grooming"; Metasploit's module and WannaCry do
// the same), and guesses at shares for administrators take one each (MITRE ATT&CK T1210,
// T1021.002).
//
// Who asks for each port (or host) many times over floods; a scan asks a few times.
// Many ports *and* many hosts are neither scan nor sweep: that is what peer-to-peer programs do. A
// flow that is part of a scan is not counted as a flood as well.
//
// Pure: no clock (time is the flows' own), no I/O. Memory is bounded by pairs_max; the pair that
// was quiet longest makes room. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "flow/flow_record.h"
#include "flow/lru_table.h"
#include "ml_detector/beacons.h"
#include "ml_detector/networks.h"
#include "ml_detector/verdict.h"

namespace mlguard::ml_detector {

struct FastRuleLimits {
  bool enabled = true;
  // In the window of ten seconds.
  double scan_ports = 20;
  double sweep_hosts = 30;
  double scan_half_open = 0.6;  // share
  double flood_flows = 500;
  double flood_half_open = 0.8;  // share
  // Conversations in a minute, each of at most brute_force_bytes of payload both ways.
  std::uint32_t brute_force_attempts = 10;
  std::uint64_t brute_force_bytes = 8'192;
  std::vector<std::uint16_t> brute_force_ports = {21,  22,    23,    110,   143,  993,
                                                  995, 1'433, 3'389, 5'900, 5'985};
  double smb_hosts = 10;        // in the window
  std::uint32_t smb_flows = 6;  // of one source to one host in a minute
  BeaconLimits beacon;
  // Of services that are asked at regular intervals by nature: names.
  std::vector<std::uint16_t> beacon_ports_ignored = {53, 853};
  bool operator==(const FastRuleLimits&) const = default;
};

inline constexpr std::size_t kPairsMax = 65'536;
inline constexpr std::uint32_t kAttemptSeconds = 60;

// How surely a value that reached its limit means what the rule says: 0.7 at the limit, 0.9 at
// three times the limit, towards 1 beyond. REQUIRES: value >= limit > 0.
double rule_score(double value, double limit);

class FastRules {
 public:
  explicit FastRules(std::uint64_t seed, std::size_t pairs_max = kPairsMax)
      : pairs_(pairs_max, seed), beacons_(seed, std::min(pairs_max, kBeaconPairsMax)) {}

  // From now on; what was counted stays.
  void set_limits(const FastRuleLimits& limits) { limits_ = limits; }
  const FastRuleLimits& limits() const { return limits_; }
  // Where no beacon is seen: this site's own networks, and whom its operator trusts. At first the
  // private networks.
  void set_trusted(std::vector<Network> trusted) { trusted_ = std::move(trusted); }

  // The first rule that fires. REQUIRES: the record passes pipeline::check_flow.
  std::optional<Verdict> look(const flow::FlowRecord& record);

  std::size_t pairs() const { return pairs_.size(); }
  std::size_t beacon_pairs() const { return beacons_.pairs(); }

 private:
  // A source, a destination and its port.
  struct Pair {
    flow::Address source;
    flow::Address destination;
    std::uint64_t port = 0;
  };
  // Of two halves of the window: the one that began at `begin_s`, and the one before it.
  struct Attempts {
    std::uint64_t begin_s = 0;
    std::uint32_t now = 0;
    std::uint32_t before = 0;
  };

  std::optional<Verdict> scan(const flow::FlowRecord& record) const;
  std::optional<Verdict> flood(const flow::FlowRecord& record) const;
  std::optional<Verdict> brute_force(const flow::FlowRecord& record);
  std::optional<Verdict> smb_sweep(const flow::FlowRecord& record) const;
  std::optional<Verdict> smb_flows(const flow::FlowRecord& record);
  std::optional<Verdict> beacon(const flow::FlowRecord& record);
  bool is_attempt(const flow::FlowRecord& record) const;
  // With this one: of its source, destination and port within the last minute.
  std::uint32_t count_attempt(const flow::FlowRecord& record);

  FastRuleLimits limits_;
  std::vector<Network> trusted_ = private_networks();
  flow::LruTable<Pair, Attempts> pairs_;
  Beacons beacons_;
};

}  // namespace mlguard::ml_detector
