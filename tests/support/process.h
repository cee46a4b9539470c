// Process: a real program run by a test, with its output captured and its end guaranteed.
//
// A child never outlives the test: the destructor kills and reaps it, and the kernel kills it
// when the thread that started it ends (PR_SET_PDEATHSIG is per thread: start long-lived children
// from the test's main thread). A Process may be moved; it is not for sharing between threads
// except for the const members. Each child leads a process group of its own, so that what a shell
// started ends with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace mlguard::support {

struct ProcessOptions {
  std::vector<std::string> arguments;  // arguments[0]: the program's path
  // Added to (or replacing in) the test's own environment.
  std::vector<std::pair<std::string, std::string>> environment;
  std::string folder;  // working folder; empty: the test's own
  std::string stdin_text;
};

struct ExitStatus {
  bool signalled = false;
  int code = 0;  // exit code, or the signal's number

  bool ok() const { return !signalled && code == 0; }
  std::string text() const;  // "exit 2", "signal 9"
};

class Process {
 public:
  // Aborts the test run when fork fails. A program that cannot be executed exits with 127.
  static Process start(const ProcessOptions& options);
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number);
  // Nothing when it still runs after `timeout_ms`.
  std::optional<ExitStatus> wait_exit(std::int64_t timeout_ms);
  // SIGKILL to its whole group, and reap, whatever state it is in. Idempotent.
  ExitStatus kill_now();

  // All that it has written so far.
  std::string out() const;
  std::string err() const;

 private:
  Process() = default;
  void reap(int wait_status);

  pid_t pid_ = -1;
  base::UniqueFd pidfd_;
  base::UniqueFd out_;
  base::UniqueFd err_;
  std::optional<ExitStatus> exit_;
};

struct CommandResult {
  ExitStatus exit;
  std::string out;
  std::string err;
};

inline constexpr std::int64_t kCommandTimeoutMs = 60'000;

// Runs to the end; killed after `timeout_ms` (then exit.signalled with code SIGKILL).
CommandResult run_command(const ProcessOptions& options,
                          std::int64_t timeout_ms = kCommandTimeoutMs);
// The same through /bin/sh -c.
CommandResult run_shell(const std::string& command, ProcessOptions options = {},
                        std::int64_t timeout_ms = kCommandTimeoutMs);

}  // namespace mlguard::support
