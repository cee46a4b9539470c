#include "firewall/rule_table.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_set>
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

void RuleTable::remove_others(const std::vector<const base::Rule*>& kept) {
  std::unordered_set<std::string_view> wanted;
  wanted.reserve(kept.size());
  for (const base::Rule* rule : kept) wanted.insert(rule->id);
  std::vector<std::string> gone;
  for (const auto& [id, held] : rules_) {
    if (wanted.count(id) == 0) gone.push_back(id);
  }
  for (const std::string& id : gone) remove(id);
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
  if (!rules_.empty()) remove_others(kept);
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
  held.id = &found->first;
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
  if (held.expires_at_ms != kNeverMs) by_expiry_.emplace(held.expires_at_ms, &held);
  if (held.drops) {
    Place& place = places_[held.network];
    held.next = std::exchange(place.rules, &held);
    judge(held.network, place);
  } else {
    allows_.insert(*held.id);
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
  if (!by_expiry_.empty()) by_expiry_.erase({held.expires_at_ms, &held});
  if (!held.drops && allows_.erase(*held.id) > 0) allows_changed_ = true;
  const auto found = places_.find(held.network);
  if (found == places_.end()) return;
  Held** link = &found->second.rules;
  while (*link != nullptr && *link != &held) link = &(*link)->next;
  if (*link == nullptr) return;
  *link = std::exchange(held.next, nullptr);
  judge(held.network, found->second);
  if (found->second.rules == nullptr) places_.erase(held.network);
}

void RuleTable::expire(std::int64_t now_ms) {
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now_ms) {
    Held& held = *by_expiry_.begin()->second;
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
  const Reach before = place.reach;
  std::vector<Network> pieces_before;
  if (before == Reach::part) {
    pieces_before = pieces_of(network, before);
    pieces_.erase(network);
  }
  place.expires_at_ms = 0;
  place.reach = Reach::nothing;
  for (const Origin origin : {Origin::operator_, Origin::detector}) judge(network, place, origin);
  // By far the most: a network that nothing else has to do with.
  if (before != Reach::part && place.reach == Reach::all && owners_.empty()) {
    return set_target(network, place.expires_at_ms);
  }
  if (before == Reach::all) pieces_before = {network};
  contribute(network, pieces_before, pieces_of(network, place.reach));
}

void RuleTable::judge(const Network& network, Place& place, Origin origin) {
  const auto each = [&](const auto& told) {
    bool any = false;
    for (Held* held = place.rules; held != nullptr; held = held->next) {
      if (held->origin != origin) continue;
      any = true;
      told(*held);
    }
    return any;
  };
  const auto lasts = [&](const Held& held) {
    place.expires_at_ms = std::max(place.expires_at_ms, held.expires_at_ms);
  };
  if (protected_.frees(network, origin)) {
    const bool any = each([&](Held& held) {
      set_trouble(held, {}, false);
      lasts(held);
    });
    if (any) place.reach = Reach::all;
    return;
  }
  if (!each([](const Held&) {})) return;
  Verdict verdict = protected_.judge(network, origin);
  const bool partly = !verdict.pieces.empty();
  each([&](Held& held) {
    set_trouble(held, verdict.why, partly);
    if (partly) lasts(held);
  });
  if (!partly) return;
  place.reach = Reach::part;
  pieces_[network] = std::move(verdict.pieces);
}

std::vector<Network> RuleTable::pieces_of(const Network& network, Reach reach) const {
  switch (reach) {
    case Reach::nothing: return {};
    case Reach::all: return {network};
    case Reach::part: break;
  }
  return pieces_.at(network);
}

void RuleTable::set_trouble(Held& held, const std::string& why, bool partly) {
  if (why.empty() && held.is_troubled) troubled_.erase(*held.id);
  if (!why.empty()) troubled_[*held.id] = {why, partly};
  held.is_troubled = !why.empty();
}

void RuleTable::contribute(const Network& network, const std::vector<Network>& before,
                           const std::vector<Network>& after) {
  for (const Network& piece : before) {
    if (piece == network) continue;
    std::vector<Network>& owners = owners_[piece];
    std::erase(owners, network);
    if (owners.empty()) owners_.erase(piece);
  }
  for (const Network& piece : after) {
    if (piece != network) owners_[piece].push_back(network);
  }
  for (const Network& piece : before) refresh(piece);
  for (const Network& piece : after) refresh(piece);
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
  if (own != places_.end() && own->second.reach == Reach::all) consider(piece);
  if (const auto owners = owners_.find(piece); owners != owners_.end()) {
    for (const Network& owner : owners->second) consider(owner);
  }
  set_target(piece, expires_at_ms);
}

void RuleTable::set_target(const Network& network, std::int64_t expires_at_ms) {
  if (expires_at_ms == 0) {
    if (targets_.erase(network) > 0) dirty_.try_emplace(network);
    return;
  }
  const auto [target, is_new] = targets_.try_emplace(network, expires_at_ms);
  if (!is_new && target->second == expires_at_ms) return;
  target->second = expires_at_ms;
  dirty_.try_emplace(network);
}

TargetChange RuleTable::take_change() {
  TargetChange change;
  change.block.reserve(dirty_.size());
  for (const auto& [network, unused] : dirty_) {
    const auto target = targets_.find(network);
    if (target == targets_.end()) {
      change.unblock.push_back(network);
    } else {
      change.block.push_back({network, target->second});
    }
  }
  dirty_ = {};
  return change;
}

std::vector<Exception> RuleTable::exceptions(std::size_t max) const {
  std::vector<Exception> found;
  for (const auto& [id, trouble] : troubled_) {
    if (found.size() == max) break;
    found.push_back({id, rules_.at(id).cidr, trouble.why, trouble.partly});
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
    rule.id = id;
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
