// The captures under MLGUARD_SHARED_DIR. They are not part of the project.
#pragma once

#include <string>
#include <vector>

namespace mlguard::sniffer {

// The folder of pcap-given.tar.xz, unpacked once into the build folder. Empty: there is none.
std::string given_captures();
// The folder of the end-to-end captures, which may be missing.
std::string end_to_end_captures();
// All *.pcap anywhere in the folder, by name.
std::vector<std::string> captures_under(const std::string& folder);

}  // namespace mlguard::sniffer
