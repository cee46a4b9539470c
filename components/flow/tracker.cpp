#include "flow/tracker.h"

#include <algorithm>
#include <utility>

namespace mlguard::flow {
namespace {

constexpr std::size_t kFin = 0;
constexpr std::size_t kRst = 2;

HostWindowsOptions seeded(const TrackerOptions& options) {
  HostWindowsOptions windows = options.windows;
  windows.seed = options.seed;
  return windows;
}

bool begins_connection(const mlg_packet& packet) {
  return packet.protocol == MLG_PROTOCOL_TCP &&
         (packet.tcp_flags & (MLG_TCP_SYN | MLG_TCP_ACK)) == MLG_TCP_SYN;
}

bool has_ports(std::uint8_t protocol) {
  return protocol != MLG_PROTOCOL_ICMP && protocol != MLG_PROTOCOL_ICMPV6;
}

// Of a flow, by who sent its first packet. An ICMP identifier is no service that is asked for: who
// pings many hosts, each time with another one, tries hosts and not ports.
PairKey pair_of(const mlg_flow_key& key, mlg_flow_direction first_sender) {
  const bool from_low = first_sender == MLG_FROM_LOW;
  PairKey pair;
  pair.source = Address::of(from_low ? key.low_address : key.high_address).bytes;
  pair.destination = Address::of(from_low ? key.high_address : key.low_address).bytes;
  pair.protocol = key.protocol;
  if (has_ports(key.protocol)) pair.port = from_low ? key.high_port : key.low_port;
  return pair;
}

}  // namespace

Tracker::Tracker(const TrackerOptions& options, Sink sink)
    : options_(options),
      sink_(std::move(sink)),
      flows_(options.flows_max, options.seed),
      windows_(seeded(options)) {}

std::size_t Tracker::bytes_max(const TrackerOptions& options) {
  return Table::bytes_max(options.flows_max) + 2 * 2 * options.flows_max * sizeof(Due) +
         HostWindows::bytes_max(options.windows);
}

void Tracker::add(const mlg_packet& packet, std::uint64_t time_ns) {
  advance(time_ns);
  ++packets_;
  mlg_flow_key key;
  const mlg_flow_direction direction = mlg_flow_key_of(&packet, &key);
  const Table::Index at = entry_for(key, direction, begins_connection(packet));
  Flow& flow = flows_[at];
  mlg_flow_account(&flow.counters, &packet, direction, time_ns);
  if (direction == flow.first_sender) {
    windows_.add_packets(flow.handles, 1, packet.ip_bytes, second());
  }
  counted(at, now_ns_);
}

void Tracker::add_counted(const mlg_flow_key& key, const mlg_flow_counters& counters) {
  const mlg_flow_side& low = counters.side[MLG_FROM_LOW];
  const mlg_flow_side& high = counters.side[MLG_FROM_HIGH];
  const bool high_first = low.packets == 0 || (high.packets > 0 && high.first_ns < low.first_ns);
  const mlg_flow_direction direction = high_first ? MLG_FROM_HIGH : MLG_FROM_LOW;
  advance(counters.side[direction].first_ns);
  packets_ += low.packets + high.packets;
  const Table::Index at = entry_for(key, direction, counters.side[direction].syn_only > 0);
  Flow& flow = flows_[at];
  mlg_flow_merge(&flow.counters, &counters);
  const mlg_flow_side& sent = counters.side[flow.first_sender];
  if (sent.packets > 0) windows_.add_packets(flow.handles, sent.packets, sent.bytes, second());
  counted(at, std::max<std::uint64_t>({now_ns_, low.last_ns, high.last_ns}));
}

Tracker::Table::Index Tracker::entry_for(const mlg_flow_key& key, mlg_flow_direction direction,
                                         bool reconnects) {
  const Table::Index at = flows_.find(key);
  if (at == Table::kNone) return begin_flow(key, direction);
  if (flows_[at].closing && reconnects) {
    close(at, flows_[at].closing_reason);
    return begin_flow(key, direction);
  }
  if (now_ns_ - flows_[at].part_began_ns >= options_.active_timeout_ns) begin_next_part(at);
  return at;
}

void Tracker::advance(std::uint64_t time_ns) {
  now_ns_ = std::max(now_ns_, time_ns);
  tell_early();
  while (!closing_.empty() && closing_.front().time_ns <= now_ns_) {
    const Due front = closing_.front();
    closing_.pop_front();
    if (!is_stale(front)) close(front.index, flows_[front.index].closing_reason);
  }
  while (flows_.oldest() != Table::kNone &&
         now_ns_ >= flows_[flows_.oldest()].last_packet_ns + options_.idle_timeout_ns) {
    const Flow& oldest = flows_[flows_.oldest()];
    close(flows_.oldest(), oldest.closing ? oldest.closing_reason : CloseReason::idle);
  }
}

void Tracker::finish() {
  closing_.clear();
  early_.clear();
  while (flows_.oldest() != Table::kNone) {
    const Flow& oldest = flows_[flows_.oldest()];
    close(flows_.oldest(), oldest.closing ? oldest.closing_reason : CloseReason::end);
  }
}

Tracker::Table::Index Tracker::begin_flow(const mlg_flow_key& key, mlg_flow_direction direction) {
  if (flows_.full()) make_room();
  const PairKey pair = pair_of(key, direction);
  Flow flow;
  flow.first_sender = direction;
  flow.begun_second = second();
  flow.part_began_ns = now_ns_;
  flow.windows = windows_.look(pair, second());
  flow.handles = windows_.add_flow(pair, now_ns_, second());
  ++flows_begun_;
  const Table::Index at = flows_.insert(key, flow);
  if (options_.early_after_ns > 0) add_due(early_, at, now_ns_ + options_.early_after_ns);
  return at;
}

// The windows that it is told with are those of now; it is not counted as begun a second time.
void Tracker::begin_next_part(Table::Index at) {
  emit(at, CloseReason::active);
  Flow& flow = flows_[at];
  flow.kept_initiator = initiator_of(flow);
  for (std::size_t i = 0; i < MLG_FLOW_DIRECTIONS; ++i) {
    flow.fin_before[i] = flow.fin_before[i] || flow.counters.side[i].flag_counts[kFin] > 0;
  }
  ++flow.part;
  flow.counters = {};
  flow.part_began_ns = now_ns_;
  flow.windows = windows_.look(pair_of(flows_.key(at), flow.first_sender), second());
}

void Tracker::counted(Table::Index at, std::uint64_t last_ns) {
  Flow& flow = flows_[at];
  flow.last_packet_ns = last_ns;
  flows_.touch(at);
  if (!flow.opened && is_opened(flows_.key(at), flow.counters, initiator_of(flow))) {
    flow.opened = true;
    windows_.open_flow(flow.handles, flow.begun_second, second());
  }
  if (!flow.closing && flows_.key(at).protocol == MLG_PROTOCOL_TCP) begin_closing(at);
}

void Tracker::tell_early() {
  while (!early_.empty() && early_.front().time_ns <= now_ns_) {
    const Due front = early_.front();
    early_.pop_front();
    if (!is_stale(front)) emit(front.index, CloseReason::early);
  }
}

void Tracker::begin_closing(Table::Index at) {
  Flow& flow = flows_[at];
  const mlg_flow_side& low = flow.counters.side[MLG_FROM_LOW];
  const mlg_flow_side& high = flow.counters.side[MLG_FROM_HIGH];
  if (low.flag_counts[kRst] + high.flag_counts[kRst] > 0) {
    flow.closing_reason = CloseReason::rst;
  } else if ((flow.fin_before[MLG_FROM_LOW] || low.flag_counts[kFin] > 0) &&
             (flow.fin_before[MLG_FROM_HIGH] || high.flag_counts[kFin] > 0)) {
    flow.closing_reason = CloseReason::fin;
  } else {
    return;
  }
  flow.closing = true;
  add_due(closing_, at, now_ns_ + kClosingLingerNs);
}

void Tracker::make_room() {
  while (!closing_.empty()) {
    const Due front = closing_.front();
    closing_.pop_front();
    if (is_stale(front)) continue;
    close(front.index, flows_[front.index].closing_reason);
    return;
  }
  close(flows_.oldest(), CloseReason::evicted);
}

// The flow was closed before its time, by a SYN or to make room.
bool Tracker::is_stale(const Due& due) const {
  return flows_.generation(due.index) != due.generation;
}

void Tracker::add_due(std::deque<Due>& queue, Table::Index at, std::uint64_t time_ns) {
  // Connections that reuse their ports at once leave stale names behind.
  if (queue.size() >= 2 * options_.flows_max) {
    std::erase_if(queue, [this](const Due& due) { return is_stale(due); });
  }
  queue.push_back({at, flows_.generation(at), time_ns});
}

mlg_flow_direction Tracker::initiator_of(const Flow& flow) const {
  return flow.part > 0 ? flow.kept_initiator : mlg_flow_initiator(&flow.counters);
}

void Tracker::emit(Table::Index at, CloseReason reason) {
  const Flow& flow = flows_[at];
  FlowRecord record;
  record.key = flows_.key(at);
  record.counters = flow.counters;
  record.initiator = initiator_of(flow);
  record.reason = reason;
  record.part = flow.part;
  record.opened = flow.opened;
  record.windows = flow.windows;
  ++records_[static_cast<std::size_t>(reason)];
  sink_(record);
}

void Tracker::close(Table::Index at, CloseReason reason) {
  emit(at, reason);
  flows_.erase(at);
}

}  // namespace mlguard::flow
