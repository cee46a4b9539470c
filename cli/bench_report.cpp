// What `ml-guard bench` says at the end.
#include <array>
#include <cstdio>

#include "cli/bench.h"
#include "cli/listing.h"
#include "cli/output.h"

namespace mlguard::cli {
namespace {

constexpr double kMicrosecondsPerMillisecond = 1'000.0;

std::string decimal(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string milliseconds_text(double microseconds) {
  return decimal(microseconds / kMicrosecondsPerMillisecond, 2) + " ms";
}

}  // namespace

std::string bench_text(const BenchResult& result) {
  const BenchOptions& options = result.options;
  const LatencySummary& latency = result.latency;
  const bool has_document = options.operation != "heartbeat";
  const std::string level = options.guarantee.empty() ? "" : " (" + options.guarantee + ")";
  std::string text = options.operation + level + ": " +
                     plural(options.clients, "client", "clients") + ", " +
                     decimal(result.elapsed_s, 1) + " s" +
                     (has_document ? ", documents of " + human_bytes(options.size_bytes) : "") +
                     ", at " + result.endpoint + "\n";
  text += "  rate     " + grouped(static_cast<std::uint64_t>(result.rate_per_s())) + "/s  (" +
          grouped(latency.count) + (options.operation == "watch" ? " notifications" : " done") +
          ", " + grouped(result.errors) + " failed)\n";
  text += "  latency  p50 " + milliseconds_text(latency.p50_us) + "  p95 " +
          milliseconds_text(latency.p95_us) + "  p99 " + milliseconds_text(latency.p99_us) +
          "  p99.9 " + milliseconds_text(latency.p999_us) + "\n           max " +
          milliseconds_text(latency.max_us) + "  mean " + milliseconds_text(latency.mean_us) + "\n";
  if (!result.first_error.empty()) text += "  first error: " + harmless(result.first_error) + "\n";
  return text;
}

std::string bench_json(const BenchResult& result) {
  using Kind = JsonField::Kind;
  const LatencySummary& latency = result.latency;
  const auto literal = [](double value) { return decimal(value, 1); };
  const std::string percentiles = json_object({{"p50", literal(latency.p50_us), Kind::literal},
                                               {"p95", literal(latency.p95_us), Kind::literal},
                                               {"p99", literal(latency.p99_us), Kind::literal},
                                               {"p99.9", literal(latency.p999_us), Kind::literal},
                                               {"max", literal(latency.max_us), Kind::literal},
                                               {"mean", literal(latency.mean_us), Kind::literal}});
  return json_object({{"operation", result.options.operation},
                      {"guarantee", result.options.guarantee},
                      {"clients", std::to_string(result.options.clients), Kind::literal},
                      {"size_bytes", std::to_string(result.options.size_bytes), Kind::literal},
                      {"elapsed_s", decimal(result.elapsed_s, 3), Kind::literal},
                      {"operations", std::to_string(latency.count), Kind::literal},
                      {"errors", std::to_string(result.errors), Kind::literal},
                      {"rate_per_s", literal(result.rate_per_s()), Kind::literal},
                      {"latency_us", percentiles, Kind::literal},
                      {"first_error", result.first_error}});
}

}  // namespace mlguard::cli
