// FlowReceiver: the ml-detector's end of the pipeline. Binds a ZeroMQ PULL socket, takes batches of
// any number of sniffers and hands on those that open and can be true. Everything else is refused
// and counted by reason; it never harms what follows.
//
// Bounded: kReceiveQueueBatches a connection (then its sniffer waits, and sheds), frames of
// kFrameBytesMax (ZeroMQ drops the connection of whoever sends more), kSendersMax senders.
// A receiver that starts anew knows no sequence numbers: what somebody recorded before is taken
// once more until its key retires (docs/threat-model.md).
//
// Threads: receive() and rebind() from one thread; all else from any.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "pipeline/flow_batch.h"
#include "pipeline/sealed_batch.h"

namespace mlguard::pipeline {

inline constexpr int kReceiveQueueBatches = 32;

struct FlowReceiverOptions {
  // "tcp://HOST:PORT" (an address of this host; port 0: any that is free), "ipc://PATH".
  std::string endpoint;
  std::size_t senders_max = kSendersMax;
};

// Since the start.
struct FlowReceiverCounters {
  std::uint64_t batches = 0;  // taken
  std::uint64_t flows = 0;
  std::uint64_t bytes = 0;
  std::array<std::uint64_t, kRefusals> refused{};  // by Refusal
  std::uint64_t senders = 0;                       // remembered now
  std::string last_problem;  // of the last bad_batch: the field, for a person. May be empty.

  std::uint64_t refused_by(Refusal reason) const {
    return refused[static_cast<std::size_t>(reason)];
  }
};

class FlowReceiver {
 public:
  // The clock must outlive the receiver: keys retire by its wall time. Errors: invalid_argument /
  // "invalid_endpoint"; unavailable / "endpoint" (the port is taken, no address of this host).
  static base::Result<std::unique_ptr<FlowReceiver>> bind(const FlowReceiverOptions& options,
                                                          const base::Clock& clock);
  virtual ~FlowReceiver() = default;

  // The next good batch; nothing when none came in time. Error: unavailable / "stopped" after
  // stop(), also to a receive() in progress.
  virtual base::Result<std::optional<FlowBatch>> receive(std::chrono::milliseconds timeout) = 0;
  virtual void stop() = 0;
  // Goes on at another endpoint; what it knows of senders stays. On an error, as bind()'s, the old
  // one stays.
  virtual base::Status rebind(const std::string& endpoint) = 0;
  // invalid_argument / "invalid_keyring": the old keys stay.
  virtual base::Status set_keys(const std::vector<base::PipelineKey>& keys) = 0;

  virtual FlowReceiverCounters counters() const = 0;
  // With the port that it really has.
  virtual std::string endpoint() const = 0;
};

}  // namespace mlguard::pipeline
