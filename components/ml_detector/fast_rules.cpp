#include "ml_detector/fast_rules.h"

#include <algorithm>

#include "flow/tracker.h"

namespace mlguard::ml_detector {
namespace {

using flow::FlowRecord;
using flow::HostWindow;

constexpr std::size_t kSyn = 1;  // bits of mlg_flow_side.flag_counts
constexpr std::size_t kRst = 2;
constexpr std::size_t kAck = 4;
constexpr double kScoreAtLimit = 0.7;
constexpr std::uint64_t kHalfSeconds = kAttemptSeconds / 2;
constexpr std::uint16_t kSmb = 445;
constexpr std::uint16_t kSmbOverNetbios = 139;
// Many times more of one than of the other.
constexpr double kFew = 2;
// As often a scanner asks, with all its retries: nmap asks for a port up to eleven times.
constexpr double kAskedMax = 12;

Verdict verdict_of(const FlowRecord& record, const char* kind, const char* by) {
  Verdict verdict;
  verdict.kind = kind;
  verdict.by = by;
  verdict.source = flow::Address::of(record.source());
  verdict.destination = flow::Address::of(record.destination());
  verdict.destination_port = record.destination_port();
  verdict.at_ns = record.last_ns();
  return verdict;
}

void add_reason(Verdict& verdict, const char* what, double value, double limit) {
  verdict.reasons[verdict.reason_count++] = {what, value, limit};
}

bool is_smb(const FlowRecord& record) {
  return record.key.protocol == MLG_PROTOCOL_TCP &&
         (record.destination_port() == kSmb || record.destination_port() == kSmbOverNetbios);
}

// Each conversation once: not its first seconds, and not its later parts.
bool is_told_first(const FlowRecord& record) {
  return record.part == 0 && record.reason != flow::CloseReason::early;
}

bool has(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

}  // namespace

bool is_proven(const FlowRecord& record) {
  return record.key.protocol == MLG_PROTOCOL_TCP && record.opened &&
         record.forward().syn_only > 0 && record.reverse().flag_counts[kSyn] > 0 &&
         record.forward().flag_counts[kAck] > record.forward().flag_counts[kRst] &&
         record.reverse().payload_packets > 0;
}

double rule_score(double value, double limit) {
  return 1 - (1 - kScoreAtLimit) * std::min(1.0, limit / value);
}

std::optional<Verdict> FastRules::look(const FlowRecord& record) {
  if (!limits_.enabled) return std::nullopt;
  if (!record.opened) {
    std::optional<Verdict> verdict = smb_sweep(record);
    if (!verdict) verdict = scan(record);
    return verdict ? verdict : flood(record);
  }
  std::optional<Verdict> verdict = is_smb(record) ? smb_flows(record) : brute_force(record);
  return verdict ? verdict : beacon(record);
}

std::optional<Verdict> FastRules::smb_sweep(const FlowRecord& record) const {
  constexpr double kSmbPorts = 2;
  const HostWindow& source = record.windows.source;
  if (!is_smb(record) || !(source.hosts >= limits_.smb_hosts) || source.ports > kSmbPorts ||
      !(source.half_open_ratio >= limits_.scan_half_open)) {
    return std::nullopt;
  }
  Verdict verdict = verdict_of(record, "smb_propagation", "smb_sweep");
  verdict.score = rule_score(source.hosts, limits_.smb_hosts);
  add_reason(verdict, "hosts", source.hosts, limits_.smb_hosts);
  add_reason(verdict, "half_open", source.half_open_ratio, limits_.scan_half_open);
  return verdict;
}

std::optional<Verdict> FastRules::smb_flows(const FlowRecord& record) {
  if (!is_told_first(record)) return std::nullopt;
  const std::uint32_t flows = count_attempt(record);
  if (flows < limits_.smb_flows) return std::nullopt;
  Verdict verdict = verdict_of(record, "smb_propagation", "smb_flows");
  verdict.score = rule_score(flows, limits_.smb_flows);
  if (is_proven(record)) verdict.evidence = Evidence::proven;
  add_reason(verdict, "flows", flows, limits_.smb_flows);
  return verdict;
}

std::optional<Verdict> FastRules::beacon(const FlowRecord& record) {
  if (has(limits_.beacon_ports_ignored, record.destination_port())) return std::nullopt;
  const std::optional<Rhythm> rhythm = beacons_.look(record, limits_.beacon);
  if (!rhythm || any_contains(trusted_, flow::Address::of(record.destination()))) {
    return std::nullopt;
  }
  Verdict verdict = verdict_of(record, "botnet_c2", "beacon");
  verdict.suspect = Suspect::destination;
  verdict.score = rule_score(rhythm->contacts, limits_.beacon.contacts);
  if (is_proven(record)) verdict.evidence = Evidence::proven;
  add_reason(verdict, "contacts", rhythm->contacts, limits_.beacon.contacts);
  add_reason(verdict, "period_s", rhythm->period_s, limits_.beacon.period_max_s);
  add_reason(verdict, "jitter", rhythm->jitter, limits_.beacon.jitter);
  return verdict;
}

std::optional<Verdict> FastRules::scan(const FlowRecord& record) const {
  const HostWindow& source = record.windows.source;
  // NaN is neither: comparisons with it are false.
  if (!(source.half_open_ratio >= limits_.scan_half_open)) return std::nullopt;
  const bool many_ports = source.ports >= limits_.scan_ports && source.ports > kFew * source.hosts;
  const bool many_hosts = source.hosts >= limits_.sweep_hosts && source.hosts > kFew * source.ports;
  if (!many_ports && !many_hosts) return std::nullopt;
  if (source.flows > kAskedMax * std::max(source.ports, source.hosts)) return std::nullopt;
  Verdict verdict = verdict_of(record, "portscan", many_ports ? "port_scan" : "host_sweep");
  const double value = many_ports ? source.ports : source.hosts;
  const double limit = many_ports ? limits_.scan_ports : limits_.sweep_hosts;
  verdict.score = rule_score(value, limit);
  add_reason(verdict, many_ports ? "ports" : "hosts", value, limit);
  add_reason(verdict, "half_open", source.half_open_ratio, limits_.scan_half_open);
  return verdict;
}

std::optional<Verdict> FastRules::flood(const FlowRecord& record) const {
  if (record.key.protocol != MLG_PROTOCOL_TCP || record.forward().syn_only == 0) {
    return std::nullopt;
  }
  const HostWindow& destination = record.windows.destination;
  if (!(destination.flows >= limits_.flood_flows) ||
      !(destination.half_open_ratio >= limits_.flood_half_open)) {
    return std::nullopt;
  }
  Verdict verdict = verdict_of(record, "ddos", "syn_flood");
  // Each of many sources sent a few packets: whom they name is chance, or malice.
  verdict.has_source = record.windows.source.flows >= limits_.flood_flows &&
                       record.windows.source.half_open_ratio >= limits_.flood_half_open;
  verdict.score = rule_score(destination.flows, limits_.flood_flows);
  add_reason(verdict, "flows", destination.flows, limits_.flood_flows);
  add_reason(verdict, "half_open", destination.half_open_ratio, limits_.flood_half_open);
  return verdict;
}

bool FastRules::is_attempt(const FlowRecord& record) const {
  if (!is_told_first(record)) return false;
  if (record.forward().payload_bytes + record.reverse().payload_bytes > limits_.brute_force_bytes) {
    return false;
  }
  return has(limits_.brute_force_ports, record.destination_port()) && is_proven(record);
}

std::uint32_t FastRules::count_attempt(const FlowRecord& record) {
  const Pair pair = {flow::Address::of(record.source()), flow::Address::of(record.destination()),
                     record.destination_port()};
  const std::uint64_t second = record.first_ns() / flow::kNsPerSecond;
  auto at = pairs_.find(pair);
  if (at == pairs_.kNone) {
    if (pairs_.full()) pairs_.erase(pairs_.oldest());
    at = pairs_.insert(pair, {});
  }
  pairs_.touch(at);
  Attempts& attempts = pairs_[at];
  const std::uint64_t begin_s = second - second % kHalfSeconds;
  // What comes late counts with what came last.
  if (begin_s > attempts.begin_s) {
    attempts.before = begin_s == attempts.begin_s + kHalfSeconds ? attempts.now : 0;
    attempts.now = 0;
    attempts.begin_s = begin_s;
  }
  attempts.now += 1;
  return attempts.now + attempts.before;
}

std::optional<Verdict> FastRules::brute_force(const FlowRecord& record) {
  if (!is_attempt(record)) return std::nullopt;
  const std::uint32_t attempts = count_attempt(record);
  if (attempts < limits_.brute_force_attempts) return std::nullopt;
  Verdict verdict = verdict_of(record, "bruteforce", "brute_force");
  verdict.score = rule_score(attempts, limits_.brute_force_attempts);
  verdict.evidence = Evidence::proven;
  add_reason(verdict, "attempts", attempts, limits_.brute_force_attempts);
  return verdict;
}

}  // namespace mlguard::ml_detector
