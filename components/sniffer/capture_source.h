// CaptureSource: the packets of a capture file, played as if they came by now: what
// `sniffer --replay` sends to the ml-detectors needs no privileges and no traffic.
//
// Packets come as far apart as they did (at pace 1), and features are made of the capture's own
// time at every pace: one capture gives the same records that `sniffer --pcap` writes, and the
// early ones of a live sniffer. Records tell times as if the capture had begun when its playing did
// (each time it is played); at a faster pace they run ahead of the clock. While nobody takes
// records, time stands still.
//
// At most kRoundPacketsMax packets are read in a round. Threads: packet_source.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "base/clock.h"
#include "sniffer/packet_source.h"

namespace mlguard::sniffer {

inline constexpr std::size_t kRoundPacketsMax = 8'192;
inline constexpr std::uint64_t kPipedBytesMax = 4ULL << 30;
inline constexpr double kPaceAsFastAsItGoes = std::numeric_limits<double>::infinity();
inline constexpr double kPaceMin = 0.01;
inline constexpr double kPaceMax = 1'000;

struct ReplayOptions {
  std::string path;         // "-": standard input
  double pace = 1;          // seconds of the capture in a second; above 0
  std::uint32_t times = 1;  // how often it is played; 0: until the sniffer is stopped
};

// "0.5", "10", "max". Error: invalid_argument / "invalid_pace".
base::Result<double> parse_pace(const std::string& text);

// Opens the file, so that what is no capture is told at once. Standard input and pipes are read to
// their end first, into a temporary file: what is played may have to wait, and to begin again. The
// clock must outlive the source. Errors: capture_reader.h's; io; too_large (kPipedBytesMax).
base::Result<std::unique_ptr<PacketSource>> open_capture_source(const ReplayOptions& options,
                                                                const base::Clock& clock);

}  // namespace mlguard::sniffer
