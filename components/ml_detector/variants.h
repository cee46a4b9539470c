// Variants of captures, for training: the same attacks faster and slower, and several benign
// captures at once as the traffic of one busy client. Counts over a window say how busy a host is;
// a model that has only seen one tool at its default pace, and clients that were recorded doing one
// thing at a time, takes that pace for the attack and busy clients for attackers.
//
// Stateless; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/packet.h"

namespace mlguard::ml_detector {

struct TimedPacket {
  std::uint64_t time_ns = 0;
  mlg_packet packet = {};
};
using Packets = std::vector<TimedPacket>;

// Those that can be parsed. Errors: those of capture::CaptureReader; corrupt when it is damaged.
base::Result<Packets> read_packets(const std::string& path);

// Times from the earliest packet on, times `factor`.
Packets stretched(Packets packets, double factor);

// All of them in one, by time: each begins `apart_ns` after the one before it, with the client of
// each (the private address with most packets, else any) renamed to the same one.
Packets mixed(const std::vector<Packets>& parts, std::uint64_t apart_ns);

}  // namespace mlguard::ml_detector
