// Agent: the adapter that every component's main stands on. It enrols (with --join), registers,
// uploads the component's configuration when the control plane has none, follows configuration,
// sends heartbeats, registers again when told to, and stops cleanly on SIGTERM or Ctrl-C.
//
// Threads: run() blocks the calling thread until a signal or stop(); callbacks come from the
// agent's own thread, one at a time. The Agent owns its Client.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/model.h"
#include "base/result.h"
#include "etcd_client/client.h"

namespace CLI {
class App;
}

namespace mlguard::agent {

// The flags that every agent has; parse_agent_flags fills them.
struct AgentOptions {
  base::Role role = base::Role::sniffer;
  std::string name;  // default: the role's name
  std::string version;
  std::vector<std::string> endpoints = {"localhost:2379"};
  std::string credential_path;  // default: STATE_HOME/NAME.credential
  std::string join_token;       // --join, or MLGUARD_JOIN: enrol first when there is no credential
  std::string config_path;      // --config: uploaded when the control plane has none
  // Uploaded when there is no --config either. Empty: nothing is uploaded.
  std::string default_config;
};

struct AgentCallbacks {
  // Looks at a document without applying it, before it is uploaded. May be empty.
  std::function<base::Status(std::string_view document)> check_config;
  // The component's active configuration, then every later version. An Error is reported in the
  // heartbeat ("degraded", with the message) and the last good configuration stays in force.
  std::function<base::Status(const base::ConfigVersion&)> apply_config;
  std::function<base::Status(const base::ConfigVersion&)> apply_global_config;
  // Counters for the heartbeat's detail, as a JSON object. May be empty.
  std::function<std::string()> heartbeat_detail;
  // What goes wrong in the component now, asked before each heartbeat: an Error makes it
  // "degraded", with the message as the detail's member "problem". May be empty.
  std::function<base::Status()> health;
  // The revision of the newest rules moved; the firewall and rag follow the stream from here.
  std::function<void(std::uint64_t rules_revision)> rules_moved;
  // The pipeline keys with their secrets (roles sniffer and ml-detector), then again at every
  // change: all that are announced, active or retiring. An Error is reported in the heartbeat and
  // the keys are offered again with the next one. May be empty.
  std::function<base::Status(const std::vector<base::PipelineKey>&)> apply_pipeline_keys;
};

class Agent {
 public:
  // Takes SIGTERM and SIGINT, enrols when it must (waiting for a server as long as it takes),
  // and begins to work. One Agent at a time in a process. Errors: not_found / "no_credential";
  // invalid_argument (--config is not usable); what enrol() answers; unavailable / "stopped"
  // when a signal came first.
  static base::Result<std::unique_ptr<Agent>> start(const AgentOptions& options,
                                                    AgentCallbacks callbacks);
  virtual ~Agent() = default;

  // Blocks until SIGTERM, SIGINT or stop(), then unregisters. Returns the process's exit code:
  // 0 after a clean end, 4 when the control plane refuses the credential or the name before the
  // first registration, 1 when it refuses the registration otherwise.
  virtual int run() = 0;
  virtual void stop() = 0;
  virtual etcd_client::Client& client() = 0;
};

// Parses the common flags (--endpoints --name --join --credentials --config --log-level
// --log-format --version --help). Returns the options, or the exit code when the process is done
// (after --help, or an error that it has printed).
struct ParsedFlags {
  AgentOptions options;
  int exit_code = -1;  // -1: go on
};
// The exit code for an Error that ends a process (see --help).
int exit_code_of(const base::Error& error);
// `add_more` adds the component's own flags; what it binds them to must outlive the call.
ParsedFlags parse_agent_flags(int argc, char** argv, base::Role role, const std::string& about,
                              const std::function<void(CLI::App&)>& add_more = {});

}  // namespace mlguard::agent
