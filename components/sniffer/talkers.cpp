#include "sniffer/talkers.h"

#include <algorithm>

namespace mlguard::sniffer {

void Talkers::add(const xdp::FlowRound& round) {
  for (const mlg_event& event : round.events) {
    mlg_flow_key key;
    mlg_flow_key_of(&event.packet, &key);
    count(key, 1, event.packet.ip_bytes);
  }
  for (const xdp::FlowDelta& flow : round.flows) {
    const mlg_flow_side* sides = flow.counters.side;
    count(flow.key, sides[0].packets + sides[1].packets, sides[0].bytes + sides[1].bytes);
  }
  if (began_ns_ == 0) began_ns_ = round.cutoff_ns;
  if (round.cutoff_ns - began_ns_ >= kTalkersWindowNs) end_window(round.cutoff_ns);
}

void Talkers::count(const mlg_flow_key& key, std::uint64_t packets, std::uint64_t bytes) {
  const std::string name(reinterpret_cast<const char*>(&key), sizeof key);
  auto found = now_.find(name);
  if (found == now_.end()) {
    if (now_.size() == kTalkersMax) return;
    found = now_.emplace(name, Talker{key, 0, 0}).first;
  }
  found->second.packets += packets;
  found->second.bytes += bytes;
}

void Talkers::end_window(std::uint64_t now_ns) {
  constexpr double kSecondsPerNs = 1e-9;
  top_.clear();
  for (const auto& [name, talker] : now_) top_.push_back(talker);
  const std::size_t told = std::min(top_.size(), kTalkersTold);
  std::partial_sort(top_.begin(), top_.begin() + static_cast<std::ptrdiff_t>(told), top_.end(),
                    [](const Talker& a, const Talker& b) { return a.bytes > b.bytes; });
  top_.resize(told);
  window_s_ = static_cast<double>(now_ns - began_ns_) * kSecondsPerNs;
  now_.clear();
  began_ns_ = now_ns;
}

}  // namespace mlguard::sniffer
