// FlowSender: the sniffer's end of the pipeline. Takes flow records, seals them in batches and
// pushes them to an ml-detector over ZeroMQ (PUSH, connects; the detector binds).
//
// Nothing here ever blocks who offers a record. Everything is bounded: kQueuedFlowsMax records
// that wait for a batch, a key or the socket, and kQueuedBatches sealed batches in the socket. What
// finds no room is shed and counted: a record when it is offered, a batch when the socket takes
// nothing for kSendWaitMs. Batches that ZeroMQ has taken over are not known to have arrived: those
// on their way to a detector that dies are lost, those in the queue go to the next one.
//
// Threads: every method from any thread. A thread of its own encodes, seals and sends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "flow/flow_record.h"
#include "pipeline/flow_batch.h"

namespace mlguard::pipeline {

using std::chrono::milliseconds;

inline constexpr std::size_t kQueuedFlowsMax = 32'768;  // some 14 MB
inline constexpr int kQueuedBatches = 32;               // ZeroMQ's high-water mark
inline constexpr int kSendWaitMs = 100;
inline constexpr int kLingerMs = 1'000;  // what is queued may still leave after the end

struct FlowSenderOptions {
  std::string endpoint;           // "tcp://HOST:PORT", "ipc://PATH"
  std::string sniffer;            // the component's name
  std::size_t batch_flows = 256;  // 1 … kFlowsPerBatchMax
  milliseconds batch_wait{200};   // a batch that is not full leaves after so long
};

// Since the start.
struct FlowSenderCounters {
  std::uint64_t flows_offered = 0;
  std::uint64_t flows_invalid = 0;  // refused by check_flow: a bug of whoever made them
  std::uint64_t flows_sent = 0;     // taken over by ZeroMQ
  std::uint64_t flows_shed = 0;     // lost here, for want of room
  std::uint64_t flows_queued = 0;   // now
  std::uint64_t batches_sent = 0;
  std::uint64_t batches_shed = 0;
  std::uint64_t bytes_sent = 0;
  bool has_key = false;    // one is active now; without it nothing is sent
  bool connected = false;  // to a detector, as seen within the last second
};

class FlowSender {
 public:
  // Connects in the background, again and again. The clock must outlive the sender: pipeline keys
  // become active by its wall time. Errors: invalid_argument (the endpoint, the name, the batch).
  static base::Result<std::unique_ptr<FlowSender>> start(const FlowSenderOptions& options,
                                                         const base::Clock& clock);
  // Sends what is there, as far as it goes within kSendWaitMs a batch, and ends.
  virtual ~FlowSender() = default;

  // False: not taken (shed or invalid), and counted.
  virtual bool offer(const flow::FlowRecord& record) = 0;
  // invalid_argument / "invalid_keyring": the old keys stay.
  virtual base::Status set_keys(const std::vector<base::PipelineKey>& keys) = 0;
  // What the old endpoint's queue holds may still leave for kLingerMs. On an error
  // (invalid_argument / "invalid_endpoint", unavailable / "endpoint") the old one stays.
  virtual base::Status set_endpoint(const std::string& endpoint) = 0;
  // invalid_argument / "invalid_batching": the old ones stay.
  virtual base::Status set_batching(std::size_t batch_flows, milliseconds batch_wait) = 0;
  // Sends what was offered without waiting for full batches. False: some of it is still there
  // after `within` (no key, or the detector takes nothing).
  virtual bool drain(milliseconds within) = 0;

  virtual FlowSenderCounters counters() const = 0;
  // 32 hex characters, drawn at the start: what the detector knows this run of the sender by.
  virtual const std::string& instance_id() const = 0;
};

}  // namespace mlguard::pipeline
