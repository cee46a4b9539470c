// check_flow: the counters of one record against one another.
#include <cmath>
#include <cstring>
#include <limits>

#include "pipeline/flow_batch.h"

namespace mlguard::pipeline {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t kSaturated = std::numeric_limits<std::uint64_t>::max();
// Of event times: 1970 to 2262, and no sum of two overflows.
constexpr std::uint64_t kTimeNsMax = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kSyn = 1;
// Beyond what ten seconds of any wire can hold.
constexpr double kWindowValueMax = 1e18;

bool is_all_zero(const mlg_flow_side& side) {
  const mlg_flow_side zero = {};
  return std::memcmp(&side, &zero, sizeof side) == 0;
}

// Σx² of n values with sum s: at least s²/n.
bool is_below_mean_square(std::uint64_t squares, std::uint64_t sum, std::uint64_t count) {
  if (squares == kSaturated || sum == kSaturated) return false;
  return Wide{squares} * count < Wide{sum} * sum;
}

const char* size_problem(const mlg_flow_side& side) {
  if (side.size_min == 0 || side.size_min > side.size_max) return "size_min";
  if (side.size_max > kPacketBytesMax) return "size_max";
  const Wide packets = side.packets;
  if (side.bytes < packets * side.size_min || side.bytes > packets * side.size_max) return "bytes";
  if (side.payload_bytes > side.bytes) return "payload_bytes";
  if (side.payload_packets > side.packets) return "payload_packets";
  if ((side.payload_packets == 0) != (side.payload_bytes == 0)) return "payload_packets";
  if (side.payload_packets > side.payload_bytes) return "payload_packets";
  if (is_below_mean_square(side.size_squares, side.bytes, side.packets)) return "size_squares";
  if (side.size_squares > packets * side.size_max * side.size_max) return "size_squares";
  return nullptr;
}

const char* time_problem(const mlg_flow_side& side) {
  if (side.first_ns > side.last_ns) return "first_ns";
  if (side.last_ns > kTimeNsMax) return "last_ns";
  if (side.gaps > side.packets - 1) return "gaps";
  if (side.gaps == 0 && side.gap_sum_us != 0) return "gap_sum_us";
  if (side.gaps == 0 && side.gap_squares_us2 != 0) return "gap_squares_us2";
  if (is_below_mean_square(side.gap_squares_us2, side.gap_sum_us, side.gaps)) {
    return "gap_squares_us2";
  }
  const Wide sum = side.gap_sum_us;
  if (sum != kSaturated && side.gap_squares_us2 > sum * sum) return "gap_squares_us2";
  return nullptr;
}

const char* flag_problem(const mlg_flow_side& side, bool is_tcp) {
  for (const std::uint32_t count : side.flag_counts) {
    if (count > side.packets || (count > 0 && !is_tcp)) return "flag_counts";
  }
  if (side.syn_only > side.flag_counts[kSyn]) return "syn_only";
  if (side.initial_window != 0 && !is_tcp) return "initial_window";
  return nullptr;
}

const char* side_problem(const mlg_flow_side& side, bool is_tcp) {
  if (side.padding[0] != 0 || side.padding[1] != 0) return "padding";
  if (side.packets == 0) return is_all_zero(side) ? nullptr : "packets";
  if (const char* problem = size_problem(side)) return problem;
  if (const char* problem = time_problem(side)) return problem;
  return flag_problem(side, is_tcp);
}

const char* key_problem(const mlg_flow_key& key) {
  for (const std::uint8_t byte : key.padding) {
    if (byte != 0) return "key.padding";
  }
  const int order = std::memcmp(key.low_address, key.high_address, MLG_ADDRESS_BYTES);
  if (order > 0) return "key.low_address";
  if (order == 0 && key.low_port > key.high_port) return "key.low_port";
  return nullptr;
}

const char* window_problem(const flow::HostWindow& window) {
  const auto is_bad = [](double value) { return value < 0 || value > kWindowValueMax; };
  if (is_bad(window.flows)) return "windows.flows";
  if (is_bad(window.ports)) return "windows.ports";
  if (is_bad(window.hosts)) return "windows.hosts";
  if (is_bad(window.half_open_ratio) || window.half_open_ratio > 1) {
    return "windows.half_open_ratio";
  }
  if (is_bad(window.packets_per_s)) return "windows.packets_per_s";
  if (is_bad(window.bytes_per_s)) return "windows.bytes_per_s";
  if (is_bad(window.flows_vs_normal)) return "windows.flows_vs_normal";
  if (is_bad(window.packets_vs_normal)) return "windows.packets_vs_normal";
  return nullptr;
}

const char* pair_problem(const flow::PairWindow& window) {
  const auto is_bad = [](double value) { return value < 0 || value > kWindowValueMax; };
  if (is_bad(window.flows)) return "windows.flows";
  if (is_bad(window.flows_lately)) return "windows.flows_lately";
  if (is_bad(window.half_open_ratio) || window.half_open_ratio > 1) {
    return "windows.half_open_ratio";
  }
  if (is_bad(window.gap_mean_s)) return "windows.gap_mean_s";
  if (is_bad(window.gap_variation)) return "windows.gap_variation";
  return nullptr;
}

// What one side says of the other.
const char* record_problem(const flow::FlowRecord& record) {
  const auto reason = static_cast<std::size_t>(record.reason);
  if (record.initiator != MLG_FROM_LOW && record.initiator != MLG_FROM_HIGH) return "initiator";
  if (reason >= flow::kCloseReasons) return "reason";
  const bool both = record.forward().packets > 0 && record.reverse().packets > 0;
  if (record.forward().packets == 0 && record.reverse().packets == 0) return "packets";
  // A later part keeps the initiator, which may have fallen silent.
  if (record.part == 0 && record.forward().packets == 0) return "initiator";
  if (record.part == 0 && record.opened && !both) return "opened";
  return nullptr;
}

base::Error invalid_flow(std::string field) {
  return {base::ErrorCode::invalid_argument, "invalid_flow",
          "a flow's " + std::move(field) + " cannot be true"};
}

}  // namespace

base::Status check_flow(const flow::FlowRecord& record) {
  if (const char* problem = key_problem(record.key)) return invalid_flow(problem);
  if (const char* problem = record_problem(record)) return invalid_flow(problem);
  const bool is_tcp = record.key.protocol == MLG_PROTOCOL_TCP;
  if (const char* problem = side_problem(record.counters.side[MLG_FROM_LOW], is_tcp)) {
    return invalid_flow(std::string("low.") + problem);
  }
  if (const char* problem = side_problem(record.counters.side[MLG_FROM_HIGH], is_tcp)) {
    return invalid_flow(std::string("high.") + problem);
  }
  if (const char* problem = window_problem(record.windows.source)) {
    return invalid_flow(std::string("source ") + problem);
  }
  if (const char* problem = window_problem(record.windows.destination)) {
    return invalid_flow(std::string("destination ") + problem);
  }
  if (const char* problem = pair_problem(record.windows.pair)) {
    return invalid_flow(std::string("pair ") + problem);
  }
  return {};
}

}  // namespace mlguard::pipeline
