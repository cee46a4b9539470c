// Whether an answer says more than its passages do. Every number, time, address and id of a
// statement must stand in a passage that this statement cites; a time may be told in the asker's
// zone or by its age. Who writes an answer from passages (the extractive side, a language model)
// has it checked here: the model's prose is thrown away when something is invented.
//
// Limits: it knows figures, not meanings: "10.0.0.5 is not blocked" beside a passage that says the
// contrary passes. Pure functions; safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/ask.h"

namespace mlguard::rag {

enum class FactKind { number, address, time, clock, age, id };

struct Fact {
  FactKind kind = FactKind::number;
  std::string text;  // as it stands there
};

// In the order in which they stand.
std::vector<Fact> facts_of(std::string_view text);

// One statement: what stands before a row of citation marks ("[1][2]"), and the marks.
struct Statement {
  std::string text;
  std::vector<std::size_t> cited;  // from 1; numbers that no citation has are left out
  bool marked = false;             // false: nothing was cited
};
std::vector<Statement> statements_of(const wire::Answer& answer);

struct UnsupportedFact {
  Fact fact;
  std::string statement;
};

// What of the answer stands on nothing. The question's own figures are allowed where the answer
// repeats what was asked for: when it does not know, and when it is
// asked for a change. A statement without
// marks may only repeat those.
std::vector<UnsupportedFact> unsupported_facts(const wire::Answer& answer,
                                               const wire::Question& question);

}  // namespace mlguard::rag
