// The calling process without any privilege from here on, for tests of what works without root: as
// root it first moves into a network of its own (private_network.h), then becomes nobody. Once for
// a process; make it before the process has other threads, and before what it needs to read.
#pragma once

#include <string>

namespace mlguard::support {

// Empty, or why it is impossible (a build folder that only root may enter, for example).
std::string become_unprivileged(const std::string& build_folder);

}  // namespace mlguard::support
