#include "ml_detector/known_servers.h"

#include <algorithm>

#include "flow/tracker.h"
#include "ml_detector/verdict.h"

namespace mlguard::ml_detector {

void KnownServers::look(const flow::FlowRecord& record) {
  const bool is_udp = record.key.protocol == MLG_PROTOCOL_UDP;
  const bool answered =
      is_udp ? record.opened && record.reverse().payload_packets > 0 : is_proven(record);
  if (answered) {
    add(flow::Address::of(record.destination()), record.last_ns() / flow::kNsPerSecond);
  }
}

void KnownServers::add(const flow::Address& address, std::uint64_t at_s) {
  auto at = servers_.find(address);
  if (at == servers_.kNone) {
    if (servers_.full()) servers_.erase(servers_.oldest());
    at = servers_.insert(address, at_s);
  }
  servers_.touch(at);
  servers_[at] = std::max(servers_[at], at_s);
}

bool KnownServers::contains(const flow::Address& address, std::uint64_t at_s) const {
  const auto at = servers_.find(address);
  return at != servers_.kNone && at_s <= servers_[at] + kKnownServerSeconds;
}

std::vector<KnownServers::Entry> KnownServers::entries() const {
  std::vector<Entry> entries;
  entries.reserve(servers_.size());
  for (auto at = servers_.oldest(); at != servers_.kNone; at = servers_.newer_than(at)) {
    entries.push_back({servers_.key(at), servers_[at]});
  }
  return entries;
}

void KnownServers::restore(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) add(entry.address, entry.last_s);
}

}  // namespace mlguard::ml_detector
