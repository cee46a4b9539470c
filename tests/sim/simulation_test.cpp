// The simulated cluster over a fixed set of seeds and over fresh ones, whose numbers are printed so
// that a failure can be replayed: build/tests/sim --seed N. MLGUARD_SIM_SEEDS asks for more fresh
// ones.
#include "simulation.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

namespace mlguard::sim {
namespace {

constexpr std::uint64_t kFixedSeeds = 600;
constexpr std::uint64_t kFreshSeeds = 200;

// Runs seeds from `first` on; returns what they covered.
Coverage run_seeds(std::uint64_t first, std::uint64_t count) {
  Coverage coverage;
  for (std::uint64_t i = 0; i < count; ++i) {
    Options options;
    options.seed = first + i;
    const Outcome outcome = simulate(options);
    EXPECT_EQ(outcome.violation, "")
        << "replay with: build/tests/sim --seed " << options.seed << " --trace";
    add(coverage, outcome.coverage);
  }
  return coverage;
}

TEST(SimulationTest, EveryInvariantHoldsOverTheFixedSeeds) {
  const Coverage coverage = run_seeds(1, kFixedSeeds);
  // A simulator in which nothing happens proves nothing.
  EXPECT_GT(coverage.elections, kFixedSeeds);
  EXPECT_GT(coverage.committed, 20 * kFixedSeeds);
  EXPECT_GT(coverage.merges, kFixedSeeds / 20);
  EXPECT_GT(coverage.merged_rows, kFixedSeeds / 20);
  EXPECT_GT(coverage.conflicts, kFixedSeeds / 20);
  EXPECT_GT(coverage.snapshots, kFixedSeeds / 4);
  EXPECT_GT(coverage.member_changes, kFixedSeeds / 20);
  EXPECT_LT(coverage.unknown_operations, coverage.operations / 4);
  EXPECT_EQ(coverage.undecided_histories, 0U);
  std::printf(
      "elections %llu, committed %llu, merges %llu (rows %llu, conflicts %llu), "
      "snapshots %llu, member changes %llu, operations %llu (unknown %llu)\n",
      static_cast<unsigned long long>(coverage.elections),
      static_cast<unsigned long long>(coverage.committed),
      static_cast<unsigned long long>(coverage.merges),
      static_cast<unsigned long long>(coverage.merged_rows),
      static_cast<unsigned long long>(coverage.conflicts),
      static_cast<unsigned long long>(coverage.snapshots),
      static_cast<unsigned long long>(coverage.member_changes),
      static_cast<unsigned long long>(coverage.operations),
      static_cast<unsigned long long>(coverage.unknown_operations));
}

TEST(SimulationTest, EveryInvariantHoldsOverFreshSeeds) {
  const char* wanted = std::getenv("MLGUARD_SIM_SEEDS");
  const std::uint64_t count = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : kFreshSeeds;
  const std::uint64_t first = std::random_device{}() | (1ULL << 32);
  std::printf("fresh seeds %llu to %llu\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + count - 1));
  run_seeds(first, count);
}

TEST(SimulationTest, ASeedReplaysExactly) {
  Options options;
  options.seed = 42;
  const Outcome once = simulate(options);
  const Outcome again = simulate(options);
  EXPECT_EQ(once.steps, again.steps);
  EXPECT_EQ(once.simulated_ms, again.simulated_ms);
  EXPECT_EQ(once.coverage.committed, again.coverage.committed);
  EXPECT_EQ(once.coverage.operations, again.coverage.operations);
}

TEST(SimulationTest, TheNumberOfNodesAndStepsCanBeGiven) {
  Options options;
  options.seed = 7;
  options.nodes = 1;
  EXPECT_EQ(simulate(options).violation, "");
  options.nodes = 5;
  options.steps_max = 2'000;
  const Outcome outcome = simulate(options);
  EXPECT_EQ(outcome.violation, "");
  EXPECT_EQ(outcome.nodes, 5U);
}

}  // namespace
}  // namespace mlguard::sim
