// ml-guard bench: measure a server with the same client library that agents use.
#include "cli/bench.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "base/model.h"
#include "base/time_format.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/listing.h"

namespace mlguard::cli {
namespace {

constexpr std::size_t kDocumentBytesMin = 32;

struct BenchFlags {
  std::string operation;
  std::size_t clients = 16;
  std::string duration = "10s";
  std::size_t size_bytes = 256;
};

base::Result<BenchOptions> check(const BenchFlags& options) {
  static const std::vector<std::string> operations = {"put", "get", "heartbeat", "watch"};
  if (std::find(operations.begin(), operations.end(), options.operation) == operations.end()) {
    return usage_error("'" + options.operation + "' is not one of put, get, heartbeat, watch");
  }
  auto duration = base::parse_duration_ms(options.duration);
  if (!duration.ok() || *duration <= 0) {
    return usage_error("--duration '" + options.duration + "' is not a duration such as 10s");
  }
  if (options.clients == 0 || options.clients > kBenchClientsMax) {
    return usage_error("--clients is a number from 1 to " + std::to_string(kBenchClientsMax));
  }
  if (options.size_bytes < kDocumentBytesMin || options.size_bytes > base::kConfigBytesMax) {
    return usage_error("--size is a number of bytes from " + std::to_string(kDocumentBytesMin) +
                       " to " + std::to_string(base::kConfigBytesMax));
  }
  return BenchOptions{options.operation, options.clients, std::chrono::milliseconds(*duration),
                      options.size_bytes};
}

// What the clients' settings mean for that operation. Heartbeats and watches know no levels.
std::string guarantee_of(const std::string& operation, const Settings& settings) {
  if (operation == "get") return to_string(settings.consistency);
  if (operation == "put") return to_string(settings.ack);
  return "";
}

base::Status run(Context& context, const BenchFlags& typed) {
  auto options = check(typed);
  if (!options.ok()) return options.error();
  options->guarantee = guarantee_of(options->operation, context.settings());
  auto result = run_bench(*options, [&context] { return context.open_client(); });
  if (!result.ok()) return result.error();
  if (context.json()) {
    context.out() << pretty_json(bench_json(*result));
  } else if (context.raw()) {
    context.out() << bench_json(*result) << "\n";
  } else {
    context.out() << bench_text(*result);
  }
  if (result->latency.count > 0) return {};
  return base::Error{base::ErrorCode::internal, "bench_failed",
                     "not one operation succeeded: " + result->first_error};
}

}  // namespace

void define_bench(CLI::App& app, Context& context) {
  const auto options = std::make_shared<BenchFlags>();
  app.add_option("OPERATION", options->operation, "put, get, heartbeat or watch")->required();
  app.add_option("--clients", options->clients,
                 "Threads, each with a connection of its own (default: 16)")
      ->type_name("N");
  app.add_option("--duration", options->duration, "How long (default: 10s)")->type_name("10s");
  app.add_option("--size", options->size_bytes, "Bytes of a document (default: 256)")
      ->type_name("BYTES");
  set_examples(app,
               {"bench put --clients 16 --duration 10s --size 256", "bench get --consistency local",
                "bench put --ack leader -o json", "bench heartbeat", "bench watch --clients 100"});
  set_action(app, context, [&context, options] { return run(context, *options); });
}

}  // namespace mlguard::cli
