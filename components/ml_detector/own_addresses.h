// The addresses that must never be blocked because we live by them: this host's own, and those of
// the control plane's instances. Asks the kernel and the resolver: may take seconds when a name
// server is down. Stateless; safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "ml_detector/networks.h"

namespace mlguard::ml_detector {

// `endpoints`: "host:port" as --endpoints has them. What cannot be resolved is left out.
std::vector<Network> own_addresses(const std::vector<std::string>& endpoints);

}  // namespace mlguard::ml_detector
