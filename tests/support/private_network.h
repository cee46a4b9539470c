// PrivateNetwork: the calling process in a network namespace of its own, for tests that need
// interfaces; everything in it goes with the process. Needs root; make it before the process has
// other threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace mlguard::support {

// Once for a process; later calls do nothing. Empty, or why it is impossible.
std::string enter_private_network();

// Two ends of a cable, both in this namespace and up, without addresses and without IPv6's own
// chatter: whatever is seen on them was sent by the test.
void make_cable(const std::string& one_end, const std::string& other_end);
// Runs "ip ARGUMENTS"; aborts when it fails, because the test is then meaningless.
void run_ip(const std::string& arguments);

// Sends frames from an interface as they are; what arrives at it is not read.
class FrameSender {
 public:
  explicit FrameSender(const std::string& interface);
  void send(const std::vector<std::uint8_t>& frame);

 private:
  base::UniqueFd socket_;
  int interface_index_;
};

}  // namespace mlguard::support
