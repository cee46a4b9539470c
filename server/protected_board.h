// ProtectedBoard: what the firewalls must not block, as they say themselves in their heartbeats
// (their own addresses, default gateways, allowlists, where they reach the control plane), so that
// a rule for it is refused where it is made, and not only where it would be enforced.
//
// Heartbeats are known to the leader only, and reach the store every few seconds: a new leader
// knows what was stored, and the rest with each firewall's next heartbeat. A firewall that is
// silent still counts, because what it enforced still stands in its kernel; one that unregisters or
// is removed does not.
//
// Bounded: base::kProtectedToldMax networks of each firewall, kProtectedKeptMax in all. A network
// that is wider than a rule may be is not believed: no firewall can switch blocking off for others.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "db/cidr.h"
#include "db/engine.h"

namespace mlguard::server {

inline constexpr std::size_t kProtectedKeptMax = 4'096;
// Rules that come faster are held against what was known so long ago at the most.
inline constexpr std::int64_t kProtectedAgeMsMax = 500;

class ProtectedBoard {
 public:
  // Both must outlive it.
  ProtectedBoard(const db::Engine& engine, const base::Clock& clock)
      : engine_(engine), clock_(clock) {}

  // A rule that lies inside something protected: invalid_argument / "protected_address", which
  // names the firewall and says what to do. One that is wider passes: firewalls leave that part of
  // it out. What is no CIDR passes, for the store to refuse.
  base::Status check(const base::Rule& rule);

 private:
  struct Entry {
    db::Cidr network;
    std::string why;
    std::string firewall;
  };

  void refresh();
  void add_of(const db::Lease& lease);

  const db::Engine& engine_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::vector<Entry> entries_;                // Guarded by mutex_, as below.
  std::optional<std::int64_t> refreshed_ms_;  // Monotonic.
};

}  // namespace mlguard::server
