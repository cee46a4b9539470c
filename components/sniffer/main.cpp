#include <string>
#include <vector>

#include "base/embedded.h"
#include "sniffer/live_mode.h"
#include "sniffer/pcap_mode.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kSnifferDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  if (mlguard::sniffer::wants_pcap_mode(argc, argv)) {
    return mlguard::sniffer::run_pcap_mode(argc, argv);
  }
  if (mlguard::sniffer::wants_standalone_mode(argc, argv)) {
    return mlguard::sniffer::run_standalone_mode(argc, argv);
  }
  if (mlguard::sniffer::wants_detach_mode(argc, argv)) {
    return mlguard::sniffer::run_detach_mode(argc, argv);
  }
  const std::string config(mlguard::base::kSnifferDefaultConfig.front().content);
  return mlguard::sniffer::run_live_mode(argc, argv, config);
}
