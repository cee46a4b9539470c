#include "agent/component_main.h"
#include "base/embedded.h"
#include "sniffer/config_schema.h"
#include "sniffer/pcap_mode.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kSnifferDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  if (mlguard::sniffer::wants_pcap_mode(argc, argv)) {
    return mlguard::sniffer::run_pcap_mode(argc, argv);
  }
  mlguard::agent::ComponentSpec spec;
  spec.role = mlguard::base::Role::sniffer;
  spec.about =
      "sniffer: turns the packets of this host's interfaces into flow records.\n\n"
      "sniffer --pcap FILE reads a capture instead, without a control plane: see\n"
      "'sniffer --pcap FILE --help'.";
  spec.default_config = mlguard::base::kSnifferDefaultConfig.front().content;
  spec.schema = mlguard::sniffer::config_schema();
  return mlguard::agent::run_component(argc, argv, spec);
}
