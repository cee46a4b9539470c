// LoadLoop: one thread's clients on one epoll, each with one request under way: answer in, request
// out, until the time is over. The same loop prepares a run, without a measurement.
//
// Threads: a LoadLoop belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "bench/load_connection.h"
#include "bench/load_side.h"
#include "cli/percentiles.h"

namespace mlguard::bench {

inline constexpr std::uint64_t kLoadErrorsMax = 100;  // A run that fails so often ends early.

struct Client {
  std::size_t number = 0;  // Among all clients of the run.
  Connection connection;
  std::unique_ptr<Protocol> protocol;
  AnswerReader reader;
  std::uint64_t steps = 0;  // Requests made, since the loop was told what to do.
  SteadyClock::time_point sent_at{};
  bool under_way = false;  // A request.
  bool broken = false;     // Its connection is of no use any more.
};

// Connects, and handshakes where the side does.
base::Result<Client> open_client(const Side& side, const wire::Endpoint& endpoint,
                                 std::size_t number);

// Appends the client's next request; nothing appended: this client is done.
using NextRequest = std::function<base::Status(Client& client, std::string& out)>;

// What is answered in between counts.
struct Window {
  SteadyClock::time_point begin = SteadyClock::time_point::max();
  SteadyClock::time_point end = SteadyClock::time_point::max();
};

struct LoadResult {
  cli::Latencies latencies;
  std::uint64_t errors = 0;
  std::string first_error;

  void fail(const base::Error& error);
  void merge(const LoadResult& other);
};

class LoadLoop {
 public:
  explicit LoadLoop(std::vector<Client> clients);

  // Until the window ends or every client is done.
  LoadResult run(const NextRequest& next, const Window& window);

 private:
  void ask(Client& client);
  void on_answer(Client& client);
  void settle(Client& client);
  void give_up(Client& client, const base::Error& error);

  std::vector<Client> clients_;
  base::UniqueFd epoll_;
  std::size_t working_ = 0;  // Clients with a request under way.
  std::string out_;
  const NextRequest* next_ = nullptr;
  Window window_;
  LoadResult result_;
};

}  // namespace mlguard::bench
