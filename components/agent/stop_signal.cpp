#include "agent/stop_signal.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cerrno>

#include "base/files.h"

namespace mlguard::agent {

namespace {

constexpr int kSignalExitBase = 128;  // What shells report for a process that a signal ended.

// All that a signal handler may touch.
std::atomic<int> signal_pipe = -1;
std::atomic<int> signals_seen = 0;

extern "C" void on_stop_signal(int signal_number) {
  const int saved_errno = errno;
  if (signals_seen.fetch_add(1) > 0) _exit(kSignalExitBase + signal_number);
  const char byte = 's';
  const int fd = signal_pipe;
  // A full pipe has said it already.
  if (fd >= 0 && write(fd, &byte, 1) < 0) {
  }
  errno = saved_errno;
}

}  // namespace

base::Status StopSignal::install() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return base::errno_error("could not make a pipe for", "signals", errno);
  }
  read_end_.reset(ends[0]);
  write_end_.reset(ends[1]);
  [[maybe_unused]] const int other = signal_pipe.exchange(write_end_.get());
  assert(other == -1);
  signals_seen = 0;
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGTERM, &action, &old_term_);
  ::sigaction(SIGINT, &action, &old_int_);
  installed_ = true;
  return {};
}

StopSignal::~StopSignal() {
  if (!installed_) return;
  ::sigaction(SIGTERM, &old_term_, nullptr);
  ::sigaction(SIGINT, &old_int_, nullptr);
  signal_pipe = -1;
}

bool StopSignal::requested() const {
  pollfd entry{read_end_.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;
}

void StopSignal::wait() const {
  pollfd entry{read_end_.get(), POLLIN, 0};
  while (::poll(&entry, 1, -1) <= 0) {
  }
}

void StopSignal::request() const {
  const char byte = 'r';
  // A full pipe has said it already.
  if (::write(write_end_.get(), &byte, 1) < 0) return;
}

}  // namespace mlguard::agent
