#include "plain_hosts.h"

#include <cmath>
#include <limits>

namespace mlguard::plain {
namespace {

constexpr std::uint32_t kWindowSeconds = 10;
constexpr double kExactUpTo = 64;
constexpr std::uint32_t kFirstMinute = 60;
constexpr double kNormalSeconds = 300;
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

std::uint32_t window_start(std::uint32_t second) {
  return second >= kWindowSeconds ? second - kWindowSeconds + 1 : 0;
}

double weight(double age) { return std::exp(-age / kNormalSeconds); }

// The mean a second since the host was first seen, older seconds weighing less.
double normal(const std::map<std::uint32_t, Second>& seconds, double Second::*what,
              std::uint32_t second) {
  constexpr double kNothing = 1e-18;
  constexpr double kMostASecond = 1e9;
  double sum = 0;
  for (auto at = seconds.rbegin(); at != seconds.rend(); ++at) {
    const double weight_then = weight(second - at->first);
    sum += at->second.*what * weight_then;
    if (kMostASecond * weight_then < kNothing * sum) break;
  }
  double weights = 0;
  for (std::uint32_t age = 0; age <= second - seconds.begin()->first; ++age) {
    const double term = weight(age);
    weights += term;
    if (term < kNothing * weights) break;
  }
  return sum / weights;
}

double over(double rate, double normal_rate) {
  return normal_rate > 0 ? rate / normal_rate : kUndefined;
}

}  // namespace

void DistinctValues::add(const std::string& value, std::uint32_t second) {
  if (second - last_second_ >= kWindowSeconds) may_be_estimated_ = false;
  last_second_ = second;
  const auto known = last_seen_.find(value);
  if (known != last_seen_.end()) --values_[known->second];
  last_seen_[value] = second;
  ++values_[second];
  if (look(second).count > kExactUpTo) may_be_estimated_ = true;
}

Distinct DistinctValues::look(std::uint32_t second) const {
  Distinct distinct;
  for (auto at = values_.lower_bound(window_start(second)); at != values_.end(); ++at) {
    distinct.count += static_cast<double>(at->second);
  }
  distinct.may_be_estimated = may_be_estimated_;
  return distinct;
}

Window Host::look(std::uint32_t second) const {
  Second sum;
  for (auto at = seconds.lower_bound(window_start(second)); at != seconds.end(); ++at) {
    sum.flows += at->second.flows;
    sum.opened += at->second.opened;
    sum.packets += at->second.packets;
    sum.bytes += at->second.bytes;
  }
  Window window;
  window.flows = sum.flows;
  window.ports = ports.look(second);
  window.hosts = hosts.look(second);
  window.half_open_share = sum.flows > 0 ? (sum.flows - sum.opened) / sum.flows : kUndefined;
  window.packets_per_s = sum.packets / kWindowSeconds;
  window.bytes_per_s = sum.bytes / kWindowSeconds;
  window.flows_vs_normal = kUndefined;
  window.packets_vs_normal = kUndefined;
  if (second - seconds.begin()->first < kFirstMinute) return window;
  window.flows_vs_normal =
      over(sum.flows / kWindowSeconds, normal(seconds, &Second::flows, second));
  window.packets_vs_normal = over(window.packets_per_s, normal(seconds, &Second::packets, second));
  return window;
}

Window Role::look(const Address& address, std::uint32_t second) const {
  const auto host = hosts_.find(address);
  if (host != hosts_.end()) return host->second->look(second);
  Window nothing;
  nothing.half_open_share = kUndefined;
  nothing.flows_vs_normal = kUndefined;
  nothing.packets_vs_normal = kUndefined;
  return nothing;
}

std::shared_ptr<Host> Role::begin_flow(const Address& address, const Address& peer, unsigned port,
                                       std::uint32_t second) {
  if (hosts_.count(address) == 0) {
    if (hosts_.size() == kHostsMax) {
      const Address oldest = turns_.begin()->second;
      turns_.erase(turns_.begin());
      hosts_[oldest]->made_room = true;
      hosts_.erase(oldest);
    }
    hosts_[address] = std::make_shared<Host>();
  }
  const std::shared_ptr<Host> host = hosts_[address];
  note_traffic(*host, address);
  host->seconds[second].flows += 1;
  host->ports.add(std::to_string(port), second);
  host->hosts.add(std::string(peer.begin(), peer.end()), second);
  return host;
}

void Role::add_packet(Host& host, const Address& address, double bytes, std::uint32_t second) {
  if (host.made_room) return;
  note_traffic(host, address);
  host.seconds[second].packets += 1;
  host.seconds[second].bytes += bytes;
}

void Role::note_traffic(Host& host, const Address& address) {
  turns_.erase(host.turn);
  host.turn = next_turn_++;
  turns_[host.turn] = address;
}

}  // namespace mlguard::plain
