// RoundFeeder: hands the rounds of the kernel programs to the tracker in the order in which things
// happened, so that a live wire gives the records that its capture gives.
//
// Events (packets that begin or end connections) are exact. What was added up of a flow within one
// round takes its place by its first packet. What happened after the round's cutoff waits for the
// next one, since the other half of it may not have been read yet. One thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "flow/tracker.h"
#include "xdp/flow_round.h"

namespace mlguard::sniffer {

class RoundFeeder {
 public:
  // The tracker's time is the rounds' (CLOCK_MONOTONIC) and `offset_ns` (modulo 2^64). The tracker
  // must outlive the feeder.
  explicit RoundFeeder(flow::Tracker& tracker, std::uint64_t offset_ns = 0)
      : tracker_(tracker), offset_ns_(offset_ns) {}

  void feed(const xdp::FlowRound& round);
  // What still waits: before the tracker is finished.
  void flush();

  // Packets that wait for the next round.
  std::uint64_t packets_waiting() const;

 private:
  struct Item {
    std::uint64_t time_ns = 0;
    bool is_event = false;
    std::size_t index = 0;
  };

  void feed_until(std::uint64_t cutoff_ns);

  flow::Tracker& tracker_;
  const std::uint64_t offset_ns_;
  std::vector<mlg_event> events_;
  std::vector<xdp::FlowDelta> flows_;
};

}  // namespace mlguard::sniffer
