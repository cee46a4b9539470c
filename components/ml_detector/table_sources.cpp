#include "ml_detector/table_sources.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace mlguard::ml_detector {
namespace {

constexpr double kUsPerMs = 1e3;
constexpr double kMsPerSecond = 1e3;
constexpr double kNsPerSecond = 1e9;
// A flow that is longer is none: the counters of nanoseconds stay far from their end.
constexpr double kDurationSecondsMax = 30 * 86'400.0;
constexpr double kLuflowDurationSecondsMax = 86'400;
constexpr std::uint8_t kOtherProtocol = 255;  // reserved by IANA: of none that we know

using Named = std::pair<std::string_view, std::uint8_t>;

void fill_side(mlg_flow_side& side, double packets, double bytes, double duration_s) {
  side.packets = static_cast<std::uint64_t>(packets);
  side.bytes = static_cast<std::uint64_t>(bytes);
  // Saturated says that they are not known.
  side.size_squares = side.gap_squares_us2 = std::numeric_limits<std::uint64_t>::max();
  if (side.packets > 0) side.last_ns = static_cast<std::uint64_t>(duration_s * kNsPerSecond);
}

mlg_flow_side& forward_of(flow::FlowRecord& record) { return record.counters.side[MLG_FROM_LOW]; }
mlg_flow_side& reverse_of(flow::FlowRecord& record) { return record.counters.side[MLG_FROM_HIGH]; }

enum LuflowColumn : std::size_t {
  kLuflowGapMs,
  kLuflowBytesIn,
  kLuflowBytesOut,
  kLuflowEntropy,
  kLuflowTotalEntropy,
  kLuflowPacketsOut,
  kLuflowPacketsIn,
  kLuflowProtocol,
  kLuflowLabel,
  kLuflowDuration,
};
constexpr std::array<std::string_view, 10> kLuflowColumns = {
    "avg_ipt",      "bytes_in",    "bytes_out", "entropy", "total_entropy",
    "num_pkts_out", "num_pkts_in", "proto",     "label",   "duration"};
constexpr std::array<std::string_view, 15> kLuflowInputs = {
    "is_tcp",      "is_udp",         "is_icmp",       "duration",      "packets",
    "packet_rate", "byte_rate",      "fwd_packets",   "rev_packets",   "fwd_bytes",
    "rev_bytes",   "rev_byte_share", "fwd_size_mean", "rev_size_mean", "fwd_gap_mean"};
constexpr std::array<std::string_view, 2> kLuflowOwn = {"entropy", "total_entropy"};
constexpr std::array<std::string_view, 1> kLuflowEndings = {".csv"};

TableLabel luflow_label(TableRow& row) {
  const std::string_view label = row.text(kLuflowLabel);
  if (label == "benign") return TableLabel::benign;
  if (label == "malicious") return TableLabel::malicious;
  if (label != "outlier") row.refuse(kLuflowLabel, "is neither benign, malicious nor outlier");
  return TableLabel::unknown;
}

// "out" is what the source sent: of flows without an answer, "in" is 0.
TableReading read_luflow(TableRow& row) {
  constexpr double kProtocolMax = std::numeric_limits<std::uint8_t>::max();
  TableReading reading;
  const double duration_s = row.number(kLuflowDuration, kLuflowDurationSecondsMax);
  const double out = row.count(kLuflowPacketsOut);
  const double in = row.count(kLuflowPacketsIn);
  reading.record.key.protocol = static_cast<std::uint8_t>(row.count(kLuflowProtocol, kProtocolMax));
  mlg_flow_side& forward = forward_of(reading.record);
  fill_side(forward, out, row.count(kLuflowBytesOut), duration_s);
  fill_side(reverse_of(reading.record), in, row.count(kLuflowBytesIn), duration_s);
  const double gap_ms = row.number(kLuflowGapMs, kTableCountMax);
  const double gaps = out + in - 1;
  const bool is_gap = gap_ms <= duration_s * kMsPerSecond;
  if (is_gap && gaps > 0 && gaps <= std::numeric_limits<std::uint32_t>::max()) {
    forward.gaps = static_cast<std::uint32_t>(gaps);
    forward.gap_sum_us = static_cast<std::uint64_t>(std::llround(gap_ms * kUsPerMs * gaps));
  }
  reading.own = {static_cast<float>(row.number(kLuflowEntropy, kTableCountMax)),
                 static_cast<float>(row.number(kLuflowTotalEntropy, kTableCountMax))};
  reading.label = luflow_label(row);
  return reading;
}

enum CtuColumn : std::size_t {
  kCtuDuration,
  kCtuProtocol,
  kCtuPackets,
  kCtuBytes,
  kCtuSourceBytes,
  kCtuLabel,
};
constexpr std::array<std::string_view, 6> kCtuColumns = {"dur",       "proto",     "tot_pkts",
                                                         "tot_bytes", "src_bytes", "label"};
constexpr std::array<std::string_view, 10> kCtuInputs = {
    "is_tcp",      "is_udp",    "is_icmp",   "duration",  "packets",
    "packet_rate", "byte_rate", "fwd_bytes", "rev_bytes", "rev_byte_share"};
constexpr std::array<std::string_view, 1> kCtuEndings = {".csv"};
// Argus names what UDP carries where it knows it.
constexpr std::array<Named, 7> kCtuProtocols = {{{"tcp", MLG_PROTOCOL_TCP},
                                                 {"udp", MLG_PROTOCOL_UDP},
                                                 {"rtp", MLG_PROTOCOL_UDP},
                                                 {"rtcp", MLG_PROTOCOL_UDP},
                                                 {"udt", MLG_PROTOCOL_UDP},
                                                 {"icmp", MLG_PROTOCOL_ICMP},
                                                 {"ipv6-icmp", MLG_PROTOCOL_ICMPV6}}};

std::uint8_t protocol_in(std::span<const Named> names, std::string_view name) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const Named& named) { return named.first == name; });
  return found == names.end() ? kOtherProtocol : found->second;
}

TableLabel ctu_label(TableRow& row) {
  const std::string_view label = row.text(kCtuLabel);
  const auto says = [&](const char* word) { return label.find(word) != std::string_view::npos; };
  if (says("Botnet")) return TableLabel::malicious;
  if (says("Normal")) return TableLabel::benign;
  if (!says("Background")) row.refuse(kCtuLabel, "is neither Botnet, Normal nor Background");
  return TableLabel::unknown;
}

TableReading read_ctu(TableRow& row) {
  TableReading reading;
  if (row.text(kCtuProtocol).empty()) row.refuse(kCtuProtocol, "is empty");
  reading.record.key.protocol = protocol_in(kCtuProtocols, row.text(kCtuProtocol));
  const double duration_s = row.number(kCtuDuration, kDurationSecondsMax);
  const double packets = row.count(kCtuPackets);
  const double bytes = row.count(kCtuBytes);
  const double sent = row.count(kCtuSourceBytes);
  if (sent > bytes) row.refuse(kCtuSourceBytes, "is more than tot_bytes");
  // Packets of both directions: only their sum is an input.
  fill_side(forward_of(reading.record), packets, sent, duration_s);
  fill_side(reverse_of(reading.record), 0, std::max(bytes - sent, 0.0), duration_s);
  reading.label = ctu_label(row);
  if (packets == 0) reading.label = TableLabel::no_packets;
  return reading;
}

enum ZeekColumn : std::size_t {
  kZeekProtocol,
  kZeekDuration,
  kZeekState,
  kZeekPacketsOut,
  kZeekBytesOut,
  kZeekPacketsIn,
  kZeekBytesIn,
  kZeekLabel,
};
constexpr std::array<std::string_view, 8> kZeekColumns = {
    "proto",         "duration",  "conn_state",    "orig_pkts",
    "orig_ip_bytes", "resp_pkts", "resp_ip_bytes", "label"};
constexpr std::array<std::string_view, 15> kZeekInputs = {
    "is_tcp",    "is_udp",      "is_icmp",        "duration",      "opened",
    "packets",   "packet_rate", "byte_rate",      "fwd_packets",   "rev_packets",
    "fwd_bytes", "rev_bytes",   "rev_byte_share", "fwd_size_mean", "rev_size_mean"};
constexpr std::array<std::string_view, 2> kZeekEndings = {".conn.log.labeled", ".conn.csv"};
constexpr std::array<Named, 3> kZeekProtocols = {
    {{"tcp", MLG_PROTOCOL_TCP}, {"udp", MLG_PROTOCOL_UDP}, {"icmp", MLG_PROTOCOL_ICMP}}};
constexpr std::string_view kZeekNotThere = "-";

// Of TCP: whether the handshake was completed, by
// https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html (conn_state).
constexpr std::array<std::string_view, 7> kZeekOpened = {"S1",   "S2",   "S3", "SF",
                                                         "RSTO", "RSTR", "OTH"};
constexpr std::array<std::string_view, 6> kZeekNotOpened = {"S0",    "REJ", "RSTOS0",
                                                            "RSTRH", "SH",  "SHR"};

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool zeek_opened(TableRow& row, const flow::FlowRecord& record) {
  const std::string_view state = row.text(kZeekState);
  const bool opened = contains(kZeekOpened, state);
  if (!opened && !contains(kZeekNotOpened, state)) row.refuse(kZeekState, "is none of Zeek's");
  const bool both = record.forward().packets > 0 && record.reverse().packets > 0;
  return both && (opened || record.key.protocol != MLG_PROTOCOL_TCP);
}

// IoT-23 has the detail behind three spaces in the same cell, or in the next.
TableLabel zeek_label(TableRow& row) {
  const std::string_view label = row.text(kZeekLabel);
  const std::string_view word = label.substr(0, label.find(' '));
  if (word == "Benign" || word == "benign") return TableLabel::benign;
  if (word == "Malicious") return TableLabel::malicious;
  if (word != "Background") row.refuse(kZeekLabel, "is neither Benign, Malicious nor Background");
  return TableLabel::unknown;
}

TableReading read_zeek(TableRow& row) {
  TableReading reading;
  if (row.text(kZeekProtocol).empty()) row.refuse(kZeekProtocol, "is empty");
  reading.record.key.protocol = protocol_in(kZeekProtocols, row.text(kZeekProtocol));
  const bool is_told = row.text(kZeekDuration) != kZeekNotThere;
  const double duration_s = is_told ? row.number(kZeekDuration, kDurationSecondsMax) : 0;
  fill_side(forward_of(reading.record), row.count(kZeekPacketsOut), row.count(kZeekBytesOut),
            duration_s);
  fill_side(reverse_of(reading.record), row.count(kZeekPacketsIn), row.count(kZeekBytesIn),
            duration_s);
  reading.record.opened = zeek_opened(row, reading.record);
  reading.label = zeek_label(row);
  const bool is_empty =
      reading.record.forward().packets == 0 && reading.record.reverse().packets == 0;
  if (is_empty) reading.label = TableLabel::no_packets;
  return reading;
}

}  // namespace

const TableSource& luflow_source() {
  static constexpr TableSource kSource = {"LUFlow",      kLuflowEndings, ',',        kLuflowColumns,
                                          kLuflowInputs, kLuflowOwn,     read_luflow};
  return kSource;
}

const TableSource& ctu13_source() {
  static constexpr TableSource kSource = {"CTU-13",   kCtuEndings, ',',     kCtuColumns,
                                          kCtuInputs, {},          read_ctu};
  return kSource;
}

const TableSource& zeek_source() {
  static constexpr TableSource kSource = {"Zeek",      kZeekEndings, '|',      kZeekColumns,
                                          kZeekInputs, {},           read_zeek};
  return kSource;
}

}  // namespace mlguard::ml_detector
