#include "firewall/enforcement.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"

namespace mlguard::firewall {
namespace {

bool same_end(std::int64_t a, std::int64_t b) {
  if (a == kNeverMs || b == kNeverMs) return a == b;
  return std::max(a, b) - std::min(a, b) <= kEndToleranceMs;
}

std::string entries(std::size_t count, const char* what) {
  return std::to_string(count) + (count == 1 ? " entry was " : " entries were ") + what;
}

}  // namespace

std::string Drift::text() const {
  std::string all = frame ? "the table or a rule of it was gone or changed" : "";
  const auto add = [&](const std::string& more) { all += (all.empty() ? "" : ", ") + more; };
  if (missing > 0) add(entries(missing, "missing"));
  if (foreign > 0) add(entries(foreign, "not ours"));
  return all;
}

Difference difference_of(const Targets& wanted, const std::vector<HeldTarget>& held,
                         std::int64_t now_ms) {
  Difference found;
  std::size_t present = 0;
  for (const HeldTarget& one : held) {
    const Target& target = one.target;
    const auto match = wanted.find(target.network);
    if (match == wanted.end()) {
      found.change.unblock.push_back(target.network);
      // What has just ended by itself is nobody's doing.
      if (target.expires_at_ms > now_ms + kEndToleranceMs) ++found.drift.foreign;
    } else {
      ++present;
      if (same_end(match->second, target.expires_at_ms)) continue;
      found.change.block.push_back({target.network, match->second});
    }
  }
  if (present == wanted.size()) return found;
  NetworkMap<bool> is_held;
  is_held.reserve(held.size());
  for (const HeldTarget& one : held) is_held.try_emplace(one.target.network);
  for (const auto& [network, end] : wanted) {
    if (is_held.count(network) != 0) continue;
    if (end <= now_ms + kEndToleranceMs) continue;
    found.change.block.push_back({network, end});
    ++found.drift.missing;
  }
  return found;
}

void Enforcement::set_problem(const base::Error& error) {
  if (problem_ != error.message) {
    base::log_warn("cannot enforce", {{"by", enforcer_->name()}, {"problem", error.message}});
  }
  problem_ = error.message;
}

bool Enforcement::change(const TargetChange& change, std::int64_t now_ms) {
  if (change.empty()) return true;
  unread_ = true;
  const base::Status changed = enforcer_->change(change, now_ms);
  if (changed.ok()) return true;
  set_problem(changed.error());
  return false;
}

void Enforcement::follow(const TargetChange& change, const Targets& wanted, std::int64_t now_ms) {
  for (const Network& network : change.unblock) {
    seen_.erase(network);
    dropped_.erase(network);
  }
  const bool was_in_step = in_step_;
  if (in_step_ && !this->change(change, now_ms)) in_step_ = false;
  const Drifted drifted = enforcer_->drifted();
  const auto now = std::chrono::steady_clock::now();
  if (drifted != Drifted::surely && now < may_list_at_) return;
  if (drifted == Drifted::no && in_step_ && !unread_ && now < must_list_at_) return;
  in_step_ = read_back(wanted, now_ms);
  if (!in_step_) return;
  problem_.clear();
  if (!was_in_step) drift_ = {};
}

bool Enforcement::list(std::int64_t now_ms) {
  const auto begin = std::chrono::steady_clock::now();
  auto listed = enforcer_->list(now_ms);
  const auto end = std::chrono::steady_clock::now();
  may_list_at_ = end + (end - begin) * kReadBackShare;
  must_list_at_ = end + kCountEvery;
  if (!listed.ok()) {
    set_problem(listed.error());
    return false;
  }
  listed_ = std::move(*listed);
  unread_ = false;
  ++listings_;
  held_.clear();
  held_.reserve(listed_.size());
  for (const HeldTarget& one : listed_) {
    held_[one.target.network] = one.target.expires_at_ms;
    count(one);
  }
  return true;
}

// The kernel's counts begin anew when an entry is made anew.
void Enforcement::count(const HeldTarget& one) {
  if (one.packets == 0) return;
  Dropped& seen = seen_[one.target.network];
  const bool anew = one.packets < seen.packets;
  const Dropped more = {one.packets - (anew ? 0 : seen.packets),
                        one.bytes - (anew ? 0 : std::min(seen.bytes, one.bytes))};
  seen = {one.packets, one.bytes};
  if (more.packets == 0) return;
  Dropped& dropped = dropped_[one.target.network];
  dropped.packets += more.packets;
  dropped.bytes += more.bytes;
  dropped_in_all_.packets += more.packets;
  dropped_in_all_.bytes += more.bytes;
}

bool Enforcement::read_back(const Targets& wanted, std::int64_t now_ms) {
  const auto prepared = enforcer_->prepare();
  if (!prepared.ok()) {
    set_problem(prepared.error());
    return false;
  }
  if (!list(now_ms)) return false;
  Difference difference = difference_of(wanted, listed_, now_ms);
  const bool first = !std::exchange(prepared_, true);
  if (!first && difference.drift.any() && !*prepared) {
    // A set that grows while it is listed can be listed with gaps: what is really gone still is.
    if (!list(now_ms)) return false;
    difference = difference_of(wanted, listed_, now_ms);
  }
  if (first) {
    // What an earlier process left is as it should be, but the enforcer has not heard of it yet.
    for (const auto& [network, end] : wanted) {
      if (network.bits == kAddressBits) continue;
      const auto held = held_.find(network);
      if (held != held_.end() && same_end(held->second, end)) {
        difference.change.block.push_back({network, end});
      }
    }
  }
  drift_.frame = drift_.frame || *prepared;
  drift_.missing += difference.drift.missing;
  drift_.foreign += difference.drift.foreign;
  if (difference.change.empty()) return true;
  return change(difference.change, now_ms) && list(now_ms);
}

bool Enforcement::holds(const Target& target) const {
  const auto found = held_.find(target.network);
  if (found == held_.end()) return false;
  return found->second >= target.expires_at_ms || same_end(found->second, target.expires_at_ms);
}

}  // namespace mlguard::firewall
