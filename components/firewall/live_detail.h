// What a firewall says of itself in its heartbeat, as JSON. docs/firewall.md lists the members.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "firewall/enforcement.h"
#include "firewall/protected_addresses.h"
#include "firewall/rule_table.h"

namespace mlguard::firewall {

struct DetailInput {
  const RuleTable* table = nullptr;
  // Beyond what is never blocked anywhere: the first base::kProtectedToldMax of them are told.
  const std::vector<ProtectedNetwork>* guarded = nullptr;
  std::vector<const Enforcement*> enforcements;
  bool dry_run = false;
  std::string digest;  // In force, as it was read back last.
  std::uint64_t repairs = 0;
  std::string last_repair;
};

// At most base::kDetailBytesMax: lists (rules that block less than they say, rules that dropped
// most) are cut as far as needed, and their "count" tells how many there are.
std::string live_detail(const DetailInput& input);

}  // namespace mlguard::firewall
