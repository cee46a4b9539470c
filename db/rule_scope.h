// What a rule may name: refuses rules that would block too much, or what keeps this site running.
// Stateless; any thread.
#pragma once

#include "base/model.h"
#include "base/result.h"
#include "db/cidr.h"
#include "db/membership.h"

namespace mlguard::db {

// A drop rule for an instance of the control plane (as far as its members are named by address) or
// for an address that is nobody's (base/rule_scope.h), and any rule that is too wide for whoever
// made it. A rule that merely contains something protected passes: firewalls leave that out.
// Errors: invalid_argument / "rule_too_wide" or "protected_address".
base::Status check_scope(const base::Rule& rule, const Cidr& cidr, const Membership& membership);

}  // namespace mlguard::db
