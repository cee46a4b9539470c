// NftEnforcer: drops in nftables, in a table of its own (`inet NAME`), which nobody else should
// touch and which touches nothing else.
//
// One chain, at the prerouting hook, before connection tracking by default, so that neither what is
// for this host nor what it forwards costs more than the lookups. For each prefix length in use one
// hash set with a rule "ip saddr & MASK @v4_24 drop": prefixes of different lengths may overlap
// freely, and each element has its own timeout (to the millisecond) and counter. Single addresses
// are spread over 32 sets, by their last bits, so that they can be listed quickly
// (docs/decisions/0005-nft-elements.md).
//
// Threads and errors as in enforcer.h.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "firewall/enforcer.h"

namespace mlguard::firewall {

struct NftOptions {
  std::string table = "ml_guard";  // 1 to 63 of a-z A-Z 0-9 _, no digit first
  int priority = -310;             // Of the chain: before raw (-300) and conntrack (-200).
  bool operator==(const NftOptions&) const = default;
};

base::Result<std::unique_ptr<Enforcer>> make_nft_enforcer(const NftOptions& options);

// invalid_argument / "invalid_table" for a name that is none.
base::Status check_nft_table(const std::string& name);

}  // namespace mlguard::firewall
