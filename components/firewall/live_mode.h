// The firewall on this host: registered, configured, beating, and enforcing.
#pragma once

#include <string>

namespace mlguard::firewall {

// `default_config`: data/configs/firewall.json. Exit codes: those of agent.h; 1 also when what
// --clear was to take out of the kernel could not be.
int run_live_mode(int argc, char** argv, const std::string& default_config);

}  // namespace mlguard::firewall
