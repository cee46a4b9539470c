// LiveFirewall: the rules of the control plane, in force on this host.
//
// It enforces what it last knew as soon as it is started, before any server is reached; then it
// follows what it is told. Every kPollInterval (and at once when there is something new) it ends
// the rules whose time has come, repairs what others did to its tables, and reads back what the
// kernel holds. What is in the kernel stays there when the process stops: blocks end in the kernel
// by themselves.
//
// Threads: every method from any; a thread of its own does the work. Nothing it is told blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "firewall/host_addresses.h"
#include "firewall/live_config.h"
#include "firewall/nft_enforcer.h"
#include "firewall/protected_addresses.h"
#include "firewall/xdp_enforcer.h"

namespace mlguard::firewall {

inline constexpr std::chrono::milliseconds kPollInterval{200};

struct LiveOptions {
  std::string state_path;    // Rules; what else is to be remembered is in STATE_PATH.json.
  std::string first_config;  // Until a configuration was applied once.
  bool dry_run = false;      // Whatever the configuration says.
  std::vector<std::string> xdp_interfaces;  // Not empty: instead of the configuration's.
  // Never blocked; asked every few seconds.
  std::function<std::vector<ProtectedNetwork>()> host_addresses = firewall::host_addresses;
};

struct EnforcerMakers {
  std::function<base::Result<std::unique_ptr<Enforcer>>(const NftOptions&)> nft;
  std::function<base::Result<std::unique_ptr<XdpEnforcer>>()> xdp;
};

// What is in force, as it was read back from the kernel.
struct RulesInForce {
  std::uint64_t revision = 0;
  std::string digest;  // As base::rule_set_digest.
  bool operator==(const RulesInForce&) const = default;
};

class LiveFirewall {
 public:
  // Reads what was kept, and begins to work. The clock must outlive it. Error: first_config is not
  // usable.
  static base::Result<std::unique_ptr<LiveFirewall>> start(const LiveOptions& options,
                                                           EnforcerMakers makers,
                                                           const base::Clock& clock);
  virtual ~LiveFirewall() = default;

  // Documents of the control plane. Errors: parse_live_config's; the last good one stays in force.
  virtual base::Status apply(const std::string& document) = 0;
  virtual base::Status apply_global(const std::string& document) = 0;
  // From the rule stream, in its order.
  virtual void rules(base::RuleSet set) = 0;
  virtual void control_plane_is_at(const std::vector<ProtectedNetwork>& addresses) = 0;

  // From where the stream goes on; 0: everything is needed.
  virtual std::uint64_t known_revision() const = 0;
  // Waits until one of the next three has something new, `most` at the longest.
  virtual void wait_for_news(std::chrono::milliseconds most) = 0;
  // True once whenever the stream must begin anew, with everything.
  virtual bool take_wants_all() = 0;
  // Repairs, in words, since the last call: for the audit trail.
  virtual std::vector<std::string> take_repairs() = 0;
  virtual std::optional<RulesInForce> in_force() const = 0;

  // For the heartbeat.
  virtual std::string detail() const = 0;
  virtual base::Status health() const = 0;
};

}  // namespace mlguard::firewall
