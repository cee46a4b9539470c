// XdpEnforcer: drops at XDP, before the kernel makes anything of a packet, through the pinned
// blocklist that a sniffer on the same host drops by as well (components/xdp).
//
// The kernel looks up the longest prefix over an address only. So a prefix inside a wider one is
// given the later of both ends: when its own rule ends first, the wider one still holds there.
// Blocks end in the kernel by themselves, to the nanosecond; what has ended is still in the map
// until it is removed, and not listed here.
//
// Threads and errors as in enforcer.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "firewall/enforcer.h"
#include "xdp/blocklist.h"
#include "xdp/data_plane.h"

namespace mlguard::firewall {

class XdpEnforcer : public Enforcer {
 public:
  // The interfaces to attach to; those that were attached and are not named any more are given up.
  // One that is missing is no error of prepare(): it is tried again at every prepare().
  virtual void set_interfaces(std::vector<std::string> names) = 0;
  // Which interfaces are not attached, and why; empty when all are.
  virtual const std::string& problem() const = 0;
};

base::Result<std::unique_ptr<XdpEnforcer>> make_xdp_enforcer(const std::string& pin_folder);

}  // namespace mlguard::firewall
