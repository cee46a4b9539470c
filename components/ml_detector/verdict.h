// Verdict: what a fast rule or the model says of one flow, before the policy decides what becomes
// of it. Plain data; copies freely.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "flow/host_windows.h"

namespace mlguard::ml_detector {

// What a rule compared: a measured value, and the limit that it reached.
struct Reason {
  const char* what = "";  // "ports", "half_open"
  double value = 0;
  double limit = 0;
};
inline constexpr std::size_t kReasonsMax = 3;

// Whether somebody else could have sent the packets that the verdict rests on.
enum class Evidence {
  // Anybody who can write a source address into a packet: half-open flows, UDP, ICMP.
  forgeable,
  // Whoever sent them also received what came back: see is_proven().
  proven,
};

// Whom a rule would block.
enum class Suspect {
  source,
  destination,  // the server that commands the source: blocking it cuts the source off
};

struct Verdict {
  // Of the class, as detections call it: "portscan", "bruteforce", "ddos", or one of the model's.
  std::string kind;
  std::string by;  // "syn_flood", …, or the model's name
  bool by_model = false;
  // Without a source the verdict is about the destination only: a flood from many addresses.
  bool has_source = true;
  flow::Address source;
  flow::Address destination;
  std::uint16_t destination_port = 0;
  Suspect suspect = Suspect::source;
  double score = 0;         // 0 … 1; for a rule 0.7 at its limit, 0.9 at three times that
  double model_score = -1;  // of the same flow, when a model looked: Judgement::score
  Evidence evidence = Evidence::forgeable;
  std::uint64_t at_ns = 0;  // event time
  std::array<Reason, kReasonsMax> reasons{};
  std::size_t reason_count = 0;

  const flow::Address& suspected() const {
    return suspect == Suspect::source ? source : destination;
  }
};

// TCP, and the responder sent data after the initiator's handshake. Data comes only once the
// initiator has answered the responder's sequence number, which it must have received: a completed
// handshake as `opened` counts it can be forged by sending ACKs blindly, this cannot.
bool is_proven(const flow::FlowRecord& record);

}  // namespace mlguard::ml_detector
