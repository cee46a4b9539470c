// `sniffer --pcap FILE`: the flows of a capture, without a control plane and without privileges. It
// runs the tracker that the live sniffer runs, with fixed hash seeds: one capture always gives the
// same records.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "capture/feed.h"
#include "flow/flow_text.h"
#include "flow/tracker.h"

namespace mlguard::sniffer {

struct PcapOptions {
  std::string capture_path;  // "-": standard input
  std::string flows_path;    // "-": standard output; empty: no records are written
  flow::FlowFormat format = flow::FlowFormat::csv;
  flow::TrackerOptions tracker;
};

// Its `end` says why reading ended early; what came before is in the records.
struct PcapSummary : capture::PacketCounts {
  std::uint64_t flows_begun = 0;
  std::array<std::uint64_t, flow::kCloseReasons> records{};
  std::uint64_t hosts_evicted = 0;
  std::uint64_t values_refused = 0;
};

// Errors: those of CaptureReader::open; io when the records cannot be written. A capture that is
// cut off is no error here but PcapSummary::end.
base::Result<PcapSummary> read_capture(const PcapOptions& options);

// A few lines for a person.
std::string summary_text(const PcapSummary& summary);

// True when the arguments ask for this mode.
bool wants_pcap_mode(int argc, char** argv);
// The whole command. Exit codes: 0; 1 the capture or the output failed (also a capture that is cut
// off: the records of what came before are written); 2 wrong flags.
int run_pcap_mode(int argc, char** argv);

}  // namespace mlguard::sniffer
