// What a firewall must know besides its rules to enforce them before it has reached a server: its
// configuration, and whom the control plane said never to block. One small JSON file, replaced
// atomically. One thread at a time.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "firewall/protected_addresses.h"

namespace mlguard::firewall {

struct Remembered {
  std::string config;  // The document, as it was applied; empty: none yet.
  std::vector<std::string> global_allowlist;
  std::vector<ProtectedNetwork> control_plane;  // Addresses of its instances.
  bool operator==(const Remembered&) const = default;
};

// Error: not_found when there is none; corrupt / "invalid_state" when it makes no sense.
base::Result<Remembered> load_remembered(const std::string& path);
base::Status save_remembered(const std::string& path, const Remembered& remembered);

}  // namespace mlguard::firewall
