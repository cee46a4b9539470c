#include "agent/component_main.h"
#include "base/embedded.h"
#include "firewall/config_schema.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kFirewallDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  mlguard::agent::ComponentSpec spec;
  spec.role = mlguard::base::Role::firewall;
  spec.about = "firewall: enforces the blocking rules of the control plane on this host.";
  spec.default_config = mlguard::base::kFirewallDefaultConfig.front().content;
  spec.schema = mlguard::firewall::config_schema();
  return mlguard::agent::run_component(argc, argv, spec);
}
