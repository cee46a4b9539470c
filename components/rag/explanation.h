// A detection's explanation in plain words: what fired, at which figures, and why nothing was
// blocked. Pure functions; any thread.
#pragma once

#include <string>

#include "rag/record.h"

namespace mlguard::rag {

// "port_scan saw ports 80 (limit 20), half_open 1 (limit 0.6)"; empty: nothing was told.
std::string explanation_of(const Record& detection);
// "it is on the allowlist (allowlisted)"; empty: it was blocked, or nothing was told.
std::string not_blocked_because(const Record& detection);

}  // namespace mlguard::rag
