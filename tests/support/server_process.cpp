#include "support/server_process.h"

#include <csignal>

#include "support/http.h"
#include "support/tcp.h"
#include "support/wait_until.h"

namespace mlguard::support {

std::string binary(const std::string& name) { return std::string(MLGUARD_BIN_DIR) + "/" + name; }

ServerProcess::ServerProcess(ServerSettings settings) : settings_(std::move(settings)) {
  if (settings_.port == 0) settings_.port = free_port();
  state_ = settings_.state_folder.empty() ? temporary_.path() : settings_.state_folder;
}

std::vector<std::pair<std::string, std::string>> ServerProcess::environment() const {
  // HOME and XDG_CONFIG_HOME too: nothing of the person who runs the tests may be read or changed.
  return {{"XDG_STATE_HOME", state_},
          {"XDG_CONFIG_HOME", state_ + "/config"},
          {"HOME", state_},
          {"MLGUARD_ENDPOINTS", endpoint()}};
}

void ServerProcess::launch() {
  if (process_) earlier_logs_ = log();
  ProcessOptions options;
  options.arguments = settings_.enter;
  for (const std::string& word :
       {binary("etcd-server"), std::string("--port"), std::to_string(port())}) {
    options.arguments.push_back(word);
  }
  options.arguments.insert(options.arguments.end(), settings_.flags.begin(), settings_.flags.end());
  options.environment = environment();
  process_ = std::make_unique<Process>(Process::start(options));
}

HttpReply ServerProcess::get(std::string_view target) const {
  return settings_.host == "localhost" ? http_get(port(), target)
                                       : http_get_from(settings_.host, port(), target);
}

base::Status ServerProcess::start() {
  launch();
  return wait_healthy();
}

base::Status ServerProcess::wait_healthy(std::int64_t timeout_ms) {
  wait_until([&] { return !process_->running() || get("/health").status == 200; }, timeout_ms, 2);
  if (process_->running() && get("/health").status == 200) return {};
  const std::optional<ExitStatus> exit = process_->wait_exit(0);
  return base::Error(
      base::ErrorCode::unavailable,
      "the server " + (exit ? "ended: " + exit->text() : "does not answer") + "\n" + log());
}

void ServerProcess::kill9() { process_->kill_now(); }

std::optional<ExitStatus> ServerProcess::terminate(std::int64_t timeout_ms) {
  process_->signal(SIGTERM);
  const std::optional<ExitStatus> exit = process_->wait_exit(timeout_ms);
  if (!exit) process_->kill_now();
  return exit;
}

std::string ServerProcess::log() const {
  return earlier_logs_ + (process_ ? process_->out() + process_->err() : std::string());
}

CommandResult ml_guard(const ServerProcess& server, std::vector<std::string> arguments,
                       const std::string& stdin_text) {
  ProcessOptions options;
  options.arguments = {binary("ml-guard")};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.environment = server.environment();
  options.stdin_text = stdin_text;
  return run_command(options);
}

}  // namespace mlguard::support
