// ServerProcess: a real etcd-server on a free port with a state folder of its own.
//
// It runs as a user would run it: `etcd-server --port PORT`, with XDG_STATE_HOME pointing at a
// temporary folder, so that data lies in STATE/ml-guard/PORT and the keys beside it. The folder
// survives kill and restart and goes with the object. Not for sharing between threads except for
// the const members.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "support/http.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace mlguard::support {

inline constexpr std::int64_t kServerStartTimeoutMs = 20'000;

struct ServerSettings {
  std::vector<std::string> flags;  // beyond --port
  std::uint16_t port = 0;          // 0: a free one
  // Below which the state lies; empty: a temporary folder.
  std::string state_folder;
  // On a host of a TestNetwork: its address, and what a command there begins with.
  std::string host = "localhost";
  std::vector<std::string> enter;
};

class ServerProcess {
 public:
  explicit ServerProcess(ServerSettings settings = {});

  // Starts and waits until /health answers. Error: what the server wrote, when it does not.
  base::Status start();
  // Starts without waiting, for tests of refusals.
  void launch();
  base::Status wait_healthy(std::int64_t timeout_ms = kServerStartTimeoutMs);
  void kill9();
  // SIGTERM; nothing when it does not end in `timeout_ms` (then it is killed).
  std::optional<ExitStatus> terminate(std::int64_t timeout_ms = 15'000);

  std::uint16_t port() const { return settings_.port; }
  std::string endpoint() const { return settings_.host + ":" + std::to_string(port()); }
  // A page of its, status 0 when it does not answer.
  HttpReply get(std::string_view target) const;
  // STATE_HOME of the server: the keys lie here.
  std::string home() const { return state_ + "/ml-guard"; }
  std::string data_dir() const { return home() + "/" + std::to_string(port()); }
  std::string database() const { return data_dir() + "/control.db"; }
  std::string operator_key() const { return home() + "/operator.key"; }
  // What a child needs so that it finds this server's state (XDG_STATE_HOME, MLGUARD_ENDPOINTS).
  std::vector<std::pair<std::string, std::string>> environment() const;
  ServerSettings& settings() { return settings_; }

  // REQUIRES: launched at least once.
  Process& process() { return *process_; }
  pid_t pid() const { return process_->pid(); }
  // Everything that all runs so far have logged.
  std::string log() const;

 private:
  TempDir temporary_;
  ServerSettings settings_;
  std::string state_;
  std::unique_ptr<Process> process_;
  std::string earlier_logs_;
};

// BIN_DIR/name, the folder where this build left its binaries.
std::string binary(const std::string& name);

// `ml-guard ARGUMENTS…` as an operator on the server's host.
CommandResult ml_guard(const ServerProcess& server, std::vector<std::string> arguments,
                       const std::string& stdin_text = {});

}  // namespace mlguard::support
