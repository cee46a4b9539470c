// sim: replays one simulated run, or a range of them.
//   sim --seed N [--count N] [--db] [--steps N] [--nodes N] [--trace]
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "db_storage.h"
#include "simulation.h"

namespace {

constexpr const char* kUsage =
    "usage: sim --seed N [--count N] [--db] [--steps N] [--nodes 1..5] [--trace]\n"
    "Replays the simulated cluster of one seed (or of --count seeds from there on) exactly;\n"
    "with --db over the real store instead of the model of it.\n";
constexpr std::uint64_t kNodesMax = 5;

bool parse(const char* text, std::uint64_t& value) {
  char* end = nullptr;
  value = std::strtoull(text, &end, 10);
  return end != text && *end == '\0';
}

}  // namespace

int main(int argc, char** argv) {
  mlguard::sim::Options options;
  std::uint64_t count = 1;
  std::uint64_t nodes = 0;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    std::uint64_t* target = std::strcmp(argv[i], "--seed") == 0    ? &options.seed
                            : std::strcmp(argv[i], "--count") == 0 ? &count
                            : std::strcmp(argv[i], "--steps") == 0 ? &options.steps_max
                            : std::strcmp(argv[i], "--nodes") == 0 ? &nodes
                                                                   : nullptr;
    if (std::strcmp(argv[i], "--trace") == 0) {
      options.trace = true;
    } else if (std::strcmp(argv[i], "--db") == 0) {
      options.make_storage = mlguard::sim::make_db_storage;
    } else if (target == nullptr || !has_value || !parse(argv[++i], *target)) {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  if (nodes > kNodesMax) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  options.nodes = nodes;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::uint64_t failed = 0;
  for (std::uint64_t i = 0; i < count; ++i, ++options.seed) {
    const mlguard::sim::Outcome outcome = mlguard::sim::simulate(options);
    if (outcome.violation.empty() && count > 1) continue;
    std::printf(
        "seed %llu: %s, %zu nodes, %llu steps, %lld simulated ms, %llu elections, "
        "%llu committed, %llu operations: %s\n",
        static_cast<unsigned long long>(options.seed), to_string(outcome.scenario), outcome.nodes,
        static_cast<unsigned long long>(outcome.steps),
        static_cast<long long>(outcome.simulated_ms),
        static_cast<unsigned long long>(outcome.coverage.elections),
        static_cast<unsigned long long>(outcome.coverage.committed),
        static_cast<unsigned long long>(outcome.coverage.operations),
        outcome.violation.empty() ? "holds" : outcome.violation.c_str());
    if (!outcome.violation.empty()) ++failed;
  }
  if (count > 1) {
    std::printf("%llu of %llu seeds failed\n", static_cast<unsigned long long>(failed),
                static_cast<unsigned long long>(count));
  }
  return failed == 0 ? 0 : 1;
}
