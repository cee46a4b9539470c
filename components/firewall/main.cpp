#include <string>
#include <vector>

#include "base/embedded.h"
#include "firewall/live_mode.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kFirewallDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  const std::string config(mlguard::base::kFirewallDefaultConfig.front().content);
  return mlguard::firewall::run_live_mode(argc, argv, config);
}
