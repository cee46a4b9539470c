// Enforcer: one way to drop packets by their source. Implementations: nft_enforcer.h (nftables),
// xdp_enforcer.h (the pinned maps of components/xdp), dry_run_enforcer.h (says what it would do).
//
// What is in the kernel outlives the process; an enforcer takes over what an earlier one left.
// One thread at a time. Errors: permission_denied (a capability is missing), unsupported, too_large
// (a limit of the kernel's), io (what the kernel said); each message says what to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "firewall/rule_table.h"

namespace mlguard::firewall {

// What the kernel holds, and what it dropped by it.
struct HeldTarget {
  Target target;  // Its end is the kernel's own.
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};
// Ends that differ by less are the same: clocks are slewed, and a listing takes its time.
inline constexpr std::int64_t kEndToleranceMs = 1'000;

enum class Drifted {
  no,
  perhaps,  // There is no telling without a listing.
  surely,   // Something was changed, of ours or beside it.
};

class Enforcer {
 public:
  virtual ~Enforcer() = default;
  virtual const char* name() const = 0;

  // Makes what the entries stand in: table and chain, maps and attachment. True: something of it
  // was there once and was gone or changed, and has been repaired.
  virtual base::Result<bool> prepare() = 0;
  // In one transaction where the kernel has them: all of it or nothing. `now_ms` is what the
  // targets' times are relative to. Unblocking what is not there is no error.
  virtual base::Status change(const TargetChange& change, std::int64_t now_ms) = 0;
  virtual base::Result<std::vector<HeldTarget>> list(std::int64_t now_ms) = 0;
  // Has anybody else changed something since the last list()? Cheap, and asked at every poll.
  virtual Drifted drifted() = 0;
  // Takes everything of ours out of the kernel.
  virtual base::Status clear() = 0;
};

}  // namespace mlguard::firewall
