#include "flow/flow_record.h"

#include <algorithm>

namespace mlguard::flow {

const char* to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::fin: return "fin";
    case CloseReason::rst: return "rst";
    case CloseReason::idle: return "idle";
    case CloseReason::active: return "active";
    case CloseReason::evicted: return "evicted";
    case CloseReason::end: return "end";
    case CloseReason::early: return "early";
  }
  return "end";
}

std::uint64_t FlowRecord::first_ns() const {
  if (reverse().packets == 0) return forward().first_ns;
  if (forward().packets == 0) return reverse().first_ns;
  return std::min(forward().first_ns, reverse().first_ns);
}

std::uint64_t FlowRecord::last_ns() const { return std::max(forward().last_ns, reverse().last_ns); }

void shift_times(mlg_flow_counters& counters, std::uint64_t offset_ns) {
  for (mlg_flow_side& side : counters.side) {
    if (side.packets == 0) continue;
    side.first_ns += offset_ns;
    side.last_ns += offset_ns;
  }
}

bool is_opened(const mlg_flow_key& key, const mlg_flow_counters& counters,
               mlg_flow_direction initiator) {
  constexpr std::size_t kRst = 2;
  constexpr std::size_t kAck = 4;
  const mlg_flow_side& forward = counters.side[initiator];
  if (counters.side[1 - initiator].packets == 0) return false;
  if (key.protocol != MLG_PROTOCOL_TCP) return true;
  return forward.flag_counts[kAck] > forward.flag_counts[kRst];
}

}  // namespace mlguard::flow
