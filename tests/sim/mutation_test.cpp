// Proof that the simulator bites: each wrong decision is noticed within its number of seeds.
#include <gtest/gtest.h>

#include <cstdio>

#include "mutations.h"
#include "simulation.h"

namespace mlguard::sim {
namespace {

class MutationTest : public testing::TestWithParam<Mutation> {};

TEST_P(MutationTest, IsNoticed) {
  const Mutation& mutation = GetParam();
  Options options;
  options.rules = mutation.rules.get();
  options.storage_forgets_votes = mutation.storage_forgets_votes;
  for (options.seed = 1; options.seed <= mutation.seeds_max; ++options.seed) {
    const Outcome outcome = simulate(options);
    if (outcome.violation.empty()) continue;
    std::printf("%s: seed %llu: %s\n", mutation.name.c_str(),
                static_cast<unsigned long long>(options.seed), outcome.violation.c_str());
    return;
  }
  FAIL() << "a core that " << mutation.name << " passes " << mutation.seeds_max << " seeds";
}

std::string test_name(const testing::TestParamInfo<Mutation>& info) {
  std::string name;
  bool upper = true;
  for (const char c : info.param.name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) name += upper ? static_cast<char>(c & ~0x20) : c;
    upper = !letter;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(ACoreThat, MutationTest, testing::ValuesIn(all_mutations()), test_name);

}  // namespace
}  // namespace mlguard::sim
