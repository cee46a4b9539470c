// ControlLoop: what an agent says to the control plane and does with the answers, one round at a
// time: register, upload or fetch the configuration, send a heartbeat, follow what its answer
// says. Waiting and threads are the Agent's.
//
// Threads: step() from one thread; pulse() from one other; registered() from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "agent/agent.h"
#include "base/clock.h"

namespace mlguard::agent {

using etcd_client::milliseconds;

struct ControlOptions {
  base::Component component;  // name, instance_id, version, address
  std::string document;       // Uploaded when the control plane has none; may be empty.
};

class ControlLoop {
 public:
  ControlLoop(ControlOptions options, AgentCallbacks callbacks, etcd_client::Client& client,
              const base::Clock& clock);

  struct Step {
    milliseconds pause{0};         // Until the next one.
    std::optional<int> exit_code;  // The agent cannot go on: the process's exit code.
  };
  Step step();
  // Beats on while a step hangs on something slow (a write on a slow disk, a configuration that
  // takes long to apply), so that nobody takes this component for dead. Repeats what the last
  // heartbeat said; the step's own next one is what learns from its answer. Returns when to ask
  // again.
  milliseconds pulse();

  bool registered() const { return registered_; }

 private:
  base::Status register_once();
  base::Status ensure_config();
  base::Status upload_config();
  base::Status beat();
  base::Status follow(const base::ResourceHeads& heads);
  // The active document; `told` is the version that the control plane speaks of, 0: none yet.
  base::Result<base::ConfigVersion> fetch(std::string_view name, std::uint64_t told);
  base::Status fetch_config(std::uint64_t told);
  base::Status fetch_global(std::uint64_t told);
  base::Status fetch_pipeline_keys(std::uint64_t told);
  void apply(const base::ConfigVersion& config);
  void apply_global(const base::ConfigVersion& config);
  void report_applied(const std::string& resource, const base::ConfigVersion& config);
  Step failed(const base::Error& error);
  void report_contact(const base::Status& status);
  milliseconds beat_pause();
  const std::string& problem() const;
  std::string heartbeat_status() const;
  std::string heartbeat_detail() const;
  base::Heartbeat next_heartbeat();

  const ControlOptions options_;
  const AgentCallbacks callbacks_;
  etcd_client::Client& client_;
  const base::Clock& clock_;
  std::atomic<bool> registered_ = false;
  bool ever_registered_ = false;
  bool knows_config_ = false;  // It was fetched or uploaded once since the last registration.
  std::uint64_t seen_version_ = 0;
  std::uint64_t seen_global_ = 0;
  std::optional<std::uint64_t> seen_rules_;
  std::uint64_t seen_pipeline_keys_ = 0;
  milliseconds server_interval_{5'000};
  milliseconds site_interval_{0};  // Of the global configuration; 0: none.
  std::string config_problem_;     // Why the newest configuration is not in force; or empty.
  std::string global_problem_;
  std::string keys_problem_;
  std::string health_problem_;          // what the component says itself
  std::optional<base::Error> failing_;  // The last one told; empty while all is well.
  std::minstd_rand random_;
  mutable std::mutex mutex_;       // guards all below
  base::Heartbeat last_;           // What was said last.
  std::int64_t beaten_at_ms_ = 0;  // On the monotonic clock.
  milliseconds pulse_after_{0};
};

}  // namespace mlguard::agent
