// etcd-server: parses its flags, runs the server until SIGTERM or SIGINT, and stops it cleanly. A
// second signal exits at once. Exit codes: 0 clean, 1 cannot go on (said in one line), 2 usage.
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "base/clock.h"
#include "base/logging.h"
#include "server/flags.h"
#include "server/restore_command.h"
#include "server/server.h"

namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

extern "C" void exit_at_once(int /*signal*/) { _exit(mlguard::server::kExitFailed); }

// The second signal, while the first is being obeyed.
void let_second_signal_kill() {
  struct sigaction action {};
  action.sa_handler = exit_at_once;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  namespace server = mlguard::server;
  namespace base = mlguard::base;
  if (const auto done = server::restore_command(argc, argv, std::cout, std::cerr)) return *done;
  const server::ServerFlags flags = server::parse_server_flags(argc, argv);
  if (flags.exit_code >= 0) return flags.exit_code;
  base::configure_logging(flags.log_level, flags.log_format);

  // Blocked before any thread exists, so that only sigwait below sees them.
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  base::SystemClock clock;
  base::Result<std::unique_ptr<server::Server>> running =
      server::Server::start(flags.options, clock);
  if (!running) {
    std::cerr << "etcd-server: " << running.error().message << "\n";
    return server::kExitFailed;
  }
  base::log_info("ready", {{"version", server::kServerVersion},
                           {"url", "http://localhost:" + std::to_string((*running)->port())},
                           {"data", flags.options.data_dir},
                           {"cluster", (*running)->cluster_id()}});

  int signal = 0;
  sigwait(&signals, &signal);
  base::log_info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  let_second_signal_kill();
  (*running)->stop();
  base::log_info("stopped");
  return 0;
}
