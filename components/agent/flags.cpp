// The flags that every agent has.
#include <CLI/CLI.hpp>
#include <iostream>
#include <utility>

#include "agent/agent.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/logging.h"

namespace mlguard::agent {

namespace {

constexpr int kExitUsage = 2;

struct RawFlags {
  std::string log_level = "info";
  std::string log_format = "human";
};

void add_flags(CLI::App& app, AgentOptions& options, RawFlags& raw) {
  const std::string role = base::to_string(options.role);
  app.add_option("--endpoints", options.endpoints,
                 "Where etcd-servers listen: host:port, several with commas")
      ->delimiter(',')
      ->envname("MLGUARD_ENDPOINTS")
      ->capture_default_str();
  app.add_option("--name", options.name,
                 "Name of this component: '" + role + "' or '" + role + "-SUFFIX'")
      ->capture_default_str();
  app.add_option("--join", options.join_token,
                 "Join token of 'ml-guard token create', needed once; MLGUARD_JOIN hides it\n"
                 "from the list of processes")
      ->envname("MLGUARD_JOIN");
  app.add_option("--credentials", options.credential_path,
                 "Credential file (default: " + base::state_home() + "/NAME.credential)")
      ->envname("MLGUARD_CREDENTIALS");
  app.add_option("--config", options.config_path,
                 "JSON file uploaded when the control plane has no configuration for this\n"
                 "component yet (default: the built-in one)");
  app.add_option("--log-level", raw.log_level, "debug, info, warn or error")->capture_default_str();
  app.add_option("--log-format", raw.log_format, "human or json")->capture_default_str();
  app.set_version_flag("--version", role + " " + options.version);
}

base::Status check_flags(const AgentOptions& options, const RawFlags& raw) {
  const auto level = base::parse_log_level(raw.log_level);
  if (!level.ok()) return level.error();
  const auto format = base::parse_log_format(raw.log_format);
  if (!format.ok()) return format.error();
  const auto name = base::check_component_name(options.name);
  if (!name.ok()) return name;
  if (!base::name_fits_role(options.name, options.role)) {
    const std::string role = base::to_string(options.role);
    return base::Error{
        base::ErrorCode::invalid_argument, "invalid_name",
        "--name must be '" + role + "' or begin with '" + role + "-', not '" + options.name + "'"};
  }
  base::configure_logging(*level, *format);
  return {};
}

}  // namespace

ParsedFlags parse_agent_flags(int argc, char** argv, base::Role role, const std::string& about,
                              const std::function<void(CLI::App&)>& add_more) {
  ParsedFlags parsed;
  parsed.options.role = role;
  parsed.options.name = base::to_string(role);
  parsed.options.version = MLGUARD_VERSION;
  RawFlags raw;
  CLI::App app(about, base::to_string(role));
  add_flags(app, parsed.options, raw);
  if (add_more) add_more(app);
  app.footer(
      "Exit codes: 0 stopped cleanly; 1 the operation failed; 2 wrong flags; 3 no server could\n"
      "be reached; 4 not permitted or not enrolled.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    parsed.exit_code = app.exit(error) == 0 ? 0 : kExitUsage;
    return parsed;
  }
  const auto checked = check_flags(parsed.options, raw);
  if (!checked.ok()) {
    std::cerr << base::to_string(role) << ": " << checked.error().message << "\n";
    parsed.exit_code = kExitUsage;
  }
  return parsed;
}

int exit_code_of(const base::Error& error) {
  switch (error.code) {
    case base::ErrorCode::unavailable: return 3;
    case base::ErrorCode::unauthenticated:
    case base::ErrorCode::permission_denied: return 4;
    default: return error.reason == "no_credential" ? 4 : 1;
  }
}

}  // namespace mlguard::agent
