// One run: a cluster, its clients and what befalls them, all from one seed. The same seed and
// options give the same run on every machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "oracle.h"
#include "replicator/rules.h"
#include "storage.h"

namespace mlguard::sim {

enum class Scenario {
  storm,    // Everything that faults.h has.
  members,  // That, with changes of membership.
  rivals,   // All stand for election at once, vote, crash and come back within milliseconds.
  // From here on calm but for one thing.
  quiet,          // The lowest port leads within two seconds, goes on, and hands over when asked.
  lone_follower,  // One follower is cut off and comes back: its return must not change the leader.
  deaf_leader,    // A leader hears nobody: it must step down.
  slow_leader,    // A leader whose clock crawls is cut off from its peers, not from its clients.
  old_term,       // Figure 8 of the Raft paper: entries of an old term on a majority, then none.
};
const char* to_string(Scenario scenario);

using MakeStorage =
    std::function<std::unique_ptr<Storage>(const std::string& self, const Membership& bootstrap)>;
std::unique_ptr<Storage> make_model_storage(const std::string& self, const Membership& bootstrap);

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t steps_max = 0;  // Events until the faults end; 0: drawn from the seed.
  std::size_t nodes = 0;        // 1 to 5; 0: drawn from the seed.
  bool trace = false;
  const replicator::Rules* rules = nullptr;  // Null: the product's.
  bool storage_forgets_votes = false;
  MakeStorage make_storage = make_model_storage;
};

struct Outcome {
  std::string violation;  // Empty: everything held.
  Scenario scenario = Scenario::storm;
  std::size_t nodes = 0;
  std::uint64_t steps = 0;
  std::int64_t simulated_ms = 0;
  Coverage coverage;
};

Outcome simulate(const Options& options);

}  // namespace mlguard::sim
