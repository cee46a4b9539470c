#include "firewall/live_mode.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <utility>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/logging.h"
#include "base/service_manager.h"
#include "firewall/config_schema.h"
#include "firewall/live_firewall.h"
#include "firewall/remembered.h"
#include "firewall/server_side.h"

namespace mlguard::firewall {
namespace {

constexpr int kExitFailed = 1;
// A boot goes on without us after that; so do we.
constexpr std::chrono::seconds kInForceWithin{10};

constexpr const char* kAbout =
    "firewall: enforces the blocking rules of the control plane on this host, in an nftables "
    "table\n"
    "of its own and, with --xdp, before the kernel makes anything of a packet. Needs root (or\n"
    "CAP_NET_ADMIN; for --xdp also CAP_BPF and CAP_PERFMON).\n\n"
    "What it blocks stays blocked, until its rule ends, when the firewall is stopped; 'firewall\n"
    "--clear' takes everything out of the kernel.";

struct LiveFlags {
  LiveOptions options;
  std::string pin_folder = xdp::kPinFolder;
  bool clear = false;
};

void add_live_flags(CLI::App& app, LiveFlags& flags) {
  app.add_option("--xdp", flags.options.xdp_interfaces,
                 "Also drop at XDP on these interfaces, several with commas (default: the\n"
                 "configuration's)")
      ->delimiter(',');
  app.add_flag("--dry-run", flags.options.dry_run,
               "Follow the rules, say what would be done, and drop nothing");
  app.add_option("--state", flags.options.state_path,
                 "Keeps the rules over a restart (default: " + base::state_home() + "/NAME.rules)");
  app.add_option("--pin-folder", flags.pin_folder,
                 "Where the blocklist and what is attached are kept; shared with the sniffer")
      ->envname("MLGUARD_PIN_FOLDER")
      ->capture_default_str();
  app.add_flag("--clear", flags.clear, "Take everything of ours out of the kernel, and end");
}

EnforcerMakers makers(const LiveFlags& flags) {
  return {[](const NftOptions& options) { return make_nft_enforcer(options); },
          [folder = flags.pin_folder] { return make_xdp_enforcer(folder); }};
}

// The table is the one of the configuration that was in force last.
LiveConfig last_config(const LiveFlags& flags) {
  const auto remembered = load_remembered(flags.options.state_path + ".json");
  if (remembered.ok()) {
    const auto config = parse_live_config(remembered->config);
    if (config.ok()) return *config;
  }
  const auto config = parse_live_config(flags.options.first_config);
  return config.ok() ? *config : LiveConfig();
}

int clear_kernel(const LiveFlags& flags) {
  const LiveConfig config = last_config(flags);
  NftOptions options;
  options.table = config.table;
  const auto nft = make_nft_enforcer(options);
  base::Status cleared = nft.ok() ? (*nft)->clear() : base::Status(nft.error());
  const bool uses_xdp = config.xdp || !flags.options.xdp_interfaces.empty() ||
                        !xdp::attached_interfaces(flags.pin_folder, xdp::Holder::firewall).empty();
  if (cleared.ok() && uses_xdp) {
    const auto xdp = make_xdp_enforcer(flags.pin_folder);
    cleared = xdp.ok() ? (*xdp)->clear() : base::Status(xdp.error());
  }
  if (cleared.ok()) return 0;
  std::cerr << "firewall: " << cleared.error().message << "\n";
  return kExitFailed;
}

agent::AgentCallbacks callbacks_of(LiveFirewall& live) {
  agent::AgentCallbacks callbacks;
  callbacks.check_config = [](std::string_view document) -> base::Status {
    const auto config = parse_live_config(document);
    return config.ok() ? base::Status() : config.error();
  };
  callbacks.apply_config = [&live](const base::ConfigVersion& version) {
    return live.apply(version.document);
  };
  callbacks.apply_global_config = [&live](const base::ConfigVersion& version) {
    return live.apply_global(version.document);
  };
  callbacks.heartbeat_detail = [&live] { return live.detail(); };
  callbacks.health = [&live] { return live.health(); };
  return callbacks;
}

// systemd brings the network up once we say that we are ready (packaging/systemd): what was known
// before a reboot is in force before anybody can talk.
void tell_ready_once_in_force(LiveFirewall& live) {
  if (!base::readiness_is_awaited()) return;
  const auto deadline = std::chrono::steady_clock::now() + kInForceWithin;
  while (live.known_revision() > 0 && !live.in_force()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      base::log_warn("ready, but what was known is not in force yet");
      break;
    }
    live.wait_for_news(kPollInterval);
  }
  const base::Status told = base::tell_ready();
  if (!told.ok()) base::log_warn("not ready for systemd", {{"error", told.error().message}});
}

}  // namespace

int run_live_mode(int argc, char** argv, const std::string& default_config) {
  LiveFlags flags;
  agent::ParsedFlags parsed =
      agent::parse_agent_flags(argc, argv, base::Role::firewall, kAbout,
                               [&flags](CLI::App& app) { add_live_flags(app, flags); });
  if (parsed.exit_code >= 0) return parsed.exit_code;
  const std::string& name = parsed.options.name;
  parsed.options.default_config = default_config;
  flags.options.first_config = default_config;
  if (!parsed.options.config_path.empty()) {
    auto document = base::read_file(parsed.options.config_path, base::kConfigBytesMax);
    if (document.ok() && parse_live_config(*document).ok()) {
      flags.options.first_config = std::move(*document);
    }
  }
  if (flags.options.state_path.empty()) {
    flags.options.state_path = base::state_home() + "/" + name + ".rules";
  }
  if (flags.clear) return clear_kernel(flags);

  const base::SystemClock clock;
  const auto live = LiveFirewall::start(flags.options, makers(flags), clock);
  if (!live.ok()) {
    std::cerr << name << ": " << live.error().message << "\n";
    return kExitFailed;
  }
  tell_ready_once_in_force(**live);
  const auto agent = agent::Agent::start(parsed.options, callbacks_of(**live));
  if (!agent.ok()) {
    std::cerr << name << ": " << agent.error().message << "\n";
    return agent::exit_code_of(agent.error());
  }
  const ServerSide server(**live, (*agent)->client(), name);
  return (*agent)->run();
}

}  // namespace mlguard::firewall
