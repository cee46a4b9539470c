#include "flow/features.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mlguard::flow {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
constexpr double kSecondsPerNs = 1e-9;
constexpr double kSecondsPerUs = 1e-6;

// Bits of mlg_flow_side.flag_counts.
enum Flag : std::size_t { kFin = 0, kSyn = 1, kRst = 2, kPsh = 3, kAck = 4 };

double as_double(std::uint64_t value) { return static_cast<double>(value); }
double ratio(double part, double whole) { return whole > 0 ? part / whole : kUndefined; }

// Standard deviation of `count` values with these sums (of the values, and of their squares), with
// one rounding at the end: the difference of two large numbers is taken of whole numbers, so that
// an almost steady beat keeps its digits. Unknown when the squares are saturated.
double deviation(std::uint64_t count, std::uint64_t sum, std::uint64_t squares) {
  __extension__ using Wide = unsigned __int128;
  if (count == 0 || squares == std::numeric_limits<std::uint64_t>::max()) return kUndefined;
  const Wide of_squares = static_cast<Wide>(squares) * count;
  const Wide of_sum = static_cast<Wide>(sum) * sum;
  if (of_squares <= of_sum) return 0;
  return std::sqrt(static_cast<double>(of_squares - of_sum)) / as_double(count);
}

double duration_s(const FlowRecord& flow) {
  return as_double(flow.last_ns() - flow.first_ns()) * kSecondsPerNs;
}
double all_packets(const FlowRecord& flow) {
  return as_double(flow.forward().packets + flow.reverse().packets);
}
double all_bytes(const FlowRecord& flow) {
  return as_double(flow.forward().bytes + flow.reverse().bytes);
}

double size_mean(const mlg_flow_side& side) {
  return ratio(as_double(side.bytes), as_double(side.packets));
}
double size_deviation(const mlg_flow_side& side) {
  return deviation(side.packets, side.bytes, side.size_squares);
}
double size_min(const mlg_flow_side& side) {
  return side.packets > 0 ? as_double(side.size_min) : kUndefined;
}
double size_max(const mlg_flow_side& side) {
  return side.packets > 0 ? as_double(side.size_max) : kUndefined;
}
double gap_mean_s(const mlg_flow_side& side) {
  return kSecondsPerUs * ratio(as_double(side.gap_sum_us), as_double(side.gaps));
}
double gap_deviation_s(const mlg_flow_side& side) {
  return kSecondsPerUs * deviation(side.gaps, side.gap_sum_us, side.gap_squares_us2);
}
double flag_share(const mlg_flow_side& side, Flag flag) {
  return ratio(as_double(side.flag_counts[flag]), as_double(side.packets));
}

double tcp_only(const FlowRecord& flow, double value) {
  return flow.key.protocol == MLG_PROTOCOL_TCP ? value : kUndefined;
}
double window(const FlowRecord& flow, const mlg_flow_side& side) {
  return side.packets > 0 ? tcp_only(flow, as_double(side.initial_window)) : kUndefined;
}
double is_icmp(const FlowRecord& flow) {
  return flow.key.protocol == MLG_PROTOCOL_ICMP || flow.key.protocol == MLG_PROTOCOL_ICMPV6 ? 1 : 0;
}

using Row = const FlowRecord&;

constexpr std::array<Feature, kFeatures> kTable = {{
    {"is_tcp", "0 or 1", "the protocol is TCP",
     [](Row f) { return f.key.protocol == MLG_PROTOCOL_TCP ? 1.0 : 0.0; }},
    {"is_udp", "0 or 1", "the protocol is UDP",
     [](Row f) { return f.key.protocol == MLG_PROTOCOL_UDP ? 1.0 : 0.0; }},
    {"is_icmp", "0 or 1", "the protocol is ICMP or ICMPv6", is_icmp},
    {"duration", "s", "time from the first packet to the last", duration_s},
    {"opened", "0 or 1", "both ends took part (in TCP: the handshake was completed)",
     [](Row f) { return f.opened ? 1.0 : 0.0; }},
    {"packets", "packets", "packets both ways", all_packets},
    {"packet_rate", "packets/s", "packets over duration",
     [](Row f) { return ratio(all_packets(f), duration_s(f)); }},
    {"byte_rate", "bytes/s", "IP bytes both ways over duration",
     [](Row f) { return ratio(all_bytes(f), duration_s(f)); }},
    {"fwd_packets", "packets", "packets from the initiator",
     [](Row f) { return as_double(f.forward().packets); }},
    {"rev_packets", "packets", "packets from the responder",
     [](Row f) { return as_double(f.reverse().packets); }},
    {"fwd_bytes", "bytes", "IP bytes from the initiator",
     [](Row f) { return as_double(f.forward().bytes); }},
    {"rev_bytes", "bytes", "IP bytes from the responder",
     [](Row f) { return as_double(f.reverse().bytes); }},
    {"rev_byte_share", "share", "IP bytes from the responder over those both ways",
     [](Row f) { return ratio(as_double(f.reverse().bytes), all_bytes(f)); }},
    {"fwd_data_packets", "packets", "packets from the initiator that carry data",
     [](Row f) { return as_double(f.forward().payload_packets); }},
    {"rev_data_packets", "packets", "packets from the responder that carry data",
     [](Row f) { return as_double(f.reverse().payload_packets); }},
    {"fwd_size_mean", "bytes", "mean IP length of the initiator's packets",
     [](Row f) { return size_mean(f.forward()); }},
    {"fwd_size_std", "bytes", "standard deviation of the same",
     [](Row f) { return size_deviation(f.forward()); }},
    {"fwd_size_min", "bytes", "least IP length of the initiator's packets",
     [](Row f) { return size_min(f.forward()); }},
    {"fwd_size_max", "bytes", "greatest IP length of the initiator's packets",
     [](Row f) { return size_max(f.forward()); }},
    {"rev_size_mean", "bytes", "mean IP length of the responder's packets",
     [](Row f) { return size_mean(f.reverse()); }},
    {"rev_size_std", "bytes", "standard deviation of the same",
     [](Row f) { return size_deviation(f.reverse()); }},
    {"rev_size_max", "bytes", "greatest IP length of the responder's packets",
     [](Row f) { return size_max(f.reverse()); }},
    {"fwd_gap_mean", "s", "mean time between packets of the initiator, in whole µs",
     [](Row f) { return gap_mean_s(f.forward()); }},
    {"fwd_gap_std", "s", "standard deviation of the same; not defined with a gap over 71 minutes",
     [](Row f) { return gap_deviation_s(f.forward()); }},
    {"rev_gap_mean", "s", "mean time between packets of the responder, in whole µs",
     [](Row f) { return gap_mean_s(f.reverse()); }},
    {"fwd_syn_share", "share", "the initiator's packets with SYN over all of its packets; TCP",
     [](Row f) { return tcp_only(f, flag_share(f.forward(), kSyn)); }},
    {"fwd_psh_share", "share", "the initiator's packets with PSH over all of its packets; TCP",
     [](Row f) { return tcp_only(f, flag_share(f.forward(), kPsh)); }},
    {"fwd_ack_share", "share", "the initiator's packets with ACK over all of its packets; TCP",
     [](Row f) { return tcp_only(f, flag_share(f.forward(), kAck)); }},
    {"fins", "packets", "packets with FIN both ways; TCP",
     [](Row f) {
       return tcp_only(
           f, as_double(f.forward().flag_counts[kFin]) + as_double(f.reverse().flag_counts[kFin]));
     }},
    {"fwd_rsts", "packets", "the initiator's packets with RST; TCP",
     [](Row f) { return tcp_only(f, as_double(f.forward().flag_counts[kRst])); }},
    {"rev_rsts", "packets", "the responder's packets with RST; TCP",
     [](Row f) { return tcp_only(f, as_double(f.reverse().flag_counts[kRst])); }},
    {"fwd_window", "bytes", "window of the initiator's first packet, not scaled; TCP",
     [](Row f) { return window(f, f.forward()); }},
    {"rev_window", "bytes", "window of the responder's first packet, not scaled; TCP",
     [](Row f) { return window(f, f.reverse()); }},
    {"src_flows", "flows", "flows that the source began in the window",
     [](Row f) { return f.windows.source.flows; }},
    {"src_ports", "ports", "distinct destination ports of these flows",
     [](Row f) { return f.windows.source.ports; }},
    {"src_hosts", "hosts", "distinct destinations of these flows",
     [](Row f) { return f.windows.source.hosts; }},
    {"src_half_open", "share", "share of these flows that was not opened",
     [](Row f) { return f.windows.source.half_open_ratio; }},
    {"src_packet_rate", "packets/s", "packets that the source sent in the window",
     [](Row f) { return f.windows.source.packets_per_s; }},
    {"src_flows_vs_normal", "ratio", "flows of the source in the window over its normal rate",
     [](Row f) { return f.windows.source.flows_vs_normal; }},
    {"dst_flows", "flows", "flows that were begun to the destination in the window",
     [](Row f) { return f.windows.destination.flows; }},
    {"dst_hosts", "hosts", "distinct sources of these flows",
     [](Row f) { return f.windows.destination.hosts; }},
    {"dst_half_open", "share", "share of these flows that was not opened",
     [](Row f) { return f.windows.destination.half_open_ratio; }},
    {"dst_byte_rate", "bytes/s", "IP bytes that were sent to the destination in the window",
     [](Row f) { return f.windows.destination.bytes_per_s; }},
    {"dst_packets_vs_normal", "ratio",
     "packets to the destination in the window over its normal rate",
     [](Row f) { return f.windows.destination.packets_vs_normal; }},
    {"pair_flows", "flows", "flows from the source to this destination and port in the window",
     [](Row f) { return f.windows.pair.flows; }},
    {"pair_flows_lately", "flows", "the same of the last minutes, older ones weighing less",
     [](Row f) { return f.windows.pair.flows_lately; }},
    {"pair_half_open", "share", "share of these that was not opened",
     [](Row f) { return f.windows.pair.half_open_ratio; }},
    {"pair_gap_mean", "s", "mean time between the beginnings of these",
     [](Row f) { return f.windows.pair.gap_mean_s; }},
    {"pair_gap_variation", "ratio",
     "standard deviation of these times over their mean: near 0 for a steady beat",
     [](Row f) { return f.windows.pair.gap_variation; }},
}};

}  // namespace

const std::array<Feature, kFeatures>& feature_table() { return kTable; }

FeatureVector features_of(const FlowRecord& record) {
  FeatureVector vector{};
  for (std::size_t i = 0; i < kFeatures; ++i) vector[i] = kTable[i].value(record);
  return vector;
}

}  // namespace mlguard::flow
