// The protocol's decisions taken wrongly, one at a time: what the simulator must notice. Each
// replaces one rule of the product (replicator/rules.h), or spoils the storage; the core is the
// same code. Stateless.
#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "replicator/rules.h"

namespace mlguard::sim {

struct Mutation {
  std::string name;                                // "a core that …"
  std::shared_ptr<const replicator::Rules> rules;  // Shared: the list is copied about in tests.
  bool storage_forgets_votes = false;
  std::uint64_t seeds_max = 0;  // Noticed within as many seeds, from seed 1 on.
};

std::vector<Mutation> all_mutations();
// For GoogleTest, which would print the bytes.
std::ostream& operator<<(std::ostream& out, const Mutation& mutation);

}  // namespace mlguard::sim
