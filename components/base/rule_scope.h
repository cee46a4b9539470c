// Whom a blocking rule may not name, and how wide one may be: what the control plane refuses and,
// should a rule get past it, the firewall does not enforce. Constants and a pure function; any
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/model.h"

namespace mlguard::base {

struct NeverBlocked {
  std::string_view cidr;
  std::string_view why;  // "loopback"
};
inline constexpr std::array<NeverBlocked, 7> kNeverBlocked = {
    {{"127.0.0.0/8", "loopback"},
     {"::1/128", "loopback"},
     {"0.0.0.0/8", "unspecified"},
     {"::/128", "unspecified"},
     {"224.0.0.0/4", "multicast"},
     {"ff00::/8", "multicast"},
     {"255.255.255.255/32", "broadcast"}}};

// A detector sees hosts, and blocks them or a small neighbourhood.
inline constexpr unsigned kDetectorBitsMinIpv4 = 16;
inline constexpr unsigned kDetectorBitsMinIpv6 = 32;
// What an operator may block or allow with one rule: as much as a registry gives to a continent.
// Anything wider is more likely a slip of the finger than meant.
inline constexpr unsigned kOperatorBitsMinIpv4 = 8;
inline constexpr unsigned kOperatorBitsMinIpv6 = 12;

// A firewall reports so many of its protected networks (live_detail.h), and the control plane takes
// so many from one firewall.
inline constexpr std::size_t kProtectedToldMax = 32;
inline constexpr std::string_view kOnTheAllowlist = "on the allowlist";

inline bool is_of_a_detector(const Rule& rule) {
  return name_fits_role(rule.source, Role::ml_detector);
}

}  // namespace mlguard::base
