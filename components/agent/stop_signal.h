// StopSignal: turns SIGTERM and SIGINT into something to wait for. The first signal asks for a
// clean end; the second ends the process at once, with the exit code that a shell expects.
//
// Threads: wait() in one thread; request() from any. Signals are a matter of the whole process:
// one StopSignal at a time takes them (REQUIRED), and gives them back when it is destroyed.
#pragma once

#include <signal.h>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mlguard::agent {

class StopSignal {
 public:
  StopSignal() = default;
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  base::Status install();
  // Blocks until a signal or request().
  void wait() const;
  void request() const;
  bool requested() const;

 private:
  base::UniqueFd read_end_;
  base::UniqueFd write_end_;
  struct sigaction old_term_ {};
  struct sigaction old_int_ {};
  bool installed_ = false;
};

}  // namespace mlguard::agent
