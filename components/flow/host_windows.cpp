#include "flow/host_windows.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace mlguard::flow {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double ratio(double part, double whole) { return whole > 0 ? part / whole : kUndefined; }

}  // namespace

Address Address::of(const std::uint8_t* bytes) {
  Address address;
  std::memcpy(address.bytes.data(), bytes, address.bytes.size());
  return address;
}

std::size_t HostTable::bytes_max(std::size_t hosts_max) {
  return Table::bytes_max(hosts_max) + hosts_max * 2 * DistinctCounter::exact_bytes_max();
}

double HostTable::weight(std::uint32_t seconds) {
  return std::exp(-static_cast<double>(seconds) / kNormalSeconds);
}

HostWindow HostTable::look(const Address& host, std::uint32_t second) {
  const Table::Index at = table_.find(host);
  if (at != Table::kNone) return window_of(table_[at], second);
  HostWindow nothing;
  nothing.half_open_ratio = kUndefined;
  nothing.flows_vs_normal = kUndefined;
  nothing.packets_vs_normal = kUndefined;
  return nothing;
}

HostWindow HostTable::window_of(Host& host, std::uint32_t second) {
  Bucket sum;
  for (const Bucket& bucket : host.buckets) {
    if (!in_window(bucket.second, second)) continue;
    sum.flows += bucket.flows;
    sum.opened += bucket.opened;
    sum.packets += bucket.packets;
    sum.bytes += bucket.bytes;
  }
  HostWindow window;
  window.flows = sum.flows;
  window.ports = host.ports.count(second);
  window.hosts = host.hosts.count(second);
  window.half_open_ratio = ratio(sum.flows - sum.opened, sum.flows);
  window.packets_per_s = static_cast<double>(sum.packets) / kWindowSeconds;
  window.bytes_per_s = static_cast<double>(sum.bytes) / kWindowSeconds;
  window.flows_vs_normal = kUndefined;
  window.packets_vs_normal = kUndefined;
  const std::uint32_t age_seconds = second - host.first_second;
  if (age_seconds < kNormalSecondsMin) return window;
  // The sum of the weights of all seconds from the first to this one.
  const double weights = (1 - weight(age_seconds + 1)) / (1 - weight(1));
  const double since = weight(second - host.last_second);
  window.flows_vs_normal =
      ratio(window.flows / kWindowSeconds, host.flows_weighted * since / weights);
  window.packets_vs_normal = ratio(window.packets_per_s, host.packets_weighted * since / weights);
  return window;
}

HostTable::Bucket& HostTable::bucket(Table::Index at, std::uint32_t second) {
  Host& host = table_[at];
  if (host.last_second != second) {
    const double since = weight(second - host.last_second);
    host.flows_weighted *= since;
    host.packets_weighted *= since;
    host.last_second = second;
  }
  table_.touch(at);
  Bucket& bucket = host.buckets[second % kWindowSeconds];
  if (bucket.second != second) bucket = Bucket{second, 0, 0, 0, 0};
  return bucket;
}

HostTable::Handle HostTable::add_flow(const Address& host, const Address& peer, std::uint16_t port,
                                      std::uint32_t second, SketchBudget& budget) {
  Table::Index at = table_.find(host);
  if (at == Table::kNone) {
    if (table_.full()) {
      table_.erase(table_.oldest());
      ++evicted_;
    }
    Host fresh;
    fresh.first_second = second;
    fresh.last_second = second;
    at = table_.insert(host, std::move(fresh));
  }
  ++bucket(at, second).flows;
  Host& entry = table_[at];
  entry.flows_weighted += 1;
  const std::uint64_t port_word = port;
  entry.ports.add(hash_bytes(&port_word, sizeof port_word, seed_), second, budget);
  entry.hosts.add(hash_bytes(&peer, sizeof peer, seed_), second, budget);
  return {at, table_.generation(at)};
}

void HostTable::add_packets(Handle handle, std::uint64_t packets, std::uint64_t bytes,
                            std::uint32_t second) {
  if (handle.index == Table::kNone || table_.generation(handle.index) != handle.generation) return;
  Bucket& now = bucket(handle.index, second);
  now.packets += packets;
  now.bytes += bytes;
  table_[handle.index].packets_weighted += static_cast<double>(packets);
}

void HostTable::open_flow(Handle handle, std::uint32_t begun_second) {
  if (handle.index == Table::kNone || table_.generation(handle.index) != handle.generation) return;
  Bucket& begun = table_[handle.index].buckets[begun_second % kWindowSeconds];
  if (begun.second == begun_second) ++begun.opened;
}

std::size_t HostWindows::bytes_max(const HostWindowsOptions& options) {
  return 2 * HostTable::bytes_max(options.hosts_max) +
         options.sketches_max * sizeof(SlidingSketch) + PairWindows::bytes_max(options.pairs_max);
}

FlowWindows HostWindows::look(const PairKey& pair, std::uint32_t second) {
  return {sources_.look({pair.source}, second), destinations_.look({pair.destination}, second),
          pairs_.look(pair, second)};
}

HostWindows::Handles HostWindows::add_flow(const PairKey& pair, std::uint64_t now_ns,
                                           std::uint32_t second) {
  const Address source = {pair.source};
  const Address destination = {pair.destination};
  return {sources_.add_flow(source, destination, pair.port, second, budget_),
          destinations_.add_flow(destination, source, pair.port, second, budget_),
          pairs_.add_flow(pair, now_ns, second)};
}

void HostWindows::add_packets(const Handles& handles, std::uint64_t packets, std::uint64_t bytes,
                              std::uint32_t second) {
  sources_.add_packets(handles.source, packets, bytes, second);
  destinations_.add_packets(handles.destination, packets, bytes, second);
}

void HostWindows::open_flow(const Handles& handles, std::uint32_t begun_second,
                            std::uint32_t second) {
  sources_.open_flow(handles.source, begun_second);
  destinations_.open_flow(handles.destination, begun_second);
  pairs_.open_flow(handles.pair, begun_second, second);
}

}  // namespace mlguard::flow
