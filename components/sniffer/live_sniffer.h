// LiveSniffer: the packets of this machine's interfaces into flow records, and these to the
// ml-detectors (pipeline/flow_sender.h) and, if asked for, into a file.
//
// Every kRoundInterval it reads what the kernel programs counted, closes flows, and sends records.
// Configuration changes take effect at once and lose no packet: an interface that stays is not
// touched, timeouts and sampling change in place; only another flows_max ends the flows that are
// open (their records say "end").
//
// Records carry wall-clock time. Event time is the wall clock's at the start and goes on with the
// kernel's monotonic clock: seconds begin when a capture's do, and a clock that is set neither ends
// flows nor keeps them.
//
// Threads: every method from any; a thread of its own reads the rounds.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "flow/flow_text.h"
#include "sniffer/live_config.h"
#include "xdp/data_plane.h"

namespace mlguard::sniffer {

inline constexpr std::chrono::milliseconds kRoundInterval{100};
// A flow that has not ended after so long is told early, so that an attack that gets no answer need
// not wait for the idle timeout to be seen, nor a refused one for its lingering.
inline constexpr std::uint64_t kEarlyAfterNs = 250'000'000;

struct LiveOptions {
  std::string name = "sniffer";         // in the batches
  std::vector<std::string> interfaces;  // of the command line: instead of the configuration's
  std::string flows_path;               // as in FlowWriter; early records are not written
  flow::FlowFormat flows_format = flow::FlowFormat::csv;
  bool sends = true;  // false: nothing goes to an ml-detector
};

class LiveSniffer {
 public:
  using LoadDataPlane =
      std::function<base::Result<std::unique_ptr<xdp::DataPlane>>(std::uint32_t flows_max)>;

  // Loads nothing and attaches nothing yet. The clock must outlive it. Errors: io (the file).
  static base::Result<std::unique_ptr<LiveSniffer>> create(const LiveOptions& options,
                                                           LoadDataPlane load,
                                                           const base::Clock& clock);
  // Stops.
  virtual ~LiveSniffer() = default;
  // Detaches from all interfaces, reads what the kernel still has and hands over the open flows.
  // Nothing can be applied afterwards; detail() tells the end. Idempotent.
  virtual void stop() = 0;

  // The first call loads the programs. Interfaces that cannot be attached are no error of this
  // call: health() names them, and they are tried again. Errors: data_plane.h's, flow_sender.h's.
  virtual base::Status apply(const LiveConfig& config) = 0;
  virtual base::Status set_keys(const std::vector<base::PipelineKey>& keys) = 0;

  // Counters, interfaces and the flows with the most bytes of late, as a JSON object of at most
  // base::kDetailBytesMax: for the heartbeat. docs/data-plane.md lists its members.
  virtual std::string detail() const = 0;
  // What goes wrong now: an interface is missing, the rounds cannot be read, or the file not
  // written.
  virtual base::Status health() const = 0;
};

}  // namespace mlguard::sniffer
