#include "firewall/xdp_enforcer.h"

#include <algorithm>
#include <bitset>
#include <chrono>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/logging.h"

namespace mlguard::firewall {
namespace {

using base::Status;

constexpr std::int64_t kNsPerMs = 1'000'000;

xdp::BlockedNetwork blocked(const Network& network) { return {network.address, network.bits}; }

// When the wall clock shows `end_ms`, what does CLOCK_BOOTTIME show?
std::uint64_t boot_end(std::int64_t end_ms, std::int64_t now_ms, std::uint64_t boot_now) {
  if (end_ms == kNeverMs) return 0;
  const std::int64_t left_ns = std::max<std::int64_t>(end_ms - now_ms, 0) * kNsPerMs;
  return boot_now + static_cast<std::uint64_t>(left_ns);
}

class PinnedEnforcer final : public XdpEnforcer {
 public:
  PinnedEnforcer(std::string pin_folder, std::unique_ptr<xdp::Blocklist> list)
      : pin_folder_(std::move(pin_folder)), list_(std::move(list)) {}

  const char* name() const override { return "xdp"; }
  base::Result<bool> prepare() override;
  Status change(const TargetChange& change, std::int64_t now_ms) override;
  base::Result<std::vector<HeldTarget>> list(std::int64_t now_ms) override;
  // The maps have no generation to compare: only a listing tells.
  Drifted drifted() override { return Drifted::perhaps; }
  Status clear() override;
  void set_interfaces(std::vector<std::string> names) override { wanted_ = std::move(names); }
  const std::string& problem() const override { return problem_; }

 private:
  Status load();
  base::Result<bool> remake_what_is_gone();
  void detach_unwanted();
  std::int64_t effective_end(const Network& prefix) const;
  void settle_prefixes(std::vector<Target>& targets);

  const std::string pin_folder_;
  std::unique_ptr<xdp::Blocklist> list_;
  std::unique_ptr<xdp::DataPlane> plane_;
  std::vector<std::string> wanted_;
  std::set<std::string> attached_;
  std::string problem_;
  Targets prefixes_;  // As they were asked for.
  Targets settled_;   // As they are in the kernel.
};

Status PinnedEnforcer::load() {
  if (plane_) return {};
  xdp::DataPlaneOptions options;
  options.pin_folder = pin_folder_;
  options.holder = xdp::Holder::firewall;
  options.flows_max = xdp::kFlowsMin;
  auto loaded = xdp::DataPlane::load(options);
  if (!loaded.ok()) return loaded.error();
  plane_ = std::move(*loaded);
  // What an earlier process left attached is taken over, or given up.
  for (const std::string& name : xdp::attached_interfaces(pin_folder_, xdp::Holder::firewall)) {
    attached_.insert(name);
  }
  detach_unwanted();
  attached_.clear();
  return {};
}

// Somebody took the pins away, and with them what is attached: maps and program are made anew. What
// they held is seen to be missing by the listing that follows.
base::Result<bool> PinnedEnforcer::remake_what_is_gone() {
  const bool all_there = std::all_of(attached_.begin(), attached_.end(),
                                     [&](const std::string& name) { return plane_->holds(name); });
  if (all_there) return false;
  base::log_warn("the pinned maps and programs were taken away: making them anew",
                 {{"pin_folder", pin_folder_}});
  auto list = xdp::Blocklist::open(pin_folder_);
  if (!list.ok()) return list.error();
  list_ = std::move(*list);
  plane_.reset();
  attached_.clear();
  prefixes_.clear();
  settled_.clear();
  const Status loaded = load();
  if (!loaded.ok()) return loaded.error();
  return true;
}

void PinnedEnforcer::detach_unwanted() {
  for (auto at = attached_.begin(); at != attached_.end();) {
    if (std::find(wanted_.begin(), wanted_.end(), *at) != wanted_.end()) {
      ++at;
      continue;
    }
    const Status detached = plane_->detach(*at);
    if (!detached.ok()) {
      base::log_warn("could not detach", {{"interface", *at}, {"error", detached.error().message}});
    } else {
      base::log_info("detached", {{"interface", *at}});
    }
    at = attached_.erase(at);
  }
}

base::Result<bool> PinnedEnforcer::prepare() {
  const Status loaded = load();
  if (!loaded.ok()) return loaded.error();
  const auto remade = remake_what_is_gone();
  if (!remade.ok()) return remade.error();
  detach_unwanted();
  problem_.clear();
  for (const std::string& name : wanted_) {
    if (attached_.count(name) != 0) continue;
    const auto mode = plane_->attach(name);
    if (mode.ok()) {
      attached_.insert(name);
      base::log_info("attached", {{"interface", name}, {"xdp", to_string(*mode)}});
    } else if (problem_.empty()) {
      problem_ = mode.error().message;
    }
  }
  return *remade;
}

// The latest end of the prefix and all that are wider.
std::int64_t PinnedEnforcer::effective_end(const Network& prefix) const {
  std::int64_t end = 0;
  for (unsigned bits = 0; bits <= prefix.bits; ++bits) {
    const auto found = prefixes_.find(shortened(prefix, bits));
    if (found != prefixes_.end()) end = std::max(end, found->second);
  }
  return end;
}

// Adds to `targets` the prefixes whose end in the kernel must be another one now.
void PinnedEnforcer::settle_prefixes(std::vector<Target>& targets) {
  for (const auto& [prefix, end] : prefixes_) {
    const std::int64_t effective = effective_end(prefix);
    const auto [settled, is_new] = settled_.try_emplace(prefix, effective);
    if (!is_new && settled->second == effective) continue;
    settled->second = effective;
    targets.push_back({prefix, effective});
  }
}

Status PinnedEnforcer::change(const TargetChange& change, std::int64_t now_ms) {
  std::vector<Target> targets;
  std::vector<xdp::BlockedNetwork> gone;
  bool prefixes_changed = false;
  for (const Target& target : change.block) {
    if (target.network.bits == kAddressBits) {
      targets.push_back(target);
      continue;
    }
    prefixes_[target.network] = target.expires_at_ms;
    settled_.erase(target.network);  // Written in any case: it may be a repair.
    prefixes_changed = true;
  }
  for (const Network& network : change.unblock) {
    gone.push_back(blocked(network));
    settled_.erase(network);
    prefixes_changed = prefixes_.erase(network) > 0 || prefixes_changed;
  }
  if (prefixes_changed) settle_prefixes(targets);
  const std::uint64_t boot_now = xdp::boot_ns();
  std::vector<xdp::Block> blocks;
  blocks.reserve(targets.size());
  for (const Target& target : targets) {
    blocks.push_back({blocked(target.network), boot_end(target.expires_at_ms, now_ms, boot_now)});
  }
  const Status added = list_->block(blocks);
  const Status removed = list_->unblock(gone);
  if (!added.ok())
    settled_.clear();  // What is in the kernel is not known: written again next time.
  return added.ok() ? removed : added;
}

base::Result<std::vector<HeldTarget>> PinnedEnforcer::list(std::int64_t now_ms) {
  const auto entries = list_->list();
  if (!entries.ok()) return entries.error();
  const std::uint64_t boot_now = xdp::boot_ns();
  std::vector<HeldTarget> held;
  held.reserve(entries->size());
  for (const xdp::BlockInForce& entry : *entries) {
    const std::uint64_t end = entry.block.expires_boot_ns;
    HeldTarget one;
    one.target.network.address = entry.block.network.address;
    one.target.network.bits = static_cast<std::uint8_t>(entry.block.network.prefix_bits);
    // What has ended is in the map still, and listed with its end in the past.
    if (end != 0) {
      const auto left_ns = static_cast<std::int64_t>(end - boot_now);
      one.target.expires_at_ms = now_ms + left_ns / kNsPerMs;
    }
    // A prefix that was given a wider one's end has the one that was asked for.
    const auto settled = settled_.find(one.target.network);
    const auto asked = prefixes_.find(one.target.network);
    if (settled != settled_.end() && asked != prefixes_.end() && settled->second != asked->second) {
      const bool as_settled =
          settled->second == one.target.expires_at_ms ||
          (settled->second != kNeverMs && one.target.expires_at_ms != kNeverMs &&
           std::abs(settled->second - one.target.expires_at_ms) <= kEndToleranceMs);
      if (as_settled) one.target.expires_at_ms = asked->second;
    }
    one.packets = entry.packets;
    one.bytes = entry.bytes;
    held.push_back(one);
  }
  return held;
}

Status PinnedEnforcer::clear() {
  const auto entries = list_->list();
  if (!entries.ok()) return entries.error();
  std::vector<xdp::BlockedNetwork> all;
  for (const xdp::BlockInForce& entry : *entries) all.push_back(entry.block.network);
  const Status removed = list_->unblock(all);
  prefixes_.clear();
  settled_.clear();
  wanted_.clear();
  const Status loaded = load();
  if (!loaded.ok()) return loaded;
  detach_unwanted();
  return removed;
}

}  // namespace

base::Result<std::unique_ptr<XdpEnforcer>> make_xdp_enforcer(const std::string& pin_folder) {
  auto list = xdp::Blocklist::open(pin_folder);
  if (!list.ok()) return list.error();
  return std::unique_ptr<XdpEnforcer>(
      std::make_unique<PinnedEnforcer>(pin_folder, std::move(*list)));
}

}  // namespace mlguard::firewall
