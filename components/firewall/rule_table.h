// RuleTable: the rules of the control plane as this firewall holds them, and what they mean for the
// kernel: a set of disjoint or nested networks, each with a time until which it is blocked.
//
// Pure: it is told the time and never waits. One thread at a time.
//
// Of several rules for one network the one that expires last counts. Allow rules protect their
// networks, besides what set_protected() names. An expired rule blocks nothing, but stays in the
// table until the control plane takes it away, so that digests agree. Bounded: at most `rules_max`
// rules are held, operators' and newer ones before others; how many were left out is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/model.h"
#include "base/result.h"
#include "firewall/network.h"
#include "firewall/network_map.h"
#include "firewall/protected_addresses.h"

namespace mlguard::firewall {

// Milliseconds since 1970, as in base::Rule; never is 0 there, and the greatest number here.
inline constexpr std::int64_t kNeverMs = INT64_MAX;

struct Target {
  Network network;
  std::int64_t expires_at_ms = kNeverMs;
  bool operator==(const Target&) const = default;
};
using Targets = NetworkMap<std::int64_t>;  // → expires_at_ms

// What became different. A target that is there already gets the new expiry.
struct TargetChange {
  std::vector<Target> block;
  std::vector<Network> unblock;
  bool empty() const { return block.empty() && unblock.empty(); }
};

// A rule that blocks less than it says.
struct Exception {
  std::string id;
  std::string cidr;
  std::string why;
  bool partly = false;  // The rest of it is blocked.
};

class RuleTable {
 public:
  explicit RuleTable(std::size_t rules_max);

  // A full set or a difference of the rule stream. Errors: precondition_failed / "digest_mismatch":
  // what is held is not what the control plane has: ask for everything (what is held stays).
  base::Status apply(const base::RuleSet& set, std::int64_t now_ms);
  void set_protected(std::vector<ProtectedNetwork> networks);
  // Fewer than are held: the next full set is cut.
  void set_rules_max(std::size_t rules_max) { rules_max_ = rules_max; }
  std::size_t rules_max() const { return rules_max_; }
  // Rules end whose time has come.
  void expire(std::int64_t now_ms);
  // When expire() has something to do next; kNeverMs: not at all.
  std::int64_t next_expiry_ms() const;

  const Targets& targets() const { return targets_; }
  // Since the last call.
  TargetChange take_change();

  bool knows_rules() const { return knows_rules_; }
  std::uint64_t revision() const { return revision_; }
  std::size_t size() const { return rules_.size(); }
  std::size_t left_out() const { return left_out_; }
  // Rules that were left out would fit now: ask for everything.
  bool has_room_again() const { return left_out_ > 0 && rules_.size() < rules_max_; }
  // How many rules block less than they say; the first `max` of them, by id.
  std::size_t exception_count() const { return troubled_.size(); }
  std::vector<Exception> exceptions(std::size_t max) const;

  // Digest (as base::rule_set_digest) of the rules in force when the kernel holds what `holds` says
  // true to: drop rules all of whose networks are there, and allow rules.
  template <class Holds>
  std::uint64_t digest_in_force(const Holds& holds) const;
  // Calls `told(id, network)` for each drop rule in force over the network, for its counters.
  template <class Told>
  void each_rule_of(const Network& target, const Told& told) const;

  // The rules as a full set, to be kept on disk.
  base::RuleSet all() const;

 private:
  enum class Reach : std::uint8_t { nothing, all, part };  // Of a network, what is blocked.

  // There are many: what few have is kept apart.
  struct Held {
    const std::string* id = nullptr;  // Its key in rules_.
    std::string cidr;                 // As it was sent: part of the digest.
    std::string source;
    Network network;
    bool drops = true;
    bool parses = true;
    bool expired = false;
    Origin origin = Origin::operator_;
    std::int64_t expires_at_ms = kNeverMs;
    std::uint64_t revision = 0;
    std::uint64_t digest = 0;
    bool is_troubled = false;  // Why stands in troubled_.
    Held* next = nullptr;      // Of the same place.
  };
  // All drop rules of one network.
  struct Place {
    Held* rules = nullptr;  // The first of them.
    std::int64_t expires_at_ms = 0;
    Reach reach = Reach::nothing;
  };
  // Why a rule is not (wholly) in force.
  struct Trouble {
    std::string why;
    bool partly = false;
  };

  void replace(const base::RuleSet& set, std::int64_t now_ms);
  void remove_others(const std::vector<const base::Rule*>& kept);
  bool put(const base::Rule& rule, std::int64_t now_ms);
  void remove(const std::string& id);
  void forget(Held& held);
  void judge_all();
  void judge(const Network& network, Place& place);
  void judge(const Network& network, Place& place, Origin origin);
  void set_trouble(Held& held, const std::string& why, bool partly);
  std::vector<Network> pieces_of(const Network& network, Reach reach) const;
  // From the pieces that were blocked for the network to those that are.
  void contribute(const Network& network, const std::vector<Network>& before,
                  const std::vector<Network>& after);
  void refresh(const Network& piece);
  void set_target(const Network& network, std::int64_t expires_at_ms);

  std::size_t rules_max_;
  std::unordered_map<std::string, Held> rules_;  // Elements stay where they are.
  NetworkMap<Place> places_;
  NetworkMap<std::vector<Network>> pieces_;  // Of places that block a part.
  // Of pieces that come of wider rules: whose they are.
  NetworkMap<std::vector<Network>> owners_;
  std::set<std::pair<std::int64_t, Held*>> by_expiry_;
  std::map<std::string, Trouble> troubled_;
  std::set<std::string> allows_;
  std::vector<ProtectedNetwork> given_;
  ProtectedAddresses protected_;
  bool allows_changed_ = false;
  Targets targets_;
  NetworkMap<bool> dirty_;  // A set: the values mean nothing.
  std::uint64_t revision_ = 0;
  std::uint64_t digest_ = 0;  // Of rules_.
  std::size_t left_out_ = 0;
  bool knows_rules_ = false;
};

template <class Holds>
std::uint64_t RuleTable::digest_in_force(const Holds& holds) const {
  std::uint64_t digest = 0;
  for (const auto& [id, held] : rules_) {
    if (held.expired || !held.parses) continue;
    // All of what is not troubled is blocked, or allowed.
    if (held.is_troubled) continue;
    if (held.drops && !holds(Target{held.network, held.expires_at_ms})) continue;
    digest ^= held.digest;
  }
  return digest;
}

template <class Told>
void RuleTable::each_rule_of(const Network& target, const Told& told) const {
  const auto tell = [&](const Network& network) {
    const auto found = places_.find(network);
    if (found == places_.end()) return;
    for (const Held* held = found->second.rules; held != nullptr; held = held->next) {
      told(*held->id, network);
    }
  };
  tell(target);
  const auto owned = owners_.find(target);
  if (owned == owners_.end()) return;
  for (const Network& owner : owned->second) tell(owner);
}

}  // namespace mlguard::firewall
