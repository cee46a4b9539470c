#include "firewall/dry_run_enforcer.h"

#include "base/logging.h"
#include "base/time_format.h"

namespace mlguard::firewall {
namespace {

class DryRunEnforcer final : public Enforcer {
 public:
  const char* name() const override { return "dry run"; }
  base::Result<bool> prepare() override { return false; }

  base::Status change(const TargetChange& change, std::int64_t) override {
    std::size_t named = 0;
    for (const Target& target : change.block) {
      held_[target.network] = target.expires_at_ms;
      if (++named > kDryRunNamesMax) continue;
      const bool ends = target.expires_at_ms != kNeverMs;
      base::log_info("would block", {{"network", to_text(target.network)},
                                     {"until", ends ? base::iso_time(target.expires_at_ms)
                                                    : std::string("removed")}});
    }
    for (const Network& network : change.unblock) {
      held_.erase(network);
      if (++named > kDryRunNamesMax) continue;
      base::log_info("would unblock", {{"network", to_text(network)}});
    }
    if (named > kDryRunNamesMax) {
      base::log_info("and so on", {{"would block", change.block.size()},
                                   {"would unblock", change.unblock.size()}});
    }
    return {};
  }

  base::Result<std::vector<HeldTarget>> list(std::int64_t now_ms) override {
    std::vector<HeldTarget> all;
    for (const auto& [network, end] : held_) {
      if (end > now_ms) all.push_back({{network, end}, 0, 0});
    }
    return all;
  }
  Drifted drifted() override { return Drifted::no; }
  base::Status clear() override {
    held_.clear();
    return {};
  }

 private:
  Targets held_;
};

}  // namespace

std::unique_ptr<Enforcer> make_dry_run_enforcer() { return std::make_unique<DryRunEnforcer>(); }

}  // namespace mlguard::firewall
