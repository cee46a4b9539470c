// FlowRecord: what is known of a flow once it is closed (or cut at its active timeout): the input
// of the feature vector. Plain data; times are nanoseconds since 1970 as the capture gives them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bpf/flow_account.h"

namespace mlguard::flow {

enum class CloseReason {
  fin,      // both sides sent FIN
  rst,      // one side sent RST
  idle,     // no packet for the idle timeout
  active,   // it goes on: cut at the active timeout, and followed as the next part
  evicted,  // it had to make room: the table was full
  end,      // the capture ended, or the sniffer stopped
  early,    // it goes on: told before its end, and told again whole (tracker.h)
};
inline constexpr std::size_t kCloseReasons = 7;
const char* to_string(CloseReason reason);

// Of one host in one role, over the current second of event time and the nine before it; NaN where
// there is nothing to divide by. Flows count for the sender of their first packet (as a source) and
// for its receiver (as a destination).
struct HostWindow {
  double flows = 0;            // begun in the window
  double ports = 0;            // distinct destination ports of these flows
  double hosts = 0;            // distinct hosts at the other end of these flows
  double half_open_ratio = 0;  // share of these flows that was not opened (see is_opened)
  double packets_per_s = 0;    // sent by the source, of flows of any age
  double bytes_per_s = 0;      // of the same packets, by their IP length
  double flows_vs_normal = 0;  // flows over what is normal for this host; NaN in its first minute
  double packets_vs_normal = 0;
};

// Of the flows from one host to one service of another (pair_windows.h), before this one. `flows`
// is of the same ten seconds; the rest is weighted by exp(-age / 300 s).
struct PairWindow {
  double flows = 0;
  double flows_lately = 0;     // sum of the weights
  double half_open_ratio = 0;  // share of these that was not opened
  double gap_mean_s = 0;       // time between the beginnings of these flows
  double gap_variation = 0;    // its standard deviation over its mean
};

// As things stood when the flow began, itself not counted.
struct FlowWindows {
  HostWindow source;
  HostWindow destination;
  PairWindow pair;
};

struct FlowRecord {
  mlg_flow_key key = {};
  mlg_flow_counters counters = {};
  mlg_flow_direction initiator = MLG_FROM_LOW;
  CloseReason reason = CloseReason::end;
  // 0, then 1, 2 ... for what follows after an active timeout. The initiator stays.
  std::uint32_t part = 0;
  bool opened = false;
  FlowWindows windows;

  // What the initiator sent, and what it got back.
  const mlg_flow_side& forward() const { return counters.side[initiator]; }
  const mlg_flow_side& reverse() const { return counters.side[1 - initiator]; }
  const std::uint8_t* source() const { return from_low() ? key.low_address : key.high_address; }
  const std::uint8_t* destination() const {
    return from_low() ? key.high_address : key.low_address;
  }
  std::uint16_t source_port() const { return from_low() ? key.low_port : key.high_port; }
  std::uint16_t destination_port() const { return from_low() ? key.high_port : key.low_port; }
  std::uint64_t first_ns() const;
  std::uint64_t last_ns() const;

 private:
  bool from_low() const { return initiator == MLG_FROM_LOW; }
};

// Moves all times by `offset_ns` (modulo 2^64: a clock that is behind is one that is far ahead).
void shift_times(mlg_flow_counters& counters, std::uint64_t offset_ns);

// Both ends took part: the responder sent something and, in TCP, the initiator more packets with
// ACK than with RST. What is not opened is half-open: a SYN without an answer, a scan, a flood.
bool is_opened(const mlg_flow_key& key, const mlg_flow_counters& counters,
               mlg_flow_direction initiator);

}  // namespace mlguard::flow
