// What the firewalls say about the rules: which are in force where, why not, and what they dropped.
// Put together from what they reported as applied and from their heartbeats. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/model.h"
#include "cli/context.h"

namespace mlguard::cli {

struct RuleException {
  std::string why;
  bool partly = false;
};

struct FirewallView {
  std::string name;
  std::string health;          // "healthy", "late", "stale", "dead"; empty: not registered.
  std::uint64_t revision = 0;  // The rules up to here were read back from its kernel.
  bool dry_run = false;
  bool all_told = true;                             // `exceptions` are all that there are.
  std::map<std::string, RuleException> exceptions;  // By the rule's id.
  std::map<std::string, std::uint64_t> packets;     // Dropped, by the rule's id: the most only.
};

struct FirewallsView {
  std::vector<FirewallView> all;
  std::string problem;  // Why nothing, or not everything, is known; or empty.
};

// At most so many are asked for their details; all are counted.
inline constexpr std::size_t kFirewallsAskedMax = 64;

// Needs rights that not every credential has: without them all is empty, and `problem` says so.
FirewallsView fetch_firewalls(Context& context);
// One component's page of GET /components/NAME, with its "applied" rules. False: it has none.
bool read_firewall(std::string_view component_json, FirewallView& view);

enum class RuleState { in_force, partly, not_yet, refused, dry_run, unknown };
const char* to_string(RuleState state);

struct RuleThere {
  RuleState state = RuleState::unknown;
  std::string why;
  std::uint64_t packets = 0;
};
RuleThere rule_there(const FirewallView& firewall, const base::Rule& rule);

// "firewall, firewall-dmz", "5 of 7", "none"; "-" when there is no firewall.
std::string in_force_text(const FirewallsView& firewalls, const base::Rule& rule);
// The rules' JSON with a member "firewalls" in each.
std::string with_firewalls(std::string_view json, const std::vector<base::Rule>& rules,
                           const FirewallsView& firewalls);

}  // namespace mlguard::cli
