// FlowRound: what the kernel programs counted between two readings. Plain data.
#pragma once

#include <cstdint>
#include <vector>

#include "bpf/data_plane.h"

namespace mlguard::xdp {

// What one CPU added up of a flow. Several of a round may be of the same one: of other CPUs, and of
// before its events.
struct FlowDelta {
  mlg_flow_key key = {};
  mlg_flow_counters counters = {};
};

struct FlowRound {
  // CLOCK_MONOTONIC. Whatever happened before it is in this round or in an earlier one.
  std::uint64_t cutoff_ns = 0;
  std::vector<mlg_event> events;  // in the order in which they were told
  std::vector<FlowDelta> flows;   // in no order
};

}  // namespace mlguard::xdp
