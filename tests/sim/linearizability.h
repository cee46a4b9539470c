// Is there an order of the recorded operations that a single register could have executed, each
// between its call and its return? Wing and Gong's search with Lowe's memory of visited states, one
// key at a time (linearizability is local), as Porcupine does it. Stateless; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mlguard::sim {

enum class OperationKind {
  read,             // `value` is what was seen; empty: nothing there.
  write,            // `value` is what was written.
  compare_and_set,  // Writes `value` if the register holds `expected`; `succeeded` says whether.
};

// The call was never answered: it may have happened at any time after, or not at all.
inline constexpr std::int64_t kNeverReturned = INT64_MAX;

struct Operation {
  std::string key;
  OperationKind kind = OperationKind::read;
  std::string value;
  std::string expected;
  bool succeeded = true;
  std::int64_t called = 0;
  std::int64_t returned = kNeverReturned;
  std::string label;  // For the explanation: who and what.
};

enum class Verdict { linearizable, violated, undecided };

struct LinearizabilityReport {
  Verdict verdict = Verdict::linearizable;
  std::uint64_t steps = 0;
  std::string explanation;  // When violated: the key and the operations that do not fit.
};

// `steps_max` bounds the search over all keys; beyond it the verdict is undecided.
LinearizabilityReport check_linearizable(const std::vector<Operation>& history,
                                         std::uint64_t steps_max);

// The same history without what makes the search explode: a write that was never answered and that
// nobody saw may stand after everything else, so it is left out; one that was seen took effect
// before whoever saw it first had its answer. REQUIRES: every written value is written once.
std::vector<Operation> settle_unanswered(std::vector<Operation> history);

}  // namespace mlguard::sim
