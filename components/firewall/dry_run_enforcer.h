// DryRunEnforcer: says what another one would do, and holds what it would hold, but touches no
// kernel. Threads as in enforcer.h; nothing fails.
#pragma once

#include <memory>

#include "firewall/enforcer.h"

namespace mlguard::firewall {

// Of one change at most so many networks are named in the log.
inline constexpr std::size_t kDryRunNamesMax = 20;

std::unique_ptr<Enforcer> make_dry_run_enforcer();

}  // namespace mlguard::firewall
