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

}  // namespace

Tracker::Tracker(const TrackerOptions& options, Sink sink)
    : options_(options),
      sink_(std::move(sink)),
      flows_(options.flows_max, options.seed),
      windows_(seeded(options)) {}

std::size_t Tracker::bytes_max(const TrackerOptions& options) {
  return Table::bytes_max(options.flows_max) + 2 * options.flows_max * sizeof(Closing) +
         HostWindows::bytes_max(options.windows);
}

void Tracker::add(const mlg_packet& packet, std::uint64_t time_ns) {
  advance(time_ns);
  ++packets_;
  mlg_flow_key key;
  const mlg_flow_direction direction = mlg_flow_key_of(&packet, &key);
  Table::Index at = flows_.find(key);
  if (at != Table::kNone && flows_[at].closing && begins_connection(packet)) {
    close(at, flows_[at].closing_reason);
    at = Table::kNone;
  }
  if (at == Table::kNone) {
    at = begin_flow(key, packet, direction);
  } else if (now_ns_ - flows_[at].part_began_ns >= options_.active_timeout_ns) {
    begin_next_part(at, packet, direction);
  }
  account(at, packet, direction, time_ns);
}

void Tracker::advance(std::uint64_t time_ns) {
  now_ns_ = std::max(now_ns_, time_ns);
  while (!closing_.empty() && closing_.front().deadline_ns <= now_ns_) {
    const Closing front = closing_.front();
    closing_.pop_front();
    if (!is_stale(front)) close(front.index, flows_[front.index].closing_reason);
  }
  while (flows_.oldest() != Table::kNone &&
         now_ns_ - flows_[flows_.oldest()].last_packet_ns >= options_.idle_timeout_ns) {
    const Flow& oldest = flows_[flows_.oldest()];
    close(flows_.oldest(), oldest.closing ? oldest.closing_reason : CloseReason::idle);
  }
}

void Tracker::finish() {
  closing_.clear();
  while (flows_.oldest() != Table::kNone) {
    const Flow& oldest = flows_[flows_.oldest()];
    close(flows_.oldest(), oldest.closing ? oldest.closing_reason : CloseReason::end);
  }
}

Tracker::Table::Index Tracker::begin_flow(const mlg_flow_key& key, const mlg_packet& packet,
                                          mlg_flow_direction direction) {
  if (flows_.full()) make_room();
  const Address source = Address::of(packet.source);
  const Address destination = Address::of(packet.destination);
  Flow flow;
  flow.first_sender = direction;
  flow.begun_second = second();
  flow.part_began_ns = now_ns_;
  flow.windows = windows_.look(source, destination, second());
  flow.handles = windows_.add_flow(source, destination, packet.destination_port, second());
  ++flows_begun_;
  return flows_.insert(key, flow);
}

// The windows that it is told with are those of now; it is not counted as begun a second time.
void Tracker::begin_next_part(Table::Index at, const mlg_packet& packet,
                              mlg_flow_direction direction) {
  emit(at, CloseReason::active);
  Flow& flow = flows_[at];
  flow.kept_initiator = initiator_of(flow);
  ++flow.part;
  flow.counters = {};
  flow.part_began_ns = now_ns_;
  const bool same_way = direction == flow.first_sender;
  flow.windows =
      windows_.look(Address::of(same_way ? packet.source : packet.destination),
                    Address::of(same_way ? packet.destination : packet.source), second());
}

void Tracker::account(Table::Index at, const mlg_packet& packet, mlg_flow_direction direction,
                      std::uint64_t time_ns) {
  Flow& flow = flows_[at];
  mlg_flow_account(&flow.counters, &packet, direction, time_ns);
  flow.last_packet_ns = now_ns_;
  flows_.touch(at);
  if (direction == flow.first_sender) windows_.add_packet(flow.handles, packet.ip_bytes, second());
  if (!flow.opened && is_opened(flows_.key(at), flow.counters, initiator_of(flow))) {
    flow.opened = true;
    windows_.open_flow(flow.handles, flow.begun_second);
  }
  if (!flow.closing && packet.protocol == MLG_PROTOCOL_TCP) begin_closing(at);
}

void Tracker::begin_closing(Table::Index at) {
  Flow& flow = flows_[at];
  const mlg_flow_side& low = flow.counters.side[MLG_FROM_LOW];
  const mlg_flow_side& high = flow.counters.side[MLG_FROM_HIGH];
  if (low.flag_counts[kRst] + high.flag_counts[kRst] > 0) {
    flow.closing_reason = CloseReason::rst;
  } else if (low.flag_counts[kFin] > 0 && high.flag_counts[kFin] > 0) {
    flow.closing_reason = CloseReason::fin;
  } else {
    return;
  }
  flow.closing = true;
  // Connections that reuse their ports at once leave stale names behind.
  if (closing_.size() >= 2 * options_.flows_max) {
    std::erase_if(closing_, [this](const Closing& closing) { return is_stale(closing); });
  }
  closing_.push_back({at, flows_.generation(at), now_ns_ + kClosingLingerNs});
}

void Tracker::make_room() {
  while (!closing_.empty()) {
    const Closing front = closing_.front();
    closing_.pop_front();
    if (is_stale(front)) continue;
    close(front.index, flows_[front.index].closing_reason);
    return;
  }
  close(flows_.oldest(), CloseReason::evicted);
}

// The flow was closed before its time, by a SYN or to make room.
bool Tracker::is_stale(const Closing& closing) const {
  return flows_.generation(closing.index) != closing.generation;
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
