// FakeKernel: an enforcer in memory, in which others may meddle. One thread.
#pragma once

#include <unordered_map>
#include <utility>
#include <vector>

#include "firewall/enforcer.h"

namespace mlguard::firewall {

class FakeKernel final : public Enforcer {
 public:
  const char* name() const override { return "fake"; }
  base::Result<bool> prepare() override {
    ++prepared;
    return std::exchange(frame_broken, false);
  }
  base::Status change(const TargetChange& change, std::int64_t) override {
    ++changes;
    if (refuses) return base::Error(base::ErrorCode::io, "kernel", "the kernel refused");
    for (const Target& target : change.block) {
      held[target.network] = {target, 0, 0};
    }
    for (const Network& network : change.unblock) held.erase(network);
    return {};
  }
  base::Result<std::vector<HeldTarget>> list(std::int64_t) override {
    ++lists;
    touched = false;
    std::vector<HeldTarget> all;
    const bool with_a_gap = std::exchange(gap_in_next_list, false);
    for (const auto& [network, one] : held) all.push_back(one);
    if (with_a_gap && !all.empty()) all.pop_back();
    return all;
  }
  Drifted drifted() override { return touched ? Drifted::surely : Drifted::no; }
  base::Status clear() override {
    held.clear();
    return {};
  }

  std::unordered_map<Network, HeldTarget, NetworkHash> held;
  bool refuses = false;
  bool touched = false;
  bool gap_in_next_list = false;  // As of a set that grows meanwhile.
  bool frame_broken = false;
  int prepared = 0;
  int changes = 0;
  int lists = 0;
};

}  // namespace mlguard::firewall
