// From a capture file to flow records: every packet of a reader goes through a tracker, and what
// became of each is counted. `sniffer --pcap` and the detector's training read captures by this.
// No state of its own; one reader and one tracker belong to one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "capture/capture_reader.h"
#include "flow/tracker.h"

namespace mlguard::capture {

// What became of every packet: seen == in flows + passed over, by reason.
struct PacketCounts {
  std::uint64_t packets_seen = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::array<std::uint64_t, MLG_PARSE_RESULTS> by_result{};  // MLG_PARSE_OK: in flows
  // Why reading ended early; what came before was fed.
  base::Status end;
};

inline constexpr std::uint64_t kPacketsBetweenLooks = 4'096;
// Called every kPacketsBetweenLooks packets with what was seen so far; false ends the reading.
using Look = std::function<bool(const PacketCounts&)>;

// Does not finish the tracker.
PacketCounts feed(CaptureReader& reader, flow::Tracker& tracker, const Look& look);

}  // namespace mlguard::capture
