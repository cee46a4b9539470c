// Connection: one TCP connection of the load generator: connects waiting, sends whole requests and
// receives what is there. ask_once() is for the few questions that need no speed.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "bench/load_http.h"
#include "wire/endpoint.h"

namespace mlguard::bench {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

inline constexpr milliseconds kStallMax{10'000};  // No answer for so long: the run has failed.

class Connection {
 public:
  // Error: unavailable, naming the endpoint.
  static base::Result<Connection> open(const wire::Endpoint& endpoint);

  int fd() const { return fd_.get(); }
  // Waits for room, kStallMax at most. Error: unavailable.
  base::Status send(std::string_view bytes);
  // Reads once what has arrived, without waiting. Error: unavailable once the other side closed.
  base::Status receive(AnswerReader& reader);
  // Until the whole answer is there. Error: timeout; otherwise as above.
  base::Status wait_for_answer(AnswerReader& reader, SteadyClock::time_point deadline);

 private:
  explicit Connection(base::UniqueFd fd) : fd_(std::move(fd)) {}
  base::UniqueFd fd_;
};

// One request on a connection of its own.
base::Result<Answer> ask_once(const wire::Endpoint& endpoint, std::string_view request);

}  // namespace mlguard::bench
