// LiveSniffer: the packets of a source (packet_source.h: this machine's interfaces, or a capture)
// into flow records, and these to the ml-detectors (pipeline/flow_sender.h) and, if asked for, into
// a file.
//
// Every kRoundInterval it reads what the source counted, closes flows, and sends records.
// Configuration changes take effect at once and lose no packet: timeouts and sampling change in
// place; only another flows_max ends the flows that are open (their records say "end"). When a
// capture comes to its end, so do its flows.
//
// Threads: every method from any; a thread of its own reads the rounds.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "flow/flow_text.h"
#include "sniffer/live_config.h"
#include "sniffer/packet_source.h"

namespace mlguard::sniffer {

inline constexpr std::chrono::milliseconds kRoundInterval{100};
// A flow that has not ended after so long is told early, so that an attack that gets no answer need
// not wait for the idle timeout to be seen, nor a refused one for its lingering.
inline constexpr std::uint64_t kEarlyAfterNs = 250'000'000;

struct LiveOptions {
  std::string name = "sniffer";  // in the batches
  std::string flows_path;        // as in FlowWriter; early records are not written
  flow::FlowFormat flows_format = flow::FlowFormat::csv;
  bool sends = true;  // false: nothing goes to an ml-detector
};

class LiveSniffer {
 public:
  // Reads nothing yet. The clock must outlive it. Errors: io (the file).
  static base::Result<std::unique_ptr<LiveSniffer>> create(const LiveOptions& options,
                                                           std::unique_ptr<PacketSource> source,
                                                           const base::Clock& clock);
  // Stops.
  virtual ~LiveSniffer() = default;
  // Closes the source, reads what it still has and hands over the open flows. Nothing can be
  // applied afterwards; detail() tells the end. Idempotent.
  virtual void stop() = 0;
  // Returns when nothing comes any more: after stop(), or when a capture was played.
  virtual void wait_for_end() = 0;

  // The first call loads the source. Errors: PacketSource::load's, flow_sender.h's.
  virtual base::Status apply(const LiveConfig& config) = 0;
  virtual base::Status set_keys(const std::vector<base::PipelineKey>& keys) = 0;

  // Counters, the source and the flows with the most bytes of late, as a JSON object of at most
  // base::kDetailBytesMax: for the heartbeat. docs/data-plane.md lists its members.
  virtual std::string detail() const = 0;
  // What goes wrong now: an interface is missing, a capture cut off, the rounds cannot be read, or
  // the file not written.
  virtual base::Status health() const = 0;
};

}  // namespace mlguard::sniffer
