#include "agent/component_main.h"

#include <iostream>

#include "base/logging.h"

namespace mlguard::agent {

int run_component(int argc, char** argv, const ComponentSpec& spec) {
  ParsedFlags flags = parse_agent_flags(
      argc, argv, spec.role,
      spec.about +
          "\n\nThis version does the control-plane part only: it registers, keeps its\n"
          "configuration and sends heartbeats. Its data plane is not built yet.");
  if (flags.exit_code >= 0) return flags.exit_code;
  flags.options.default_config = spec.default_config;

  AgentCallbacks callbacks;
  callbacks.check_config = [&spec](std::string_view document) {
    return check_config(spec.schema, document);
  };
  callbacks.apply_config = [&spec](const base::ConfigVersion& config) {
    return check_config(spec.schema, config.document);
  };
  callbacks.heartbeat_detail = [] { return std::string(R"({"data_plane":"absent"})"); };

  const std::string& name = flags.options.name;
  base::log_info("starting: control-plane part only, the data plane is not built yet",
                 {{"component", name}, {"version", flags.options.version}});
  const auto agent = Agent::start(flags.options, std::move(callbacks));
  if (!agent.ok()) {
    std::cerr << name << ": " << agent.error().message << "\n";
    return exit_code_of(agent.error());
  }
  return (*agent)->run();
}

}  // namespace mlguard::agent
