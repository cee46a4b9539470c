// LiveDetector: batches of flows in, detections and rules out: FlowReceiver → Judge → Outbox →
// Delivery. The composition root of the component's online half; live_mode.h puts it on an Agent.
//
// Works without a control plane, without keys (nothing opens then) and without a model (fast rules
// only, which it says). Whatever is refused is counted and harms nothing.
//
// Threads: one takes batches and judges, one delivers, one looks after time (what is due, models
// that are not there yet, what must be kept). Every method from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "etcd_client/client.h"
#include "ml_detector/live_config.h"

namespace mlguard::ml_detector {

struct DetectorOptions {
  std::string name = "ml-detector";
  std::string state_folder;                 // for the queue and the models
  std::vector<std::string> models_folders;  // where installed models lie: NAME.json
  std::vector<std::string> endpoints;       // of the control plane, which is never blocked
};

class LiveDetector {
 public:
  using Send =
      std::function<base::Result<etcd_client::RawResponse>(const etcd_client::RawRequest& request)>;

  // The clock must outlive it. Errors: Outbox::open's.
  static base::Result<std::unique_ptr<LiveDetector>> create(const DetectorOptions& options,
                                                            const base::Clock& clock);
  // As stop().
  virtual ~LiveDetector() = default;

  // From now on, without losing a flow that has arrived. Errors, with nothing of it in force:
  // FlowReceiver::bind's and rebind's; a model that is refused, by its name (the old one judges
  // on). What may pass is tried again, and health() says so: a port that is taken at the start, a
  // model that cannot be fetched now.
  virtual base::Status apply(const DetectorConfig& config) = 0;
  // Never blocked, besides the configuration's own allowlist.
  virtual void set_shared_allowlist(std::vector<Network> networks) = 0;
  // What the control plane says of rules (etcd_client::Client::follow_rules): own ones that an
  // operator takes away are not made again for a while.
  virtual void rules(const base::RuleSet& set) = 0;
  virtual base::Status set_keys(const std::vector<base::PipelineKey>& keys) = 0;

  // Begins to deliver and to fetch models. `send` must work until stop() has returned.
  virtual void connect(Send send) = 0;
  // Ends all threads. What is queued stays on disk.
  virtual void stop() = 0;

  // Counters, as a JSON object of at most base::kDetailBytesMax.
  virtual std::string detail() const = 0;
  // Why it does not do all of its work.
  virtual base::Status health() const = 0;
  // Where it listens, with the port that it really has; empty before the first apply().
  virtual std::string endpoint() const = 0;
};

}  // namespace mlguard::ml_detector
