#include "plain_flows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <tuple>
#include <utility>

#include "plain_hosts.h"
#include "plain_pairs.h"

namespace mlguard::plain {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kIdleNs = 15 * kSecondNs;
constexpr std::uint64_t kActiveNs = 60 * kSecondNs;
constexpr std::uint64_t kLingerNs = kSecondNs;
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

using Packets = std::vector<Packet>;
using Key = std::tuple<Endpoint, Endpoint, unsigned>;  // the lower endpoint first

struct Flow {
  Endpoint first_sender;
  Endpoint first_receiver;
  Endpoint initiator;  // of the parts after the first
  std::uint32_t part = 0;
  Packets packets;  // of this part
  bool opened = false;
  std::uint32_t begun_second = 0;
  std::uint64_t part_began_ns = 0;
  std::uint64_t last_seen_ns = 0;
  std::string closing;  // why; empty while it is open
  std::uint64_t closing_since_ns = 0;
  std::shared_ptr<Host> source;
  std::shared_ptr<Host> destination;
  std::shared_ptr<BegunFlow> of_pair;
  PairName pair_name;
  PairLook pair;
  Window source_window;
  Window destination_window;

  // Running, so that a flow of many packets is not gone through at each of them.
  struct Side {
    std::uint64_t first_ns = 0;
    double packets = 0;
    double acks = 0;
    double rsts = 0;
    bool sent_syn_only = false;
    bool sent_fin = false;
  };
  std::map<Endpoint, Side> sides;
};

Key key_of(const Packet& packet) {
  return {std::min(packet.from, packet.to), std::max(packet.from, packet.to), packet.protocol};
}

// An ICMP identifier is none.
unsigned port_asked_for(const Packet& packet) {
  return packet.protocol == 1 || packet.protocol == 58 ? 0 : packet.to.port;
}

Endpoint other_end(const Flow& flow, const Endpoint& end) {
  return end == flow.first_sender ? flow.first_receiver : flow.first_sender;
}

// The only side that sent a SYN without ACK, else the side of the earliest packet.
Endpoint initiator_of(Flow& flow) {
  if (flow.part > 0) return flow.initiator;
  const Endpoint low = std::min(flow.first_sender, flow.first_receiver);
  const Endpoint high = std::max(flow.first_sender, flow.first_receiver);
  const Flow::Side& of_low = flow.sides[low];
  const Flow::Side& of_high = flow.sides[high];
  if (of_low.sent_syn_only != of_high.sent_syn_only) return of_low.sent_syn_only ? low : high;
  if (of_low.packets == 0) return high;
  if (of_high.packets == 0) return low;
  return of_high.first_ns < of_low.first_ns ? high : low;
}

double mean(const std::vector<double>& values) {
  if (values.empty()) return kUndefined;
  long double sum = 0;
  for (const double value : values) sum += value;
  return static_cast<double>(sum / static_cast<long double>(values.size()));
}

double deviation(const std::vector<double>& values) {
  if (values.empty()) return kUndefined;
  const auto count = static_cast<long double>(values.size());
  long double sum = 0;
  for (const double value : values) sum += value;
  long double squares = 0;
  for (const double value : values) squares += (value - sum / count) * (value - sum / count);
  return static_cast<double>(std::sqrt(squares / count));
}

// Times between a packet and the latest one before it, in whole microseconds.
std::vector<double> gaps_of(const Packets& packets) {
  std::vector<double> gaps;
  std::uint64_t latest_ns = 0;
  for (const Packet& packet : packets) {
    const std::uint64_t gap_ns = packet.time_ns > latest_ns ? packet.time_ns - latest_ns : 0;
    if (&packet != &packets.front()) gaps.push_back(static_cast<double>(gap_ns / 1'000));
    latest_ns = std::max(latest_ns, packet.time_ns);
  }
  return gaps;
}

double gap_deviation(const Packets& packets) {
  constexpr double kLongestUs = 4'294'967'295;
  const std::vector<double> gaps = gaps_of(packets);
  const bool too_long =
      std::any_of(gaps.begin(), gaps.end(), [](double gap_us) { return gap_us > kLongestUs; });
  return too_long ? kUndefined : deviation(gaps);
}

std::vector<double> sizes_of(const Packets& packets) {
  std::vector<double> sizes;
  for (const Packet& packet : packets) sizes.push_back(static_cast<double>(packet.ip_bytes));
  return sizes;
}

double least(const std::vector<double>& values) {
  return values.empty() ? kUndefined : *std::min_element(values.begin(), values.end());
}
double greatest(const std::vector<double>& values) {
  return values.empty() ? kUndefined : *std::max_element(values.begin(), values.end());
}
double sum_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}
double number_with(const Packets& packets, bool Packet::*what) {
  return static_cast<double>(std::count_if(packets.begin(), packets.end(),
                                           [&](const Packet& packet) { return packet.*what; }));
}
double over(double part, double whole) { return whole > 0 ? part / whole : kUndefined; }

// One part of a flow, by who sent what.
struct Part {
  Packets all;
  Packets forward;
  Packets reverse;
  bool is_tcp = false;
  double seconds = 0;
};

Part part_of(const Flow& flow, const Endpoint& initiator) {
  Part part;
  part.all = flow.packets;
  for (const Packet& packet : flow.packets) {
    (packet.from == initiator ? part.forward : part.reverse).push_back(packet);
  }
  part.is_tcp = flow.packets.front().is_tcp();
  return part;
}

using Features = std::map<std::string, Feature>;

void add_sizes_and_rates(const Part& part, Features& features) {
  const double all_packets = static_cast<double>(part.all.size());
  const std::vector<double> forward = sizes_of(part.forward);
  const std::vector<double> reverse = sizes_of(part.reverse);
  const double all_bytes = sum_of(sizes_of(part.all));
  features["duration"] = {Kind::derived, part.seconds};
  features["packets"] = {Kind::exact, all_packets};
  features["packet_rate"] = {Kind::derived, over(all_packets, part.seconds)};
  features["byte_rate"] = {Kind::derived, over(all_bytes, part.seconds)};
  features["fwd_packets"] = {Kind::exact, static_cast<double>(part.forward.size())};
  features["rev_packets"] = {Kind::exact, static_cast<double>(part.reverse.size())};
  features["fwd_bytes"] = {Kind::exact, sum_of(forward)};
  features["rev_bytes"] = {Kind::exact, sum_of(reverse)};
  features["rev_byte_share"] = {Kind::derived, over(sum_of(reverse), all_bytes)};
  features["fwd_data_packets"] = {Kind::exact, number_with(part.forward, &Packet::has_payload)};
  features["rev_data_packets"] = {Kind::exact, number_with(part.reverse, &Packet::has_payload)};
  features["fwd_size_mean"] = {Kind::derived, mean(forward)};
  features["fwd_size_std"] = {Kind::derived, deviation(forward)};
  features["fwd_size_min"] = {Kind::exact, least(forward)};
  features["fwd_size_max"] = {Kind::exact, greatest(forward)};
  features["rev_size_mean"] = {Kind::derived, mean(reverse)};
  features["rev_size_std"] = {Kind::derived, deviation(reverse)};
  features["rev_size_max"] = {Kind::exact, greatest(reverse)};
  features["fwd_gap_mean"] = {Kind::derived, mean(gaps_of(part.forward)) / 1e6};
  features["fwd_gap_std"] = {Kind::derived, gap_deviation(part.forward) / 1e6};
  features["rev_gap_mean"] = {Kind::derived, mean(gaps_of(part.reverse)) / 1e6};
}

void add_tcp(const Part& part, Features& features) {
  const auto forward_packets = static_cast<double>(part.forward.size());
  const auto tcp_only = [&](double value) { return part.is_tcp ? value : kUndefined; };
  const auto share = [&](bool Packet::*flag) {
    return tcp_only(over(number_with(part.forward, flag), forward_packets));
  };
  const auto window = [&](const Packets& packets) {
    return packets.empty() ? kUndefined : tcp_only(packets.front().window);
  };
  features["fwd_syn_share"] = {Kind::derived, share(&Packet::syn)};
  features["fwd_psh_share"] = {Kind::derived, share(&Packet::psh)};
  features["fwd_ack_share"] = {Kind::derived, share(&Packet::ack)};
  features["fins"] = {Kind::exact, tcp_only(number_with(part.all, &Packet::fin))};
  features["fwd_rsts"] = {Kind::exact, tcp_only(number_with(part.forward, &Packet::rst))};
  features["rev_rsts"] = {Kind::exact, tcp_only(number_with(part.reverse, &Packet::rst))};
  features["fwd_window"] = {Kind::exact, window(part.forward)};
  features["rev_window"] = {Kind::exact, window(part.reverse)};
}

Feature distinct(const Distinct& values) {
  return {values.may_be_estimated ? Kind::estimated : Kind::exact, values.count};
}

void add_windows(const Window& source, const Window& destination, Features& features) {
  features["src_flows"] = {Kind::exact, source.flows};
  features["src_ports"] = distinct(source.ports);
  features["src_hosts"] = distinct(source.hosts);
  features["src_half_open"] = {Kind::derived, source.half_open_share};
  features["src_packet_rate"] = {Kind::derived, source.packets_per_s};
  features["src_flows_vs_normal"] = {Kind::derived, source.flows_vs_normal};
  features["dst_flows"] = {Kind::exact, destination.flows};
  features["dst_hosts"] = distinct(destination.hosts);
  features["dst_half_open"] = {Kind::derived, destination.half_open_share};
  features["dst_byte_rate"] = {Kind::derived, destination.bytes_per_s};
  features["dst_packets_vs_normal"] = {Kind::derived, destination.packets_vs_normal};
}

void add_pair(const PairLook& pair, Features& features) {
  features["pair_flows"] = {Kind::exact, pair.flows};
  features["pair_flows_lately"] = {Kind::faded, pair.flows_lately};
  features["pair_half_open"] = {Kind::faded, pair.half_open_share};
  features["pair_gap_mean"] = {Kind::faded, pair.gap_mean_s};
  features["pair_gap_variation"] = {Kind::faded, pair.gap_variation};
}

class Reader {
 public:
  Flows read(const Capture& capture) {
    for (const Packet& packet : capture.packets) add(packet);
    for (auto& [key, flow] : open_) {
      const bool idle = now_ns_ - flow.last_seen_ns >= kIdleNs;
      if (flow.closing.empty()) flow.closing = idle ? "idle" : "end";
      tell(flow, flow.closing);
    }
    return std::move(flows_);
  }

 private:
  std::uint32_t second() const { return static_cast<std::uint32_t>(now_ns_ / kSecondNs); }

  void add(const Packet& packet) {
    now_ns_ = std::max(now_ns_, packet.time_ns);
    const Key key = key_of(packet);
    const auto found = open_.find(key);
    if (found != open_.end() && is_over(found->second, packet)) {
      tell(found->second, found->second.closing.empty() ? "idle" : found->second.closing);
      open_.erase(found);
    }
    if (open_.count(key) == 0) {
      open_[key] = begin(packet);
    } else if (now_ns_ - open_[key].part_began_ns >= kActiveNs) {
      begin_next_part(open_[key]);
    }
    account(open_[key], packet);
  }

  bool is_over(const Flow& flow, const Packet& packet) const {
    if (now_ns_ - flow.last_seen_ns >= kIdleNs) return true;
    if (flow.closing.empty()) return false;
    return now_ns_ - flow.closing_since_ns >= kLingerNs || packet.is_syn_only();
  }

  Flow begin(const Packet& packet) {
    Flow flow;
    flow.first_sender = packet.from;
    flow.first_receiver = packet.to;
    flow.begun_second = second();
    flow.part_began_ns = now_ns_;
    flow.pair_name = {packet.from.address, packet.to.address, port_asked_for(packet),
                      packet.protocol};
    look(flow);
    const Address& from = packet.from.address;
    const Address& to = packet.to.address;
    const unsigned port = port_asked_for(packet);
    flow.source = sources_.begin_flow(from, to, port, second());
    flow.destination = destinations_.begin_flow(to, from, port, second());
    flow.of_pair = pairs_.begin_flow(flow.pair_name, now_ns_);
    ++flows_.begun;
    return flow;
  }

  void look(Flow& flow) {
    flow.source_window = sources_.look(flow.first_sender.address, second());
    flow.destination_window = destinations_.look(flow.first_receiver.address, second());
    flow.pair = pairs_.look(flow.pair_name, second());
  }

  void begin_next_part(Flow& flow) {
    tell(flow, "active");
    flow.initiator = initiator_of(flow);
    ++flow.part;
    flow.packets.clear();
    flow.part_began_ns = now_ns_;
    look(flow);
  }

  void account(Flow& flow, const Packet& packet) {
    flow.packets.push_back(packet);
    flow.last_seen_ns = now_ns_;
    Flow::Side& side = flow.sides[packet.from];
    if (side.packets == 0) side.first_ns = packet.time_ns;
    side.first_ns = std::min(side.first_ns, packet.time_ns);
    side.packets += 1;
    side.acks += packet.ack ? 1 : 0;
    side.rsts += packet.rst ? 1 : 0;
    side.sent_syn_only = side.sent_syn_only || packet.is_syn_only();
    side.sent_fin = side.sent_fin || packet.fin;
    if (packet.from == flow.first_sender) {
      const auto bytes = static_cast<double>(packet.ip_bytes);
      sources_.add_packet(*flow.source, flow.first_sender.address, bytes, second());
      destinations_.add_packet(*flow.destination, flow.first_receiver.address, bytes, second());
    }
    note_opened(flow, packet);
    note_closing(flow);
  }

  // Once opened it stays so.
  void note_opened(Flow& flow, const Packet& packet) {
    if (flow.opened) return;
    const Endpoint initiator = initiator_of(flow);
    const Flow::Side& forward = flow.sides[initiator];
    if (flow.sides[other_end(flow, initiator)].packets == 0) return;
    if (packet.is_tcp() && forward.acks <= forward.rsts) return;
    if (initiator == other_end(flow, initiator)) return;
    flow.opened = true;
    flow.of_pair->opened = true;
    flow.source->seconds[flow.begun_second].opened += 1;
    flow.destination->seconds[flow.begun_second].opened += 1;
  }

  void note_closing(Flow& flow) const {
    if (!flow.closing.empty()) return;
    const Flow::Side& one = flow.sides[flow.first_sender];
    const Flow::Side& other = flow.sides[flow.first_receiver];
    const bool both_sent_fin =
        flow.first_sender != flow.first_receiver && one.sent_fin && other.sent_fin;
    if (both_sent_fin) flow.closing = "fin";
    if (one.rsts + other.rsts > 0) flow.closing = "rst";
    flow.closing_since_ns = now_ns_;
  }

  void tell(Flow& flow, const std::string& why) {
    const Endpoint initiator = initiator_of(flow);
    const Endpoint responder = other_end(flow, initiator);
    const auto [first, last] =
        std::minmax_element(flow.packets.begin(), flow.packets.end(),
                            [](const Packet& a, const Packet& b) { return a.time_ns < b.time_ns; });
    const unsigned protocol = flow.packets.front().protocol;
    Record record;
    record.identity = {{"source", text_of(initiator.address)},
                       {"destination", text_of(responder.address)},
                       {"source_port", std::to_string(initiator.port)},
                       {"destination_port", std::to_string(responder.port)},
                       {"protocol", std::to_string(protocol)},
                       {"first_ns", std::to_string(first->time_ns)},
                       {"last_ns", std::to_string(last->time_ns)},
                       {"closed", why},
                       {"part", std::to_string(flow.part)}};
    Part part = part_of(flow, initiator);
    part.seconds = static_cast<double>(last->time_ns - first->time_ns) / 1e9;
    record.features["is_tcp"] = {Kind::exact, protocol == 6 ? 1.0 : 0.0};
    record.features["is_udp"] = {Kind::exact, protocol == 17 ? 1.0 : 0.0};
    record.features["is_icmp"] = {Kind::exact, protocol == 1 || protocol == 58 ? 1.0 : 0.0};
    record.features["opened"] = {Kind::exact, flow.opened ? 1.0 : 0.0};
    add_sizes_and_rates(part, record.features);
    add_tcp(part, record.features);
    add_windows(flow.source_window, flow.destination_window, record.features);
    add_pair(flow.pair, record.features);
    flows_.records.push_back(std::move(record));
  }

  std::uint64_t now_ns_ = 0;
  std::map<Key, Flow> open_;
  Role sources_;
  Role destinations_;
  Pairs pairs_;
  Flows flows_;
};

}  // namespace

Flows flows_of(const Capture& capture) { return Reader().read(capture); }

}  // namespace mlguard::plain
