#include "agent/component_main.h"
#include "base/embedded.h"
#include "sniffer/config_schema.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kSnifferDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  mlguard::agent::ComponentSpec spec;
  spec.role = mlguard::base::Role::sniffer;
  spec.about = "sniffer: turns the packets of this host's interfaces into flow records.";
  spec.default_config = mlguard::base::kSnifferDefaultConfig.front().content;
  spec.schema = mlguard::sniffer::config_schema();
  return mlguard::agent::run_component(argc, argv, spec);
}
