#include "sniffer/round_feeder.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mlguard::sniffer {
namespace {

std::uint64_t first_ns(const mlg_flow_counters& counters) {
  const mlg_flow_side& low = counters.side[MLG_FROM_LOW];
  const mlg_flow_side& high = counters.side[MLG_FROM_HIGH];
  if (low.packets == 0) return high.first_ns;
  if (high.packets == 0) return low.first_ns;
  return std::min(low.first_ns, high.first_ns);
}

std::uint64_t packets_of(const mlg_flow_counters& counters) {
  return counters.side[MLG_FROM_LOW].packets + counters.side[MLG_FROM_HIGH].packets;
}

}  // namespace

void RoundFeeder::feed(const xdp::FlowRound& round) {
  events_.insert(events_.end(), round.events.begin(), round.events.end());
  for (const xdp::FlowDelta& flow : round.flows) {
    // A program may have made the entry and been late to count in it; the next round has it.
    if (packets_of(flow.counters) > 0) flows_.push_back(flow);
  }
  feed_until(round.cutoff_ns);
  tracker_.advance(round.cutoff_ns + offset_ns_);
}

void RoundFeeder::flush() { feed_until(std::numeric_limits<std::uint64_t>::max()); }

std::uint64_t RoundFeeder::packets_waiting() const {
  std::uint64_t packets = events_.size();
  for (const xdp::FlowDelta& flow : flows_) packets += packets_of(flow.counters);
  return packets;
}

void RoundFeeder::feed_until(std::uint64_t cutoff_ns) {
  std::vector<Item> due;
  due.reserve(events_.size() + flows_.size());
  for (std::size_t i = 0; i < events_.size(); ++i) due.push_back({events_[i].time_ns, true, i});
  for (std::size_t i = 0; i < flows_.size(); ++i) {
    due.push_back({first_ns(flows_[i].counters), false, i});
  }
  const auto waiting = std::partition(due.begin(), due.end(),
                                      [&](const Item& item) { return item.time_ns <= cutoff_ns; });
  std::stable_sort(due.begin(), waiting,
                   [](const Item& a, const Item& b) { return a.time_ns < b.time_ns; });
  for (auto item = due.begin(); item != waiting; ++item) {
    if (item->is_event) {
      tracker_.add(events_[item->index].packet, item->time_ns + offset_ns_);
    } else {
      mlg_flow_counters counters = flows_[item->index].counters;
      flow::shift_times(counters, offset_ns_);
      tracker_.add_counted(flows_[item->index].key, counters);
    }
  }
  std::vector<mlg_event> events_left;
  std::vector<xdp::FlowDelta> flows_left;
  for (auto item = waiting; item != due.end(); ++item) {
    if (item->is_event) {
      events_left.push_back(events_[item->index]);
    } else {
      flows_left.push_back(flows_[item->index]);
    }
  }
  events_ = std::move(events_left);
  flows_ = std::move(flows_left);
}

}  // namespace mlguard::sniffer
