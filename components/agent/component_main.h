// What the mains of the components have in common: flags, the control-plane half of their work,
// and a schema that decides which configurations are applied.
#pragma once

#include <string>

#include "agent/agent.h"
#include "agent/config_schema.h"

namespace mlguard::agent {

struct ComponentSpec {
  base::Role role = base::Role::sniffer;
  std::string about;           // The first lines of --help.
  std::string default_config;  // data/configs/NAME.json
  ConfigSchema schema;
};

// Runs the component until it is stopped: registered, configured and beating, without a data
// plane, which it says in --help, in the log and in every heartbeat. Returns the exit code.
int run_component(int argc, char** argv, const ComponentSpec& spec);

}  // namespace mlguard::agent
