// The load generator behind `ml-guard bench`: as many blocking threads as clients, each with a
// Client and so a connection of its own, as agents have.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/percentiles.h"
#include "etcd_client/client.h"

namespace mlguard::cli {

inline constexpr std::size_t kBenchClientsMax = 1'024;

struct BenchOptions {
  std::string operation;  // put, get, heartbeat, watch
  std::size_t clients = 16;
  std::chrono::milliseconds duration{10'000};
  std::size_t size_bytes = 256;
  std::string guarantee{};  // "linearizable", "local" of reads, "quorum" of writes; empty: none
};

struct BenchResult {
  BenchOptions options;
  double elapsed_s = 0;
  std::uint64_t errors = 0;
  std::string first_error;
  LatencySummary latency;
  std::string endpoint;

  double rate_per_s() const {
    return elapsed_s > 0 ? static_cast<double>(latency.count) / elapsed_s : 0;
  }
};

using OpenClient = std::function<base::Result<std::unique_ptr<etcd_client::Client>>()>;

// Everything it makes is called bench-… (components: sniffer-bench-…) and is removed at the end.
// Components are unregistered, never removed: that would revoke the operator's own key. Errors:
// whatever keeps the load from beginning; single failures later are counted. Ctrl-C ends it early,
// and it still cleans up.
base::Result<BenchResult> run_bench(const BenchOptions& options, const OpenClient& open_client);

std::string bench_text(const BenchResult& result);
std::string bench_json(const BenchResult& result);

// A JSON document of exactly `bytes` (at least 16), different for each `number`.
std::string bench_document(std::size_t bytes, std::uint64_t number);

}  // namespace mlguard::cli
