// The simulated cluster over the real store: what holds over the model must hold over SQLite. As
// many seeds as fit into the time.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <random>

#include "db_storage.h"
#include "simulation.h"

namespace mlguard::sim {
namespace {

constexpr std::uint64_t kFixedSeedsMin = 40;
constexpr std::uint64_t kFixedSeedsMax = 200;
constexpr auto kFixedTime = std::chrono::seconds(25);
constexpr std::uint64_t kFreshSeeds = 20;

// Runs one seed over the store and adds what it covered.
void run_seed(std::uint64_t seed, Coverage& coverage) {
  Options options;
  options.seed = seed;
  options.make_storage = make_db_storage;
  const Outcome outcome = simulate(options);
  EXPECT_EQ(outcome.violation, "")
      << "replay with: build/tests/sim --db --seed " << seed << " --trace";
  add(coverage, outcome.coverage);
}

TEST(DbSimulationTest, EveryInvariantHoldsOverTheRealStore) {
  const auto deadline = std::chrono::steady_clock::now() + kFixedTime;
  Coverage coverage;
  std::uint64_t seed = 0;
  while (seed < kFixedSeedsMin ||
         (seed < kFixedSeedsMax && std::chrono::steady_clock::now() < deadline)) {
    run_seed(++seed, coverage);
  }
  std::printf(
      "%llu seeds: committed %llu, merges %llu (rows %llu, conflicts %llu), snapshots %llu\n",
      static_cast<unsigned long long>(seed), static_cast<unsigned long long>(coverage.committed),
      static_cast<unsigned long long>(coverage.merges),
      static_cast<unsigned long long>(coverage.merged_rows),
      static_cast<unsigned long long>(coverage.conflicts),
      static_cast<unsigned long long>(coverage.snapshots));
  // A simulator in which nothing happens proves nothing.
  EXPECT_GT(coverage.committed, 20 * seed);
  EXPECT_GT(coverage.merges, seed / 10);
  EXPECT_GT(coverage.conflicts, seed / 20);
  EXPECT_GT(coverage.snapshots, seed / 4);
  EXPECT_GT(coverage.member_changes, seed / 20);
}

TEST(DbSimulationTest, EveryInvariantHoldsOverFreshSeeds) {
  const std::uint64_t first = std::random_device{}() | (1ULL << 32);
  std::printf("fresh seeds %llu to %llu\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + kFreshSeeds - 1));
  Coverage coverage;
  for (std::uint64_t i = 0; i < kFreshSeeds; ++i) run_seed(first + i, coverage);
}

TEST(DbSimulationTest, ASeedReplaysExactlyOverTheRealStore) {
  Options options;
  options.seed = 42;
  options.make_storage = make_db_storage;
  const Outcome once = simulate(options);
  const Outcome again = simulate(options);
  EXPECT_EQ(once.steps, again.steps);
  EXPECT_EQ(once.coverage.committed, again.coverage.committed);
  EXPECT_EQ(once.coverage.operations, again.coverage.operations);
}

}  // namespace
}  // namespace mlguard::sim
