// LiveCounters: what became of every packet that the kernel programs saw, and of every flow, as a
// heartbeat tells it. One thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "flow/tracker.h"
#include "pipeline/flow_sender.h"
#include "sniffer/talkers.h"
#include "xdp/data_plane.h"

namespace mlguard::sniffer {

class LiveCounters {
 public:
  // `kernel`: read before the round was.
  void add_round(const xdp::Counters& kernel, const xdp::FlowRound& round);
  // At the end, when nothing more is counted.
  void set_kernel(const xdp::Counters& kernel);
  // The kernel programs count from zero again; what they counted stays in the sums.
  void programs_ended() { earlier_ = kernel_; }
  // A tracker that is not used any more; what it counted stays in the sums.
  void tracker_ended(const flow::Tracker& tracker);

  // Packets that the kernel counted in flows, but whose flow made room in its table before a round
  // could read it. At least so many.
  std::uint64_t packets_lost() const { return packets_lost_; }
  std::uint64_t packets_read() const { return packets_read_; }

  // `source`: what PacketSource::json() says. `tracker` may be null.
  std::string json(const std::string& source, const flow::Tracker* tracker,
                   const pipeline::FlowSenderCounters& sent, const Talkers& talkers) const;

 private:
  xdp::Counters kernel_ = {};   // with earlier_
  xdp::Counters earlier_ = {};  // of programs that are not used any more
  std::uint64_t packets_read_ = 0;
  std::uint64_t packets_lost_ = 0;
  std::uint64_t flows_begun_ = 0;
  std::uint64_t flows_evicted_ = 0;
};

}  // namespace mlguard::sniffer
