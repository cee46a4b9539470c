#include "firewall/rule_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/rule_scope.h"

namespace mlguard::firewall {
namespace {

using base::Error;
using base::ErrorCode;

Origin origin_of(const base::Rule& rule) {
  return base::is_of_a_detector(rule) ? Origin::detector : Origin::operator_;
}

std::int64_t end_of(const base::Rule& rule) {
  return rule.expires_at_ms == 0 ? kNeverMs : rule.expires_at_ms;
}

// Those that are kept when not all can be come first.
bool more_important(const base::Rule* a, const base::Rule* b) {
  const bool a_operator = origin_of(*a) == Origin::operator_;
  const bool b_operator = origin_of(*b) == Origin::operator_;
  if (a_operator != b_operator) return a_operator;
  return a->revision != b->revision ? a->revision > b->revision : a->id < b->id;
}

}  // namespace

RuleTable::RuleTable(std::size_t rules_max) : rules_max_(rules_max) {}

base::Status RuleTable::apply(const base::RuleSet& set, std::int64_t now_ms) {
  if (set.full) {
    replace(set, now_ms);
  } else {
    for (const std::string& id : set.removed) remove(id);
    for (const base::Rule& rule : set.rules) {
      if (!put(rule, now_ms)) ++left_out_;
    }
  }
  if (std::exchange(allows_changed_, false)) judge_all();
  revision_ = set.revision;
  knows_rules_ = true;
  expire(now_ms);
  if (left_out_ > 0 || set.digest.empty() || base::format_digest(digest_) == set.digest) return {};
  return Error{ErrorCode::precondition_failed, "digest_mismatch",
               "the rules held here are not those of the control plane at revision " +
                   std::to_string(set.revision) + ": reading all of them again"};
}

void RuleTable::replace(const base::RuleSet& set, std::int64_t now_ms) {
  std::vector<const base::Rule*> kept;
  kept.reserve(set.rules.size());
  for (const base::Rule& rule : set.rules) kept.push_back(&rule);
  left_out_ = kept.size() > rules_max_ ? kept.size() - rules_max_ : 0;
  if (left_out_ > 0) {
    const auto end = kept.begin() + static_cast<std::ptrdiff_t>(rules_max_);
    std::nth_element(kept.begin(), end, kept.end(), more_important);
    kept.erase(end, kept.end());
  }
  rules_.reserve(kept.size());
  places_.reserve(kept.size());
  targets_.reserve(kept.size());
  dirty_.reserve(kept.size());
  std::unordered_set<std::string_view> wanted;
  wanted.reserve(kept.size());
  for (const base::Rule* rule : kept) wanted.insert(rule->id);
  std::vector<std::string> gone;
  for (const auto& [id, held] : rules_) {
    if (wanted.count(id) == 0) gone.push_back(id);
  }
  for (const std::string& id : gone) remove(id);
  for (const base::Rule* rule : kept) put(*rule, now_ms);
}

bool RuleTable::put(const base::Rule& rule, std::int64_t now_ms) {
  const auto [found, is_new] = rules_.try_emplace(rule.id);
  if (is_new && rules_.size() > rules_max_) {
    rules_.erase(found);
    return false;
  }
  const std::uint64_t digest = base::rule_digest(rule);
  Held& held = found->second;
  if (!is_new) {
    held.revision = rule.revision;
    if (held.digest == digest && held.source == rule.source) return true;
    forget(held);
    held = Held();
  }
  held.id = rule.id;
  held.cidr = rule.cidr;
  held.source = rule.source;
  held.drops = rule.action != "allow";
  held.origin = origin_of(rule);
  held.expires_at_ms = end_of(rule);
  held.revision = rule.revision;
  held.digest = digest;
  digest_ ^= digest;
  const auto network = parse_network(rule.cidr);
  held.parses = network.ok();
  held.expired = held.expires_at_ms <= now_ms;
  if (!network.ok()) {
    set_trouble(held, network.error().message, false);
    return true;
  }
  held.network = *network;
  if (held.expired) return true;
  if (held.expires_at_ms != kNeverMs) by_expiry_.emplace(held.expires_at_ms, held.id);
  if (held.drops) {
    Place& place = places_[held.network];
    place.rules.push_back(&held);
    judge(held.network, place);
  } else {
    allows_.insert(held.id);
    allows_changed_ = true;
  }
  return true;
}

void RuleTable::remove(const std::string& id) {
  const auto found = rules_.find(id);
  if (found == rules_.end()) {
    if (left_out_ > 0) --left_out_;
    return;
  }
  forget(found->second);
  rules_.erase(found);
}

// It stays in rules_, and blocks and protects nothing any more.
void RuleTable::forget(Held& held) {
  digest_ ^= held.digest;
  set_trouble(held, {}, false);
  by_expiry_.erase({held.expires_at_ms, held.id});
  if (allows_.erase(held.id) > 0) allows_changed_ = true;
  const auto place = places_.find(held.network);
  if (place == places_.end() || std::erase(place->second.rules, &held) == 0) return;
  judge(place->first, place->second);
  if (place->second.rules.empty()) places_.erase(place);
}

void RuleTable::expire(std::int64_t now_ms) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now_ms) {
    Held& held = rules_.at(by_expiry_.begin()->second);
    forget(held);
    digest_ ^= held.digest;  // The control plane still has it.
    held.expired = true;
  }
  if (std::exchange(allows_changed_, false)) judge_all();
}

std::int64_t RuleTable::next_expiry_ms() const {
  return by_expiry_.empty() ? kNeverMs : by_expiry_.begin()->first;
}

void RuleTable::set_protected(std::vector<ProtectedNetwork> networks) {
  if (networks == given_) return;
  given_ = std::move(networks);
  judge_all();
}

void RuleTable::judge_all() {
  std::vector<ProtectedNetwork> all = given_;
  for (const std::string& id : allows_) {
    all.push_back({rules_.at(id).network, "allowed by the rule " + id});
  }
  protected_ = ProtectedAddresses(std::move(all));
  for (auto& [network, place] : places_) judge(network, place);
}

void RuleTable::judge(const Network& network, Place& place) {
  const std::vector<Network> before = std::exchange(place.pieces, {});
  place.expires_at_ms = 0;
  for (const Origin origin : {Origin::operator_, Origin::detector}) {
    const auto of_origin = [origin](const Held* held) { return held->origin == origin; };
    if (std::none_of(place.rules.begin(), place.rules.end(), of_origin)) continue;
    Verdict verdict = protected_.judge(network, origin);
    for (Held* held : place.rules) {
      if (!of_origin(held)) continue;
      set_trouble(*held, verdict.why, !verdict.pieces.empty());
      if (verdict.pieces.empty()) continue;
      place.expires_at_ms = std::max(place.expires_at_ms, held->expires_at_ms);
    }
    if (!verdict.pieces.empty()) place.pieces = std::move(verdict.pieces);
  }
  contribute(network, before, place);
}

void RuleTable::set_trouble(Held& held, const std::string& why, bool partly) {
  held.why = why;
  held.partly = partly;
  if (why.empty()) {
    troubled_.erase(held.id);
  } else {
    troubled_.insert(held.id);
  }
}

void RuleTable::contribute(const Network& network, const std::vector<Network>& before,
                           const Place& after) {
  const auto is_whole = [&](const std::vector<Network>& pieces) {
    return pieces.size() == 1 && pieces.front() == network;
  };
  // By far the most: a network that nothing else has to do with.
  if ((before.empty() || is_whole(before)) && is_whole(after.pieces) && owners_.empty()) {
    return set_target(network, after.expires_at_ms);
  }
  for (const Network& piece : before) {
    if (piece == network) continue;
    const auto owners = owners_.find(piece);
    std::erase(owners->second, network);
    if (owners->second.empty()) owners_.erase(owners);
  }
  for (const Network& piece : after.pieces) {
    if (piece != network) owners_[piece].push_back(network);
  }
  for (const Network& piece : before) refresh(piece);
  for (const Network& piece : after.pieces) refresh(piece);
}

// Until when is it blocked, by whichever rules?
void RuleTable::refresh(const Network& piece) {
  std::int64_t expires_at_ms = 0;
  const auto consider = [&](const Network& network) {
    const auto place = places_.find(network);
    if (place == places_.end()) return;
    expires_at_ms = std::max(expires_at_ms, place->second.expires_at_ms);
  };
  const auto own = places_.find(piece);
  if (own != places_.end() && own->second.pieces.size() == 1 &&
      own->second.pieces.front() == piece) {
    consider(piece);
  }
  if (const auto owners = owners_.find(piece); owners != owners_.end()) {
    for (const Network& owner : owners->second) consider(owner);
  }
  set_target(piece, expires_at_ms);
}

void RuleTable::set_target(const Network& network, std::int64_t expires_at_ms) {
  if (expires_at_ms == 0) {
    if (targets_.erase(network) > 0) dirty_.insert(network);
    return;
  }
  const auto [target, is_new] = targets_.try_emplace(network, expires_at_ms);
  if (!is_new && target->second == expires_at_ms) return;
  target->second = expires_at_ms;
  dirty_.insert(network);
}

TargetChange RuleTable::take_change() {
  TargetChange change;
  for (const Network& network : dirty_) {
    const auto target = targets_.find(network);
    if (target == targets_.end()) {
      change.unblock.push_back(network);
    } else {
      change.block.push_back({network, target->second});
    }
  }
  dirty_.clear();
  return change;
}

std::vector<Exception> RuleTable::exceptions(std::size_t max) const {
  std::vector<Exception> found;
  for (const std::string& id : troubled_) {
    if (found.size() == max) break;
    const Held& held = rules_.at(id);
    found.push_back({held.id, held.cidr, held.why, held.partly});
  }
  return found;
}

base::RuleSet RuleTable::all() const {
  base::RuleSet set;
  set.revision = revision_;
  set.digest = left_out_ > 0 ? std::string() : base::format_digest(digest_);
  set.rules.reserve(rules_.size());
  for (const auto& [id, held] : rules_) {
    base::Rule rule;
    rule.id = held.id;
    rule.cidr = held.cidr;
    rule.action = held.drops ? "drop" : "allow";
    rule.source = held.source;
    rule.expires_at_ms = held.expires_at_ms == kNeverMs ? 0 : held.expires_at_ms;
    rule.revision = held.revision;
    set.rules.push_back(std::move(rule));
  }
  return set;
}

}  // namespace mlguard::firewall
