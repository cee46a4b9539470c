// load: drives etcd's JSON gateway or our sealed API, both by the same code, at so little cost per
// request that the server is what is measured. tests/bench/README.md says how to use it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "bench/load_options.h"
#include "support/proc_stat.h"

namespace {

using namespace mlguard::bench;
using mlguard::base::Error;
using mlguard::base::Result;

constexpr double kMicrosecondsPerMillisecond = 1e3;
constexpr std::size_t kDocumentBytesMin = 32;
constexpr std::size_t kDocumentBytesMax = 1024 * 1024;
constexpr int kExitUsage = 2;

enum class SideName { etcd, ours };

struct Flags {
  LoadOptions load;
  SideName side = SideName::ours;
  std::vector<std::string> endpoints;
  std::string credential;
  bool json = false;
};

void define(CLI::App& app, Flags& flags) {
  static const std::map<std::string, Kind> kinds = {
      {"put", Kind::put},     {"get", Kind::get},           {"heartbeat", Kind::heartbeat},
      {"watch", Kind::watch}, {"failover", Kind::failover}, {"leader", Kind::leader}};
  static const std::map<std::string, SideName> sides = {{"etcd", SideName::etcd},
                                                        {"ours", SideName::ours}};
  static const std::map<std::string, Target> targets = {
      {"any", Target::any}, {"leader", Target::leader}, {"follower", Target::follower}};
  static const std::map<std::string, Consistency> levels = {
      {"linearizable", Consistency::linearizable}, {"local", Consistency::local}};
  LoadOptions& load = flags.load;
  app.add_option("KIND", load.kind, "put, get, heartbeat, watch, failover, leader")
      ->required()
      ->transform(CLI::CheckedTransformer(kinds));
  app.add_option("--side", flags.side, "etcd or ours")->transform(CLI::CheckedTransformer(sides));
  app.add_option("--endpoints", flags.endpoints, "host:port,…")->delimiter(',')->required();
  app.add_option("--to", load.target, "Connect to any of them, the leader, or the followers")
      ->transform(CLI::CheckedTransformer(targets));
  app.add_option("--credentials", flags.credential, "An operator's key file (ours)");
  app.add_option("--clients", load.clients, "Connections, each with one request under way")
      ->check(CLI::Range(std::size_t{1}, kLoadClientsMax));
  app.add_option("--threads", load.threads, "Of this generator")
      ->check(CLI::Range(std::size_t{1}, std::size_t{64}));
  app.add_option("--seconds", load.seconds, "Measured time")->check(CLI::PositiveNumber);
  app.add_option("--warmup", load.warmup_s, "Seconds before it")->check(CLI::NonNegativeNumber);
  app.add_option("--size", load.document_bytes, "Bytes of a document")
      ->check(CLI::Range(kDocumentBytesMin, kDocumentBytesMax));
  app.add_option("--keys", load.keys, "Keys written or read in turn; 1: all the same")
      ->check(CLI::PositiveNumber);
  app.add_option("--components", load.components, "Components that beat in turn")
      ->check(CLI::PositiveNumber);
  app.add_option("--consistency", load.consistency, "Of get: linearizable or local")
      ->transform(CLI::CheckedTransformer(levels));
  app.add_option("--pids", load.servers, "Servers whose processor time is counted")->delimiter(',');
  app.add_option("--kill", load.victim, "failover: the leader's process");
  app.add_flag("--json", flags.json, "One line of JSON");
}

Result<std::unique_ptr<Side>> make_side(const Flags& flags) {
  if (flags.side == SideName::etcd) return make_etcd_side();
  return make_our_side(flags.credential);
}

void print(const Flags& flags, LoadReport& report) {
  const auto latency = report.result.latencies.summarize();
  const double rate = static_cast<double>(latency.count) / report.seconds;
  const double each = latency.count == 0 ? 0 : 1.0 / static_cast<double>(latency.count);
  if (flags.json) {
    std::printf(
        "{\"rate_per_s\":%.1f,\"p50_us\":%.1f,\"p95_us\":%.1f,\"p99_us\":%.1f,\"count\":%llu,"
        "\"errors\":%llu,\"server_cpu_us\":%.2f,\"load_cpu_us\":%.2f}\n",
        rate, latency.p50_us, latency.p95_us, latency.p99_us,
        static_cast<unsigned long long>(latency.count),
        static_cast<unsigned long long>(report.result.errors), report.server_cpu_us * each,
        report.own_cpu_us * each);
    return;
  }
  std::printf(
      "%.0f/s  p50 %.2f ms  p95 %.2f ms  p99 %.2f ms  (%llu done, %llu failed)\n", rate,
      latency.p50_us / kMicrosecondsPerMillisecond, latency.p95_us / kMicrosecondsPerMillisecond,
      latency.p99_us / kMicrosecondsPerMillisecond, static_cast<unsigned long long>(latency.count),
      static_cast<unsigned long long>(report.result.errors));
  if (report.own_cpu_us == 0) return;
  std::printf("processor time for each: servers %.1f us, this generator %.1f us\n",
              report.server_cpu_us * each, report.own_cpu_us * each);
}

int complain(const Error& error) {
  std::fprintf(stderr, "load: %s\n", error.message.c_str());
  return 1;
}

int run(Flags& flags) {
  auto endpoints = mlguard::wire::parse_endpoints(flags.endpoints);
  if (!endpoints.ok()) return complain(endpoints.error());
  flags.load.endpoints = std::move(*endpoints);
  const auto side = make_side(flags);
  if (!side.ok()) return complain(side.error());
  if (flags.load.kind == Kind::leader) {
    flags.load.target = Target::leader;
    const auto leader = choose_endpoints(flags.load, **side);
    if (!leader.ok()) return complain(leader.error());
    std::printf("%s\n", leader->front().text().c_str());
    return 0;
  }
  if (flags.load.kind == Kind::failover) {
    const auto gap_ms = run_failover(flags.load, **side);
    if (!gap_ms.ok()) return complain(gap_ms.error());
    std::printf(flags.json ? "{\"gap_ms\":%.1f}\n" : "%.1f ms without a write\n", *gap_ms);
    return 0;
  }
  auto report = flags.load.kind == Kind::watch ? run_watch(flags.load, **side)
                                               : run_steps(flags.load, **side);
  if (!report.ok()) return complain(report.error());
  print(flags, *report);
  if (report->result.errors == 0) return 0;
  std::fprintf(stderr, "load: %s\n", report->result.first_error.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  mlguard::support::raise_open_files_limit();
  Flags flags;
  CLI::App app("Load for etcd-server, and for etcd beside it");
  define(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  return run(flags);
}
