#include "poll_loop.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <random>
#include <utility>

#include "base/logging.h"
#include "replies.h"
#include "watches.h"

namespace mlguard::etcd_client {

namespace {

constexpr milliseconds kPauseFirst{100};
constexpr milliseconds kPauseMax{10'000};
constexpr milliseconds kCancelAgain{10};
// A server that answers long polls at once, again and again, is asked no faster than this.
constexpr milliseconds kPollEvery{5};

}  // namespace

PollLoop::PollLoop(std::string what, Poll poll)
    : what_(std::move(what)), poll_(std::move(poll)), thread_([this] { run(); }) {}

PollLoop::~PollLoop() { stop(); }

void PollLoop::stop() {
  assert(std::this_thread::get_id() != thread_.get_id());
  std::unique_lock lock(joining_);
  // Again and again: a connection that is just being made may not hear the first call.
  do {
    canceller_.cancel();
  } while (!ended_.wait_for(lock, kCancelAgain, [this] { return has_ended_; }));
  if (thread_.joinable()) thread_.join();
}

void PollLoop::run() {
  follow();
  const std::lock_guard lock(joining_);
  has_ended_ = true;
  ended_.notify_all();
}

void PollLoop::follow() {
  std::minstd_rand random(std::random_device{}());
  milliseconds pause = kPauseFirst;
  while (!canceller_.cancelled()) {
    const base::Status status = poll_(canceller_);
    if (canceller_.cancelled()) return;
    report(status);
    if (status.ok()) {
      pause = kPauseFirst;
      canceller_.sleep_for(kPollEvery);
      continue;
    }
    const auto half = pause.count() / 2;
    std::uniform_int_distribution<std::int64_t> jitter(0, half);
    if (!canceller_.sleep_for(pause - milliseconds(jitter(random)))) return;
    pause = std::min(pause * 2, kPauseMax);
  }
}

void PollLoop::report(const base::Status& status) {
  if (status.ok()) {
    if (failing_) base::log_info("watch works again", {{"watch", what_}});
    failing_.reset();
    return;
  }
  const base::Error& error = status.error();
  // An outage has many faces from one moment to the next: it is told of once.
  const bool same_matter = failing_ && (failing_->reason == error.reason ||
                                        (is_passing(*failing_) && is_passing(error)));
  if (same_matter || error.reason == kReasonBehind) return;
  base::log_warn("watch fails and is tried again",
                 {{"watch", what_}, {"reason", error.reason}, {"problem", error.message}});
  failing_ = error;
}

}  // namespace mlguard::etcd_client
