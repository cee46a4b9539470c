// PollLoop: the thread behind a watch. It calls `poll` over and over, pauses with growing jittered
// backoff while polls fail, and says so in the log once when they begin to fail and once when they
// work again.
//
// Threads: stop() from any thread but the loop's own; it returns when a running poll has ended,
// which the Canceller makes happen at once.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "canceller.h"

namespace mlguard::etcd_client {

class PollLoop {
 public:
  using Poll = std::function<base::Status(Canceller&)>;

  // `what` names it in the log: "config/sniffer".
  PollLoop(std::string what, Poll poll);
  ~PollLoop();
  PollLoop(const PollLoop&) = delete;
  PollLoop& operator=(const PollLoop&) = delete;

  void stop();

 private:
  void run();
  void follow();
  void report(const base::Status& status);

  const std::string what_;
  const Poll poll_;
  Canceller canceller_;
  std::optional<base::Error> failing_;  // The last one told. The loop's thread only.
  std::mutex joining_;
  std::condition_variable ended_;
  bool has_ended_ = false;  // Guarded by joining_.
  std::thread thread_;
};

}  // namespace mlguard::etcd_client
