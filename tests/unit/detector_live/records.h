// Flow records made by hand for the tests of the detector's online half: half-open flows,
// conversations, and windows as a test wants them. Header only.
#pragma once

#include <cstdint>
#include <string>

#include "flow/tracker.h"
#include "tests/unit/flow/packets.h"

namespace mlguard::ml_detector {

inline flow::FlowRecord one_record(flow::Recorder& recorder) {
  recorder.tracker.finish();
  return recorder.records.front();
}

// A SYN that nobody answers.
inline flow::FlowRecord syn_record(const flow::Ends& ends, std::uint64_t at_ns = 0) {
  flow::Recorder recorder;
  recorder.add(flow::tcp(ends, MLG_TCP_SYN), at_ns);
  return one_record(recorder);
}

// Handshake, a line each way, end. `answer_bytes` 0: the responder never sends data.
inline flow::FlowRecord conversation(const flow::Ends& ends, std::uint64_t at_ns = 0,
                                     std::uint32_t answer_bytes = 200) {
  flow::Recorder recorder;
  recorder.add(flow::tcp(ends, MLG_TCP_SYN), at_ns);
  recorder.add(flow::tcp(ends.back(), MLG_TCP_SYN | MLG_TCP_ACK), at_ns + flow::kMs);
  recorder.add(flow::tcp(ends, MLG_TCP_ACK), at_ns + 2 * flow::kMs);
  recorder.add(flow::tcp(ends, MLG_TCP_ACK | MLG_TCP_PSH, 60), at_ns + 3 * flow::kMs);
  recorder.add(flow::tcp(ends.back(), MLG_TCP_ACK | MLG_TCP_PSH, answer_bytes),
               at_ns + 4 * flow::kMs);
  return one_record(recorder);
}

inline flow::HostWindow window_of(double flows, double ports, double hosts, double half_open) {
  flow::HostWindow window;
  window.flows = flows;
  window.ports = ports;
  window.hosts = hosts;
  window.half_open_ratio = half_open;
  return window;
}

}  // namespace mlguard::ml_detector
