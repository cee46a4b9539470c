// What the load generator is told to do, and what it says at the end. Plain data.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "bench/load_loop.h"
#include "bench/load_side.h"

namespace mlguard::bench {

inline constexpr std::size_t kLoadClientsMax = 4'096;

enum class Kind { put, get, heartbeat, watch, failover, leader };
enum class Target { any, leader, follower };

struct LoadOptions {
  Kind kind = Kind::put;
  Target target = Target::any;
  std::vector<wire::Endpoint> endpoints;
  std::size_t clients = 16;
  std::size_t threads = 1;
  double seconds = 5;
  double warmup_s = 1;
  std::size_t document_bytes = 256;
  std::size_t keys = 1'000;
  std::size_t components = 1'000;
  Consistency consistency = Consistency::linearizable;
  std::vector<pid_t> servers;  // Whose processor time is to be counted.
  pid_t victim = 0;            // failover: the leader's process.
};

struct LoadReport {
  LoadResult result;
  double seconds = 0;
  double server_cpu_us = 0;  // All servers' processor time in the window.
  double own_cpu_us = 0;     // The generator's.
};

// The endpoints that the connections are spread over. Error: there is none of that kind.
base::Result<std::vector<wire::Endpoint>> choose_endpoints(const LoadOptions& options,
                                                           const Side& side);

// put, get, heartbeat: every client repeats its step until the time is over. What it writes stays:
// for servers that are thrown away afterwards.
base::Result<LoadReport> run_steps(const LoadOptions& options, const Side& side);

// One writer, all other clients watch: from the sending of a put to each watcher's notice of it.
base::Result<LoadReport> run_watch(const LoadOptions& options, const Side& side);

// Milliseconds from the victim's kill -9 to the next put that another endpoint acknowledges.
base::Result<double> run_failover(const LoadOptions& options, const Side& side);

}  // namespace mlguard::bench
