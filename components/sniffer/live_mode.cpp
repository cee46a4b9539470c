#include "sniffer/live_mode.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "agent/agent.h"
#include "agent/stop_signal.h"
#include "base/clock.h"
#include "base/logging.h"
#include "sniffer/capture_source.h"
#include "sniffer/config_schema.h"
#include "sniffer/flow_writer.h"
#include "sniffer/interface_source.h"
#include "sniffer/live_sniffer.h"

namespace mlguard::sniffer {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr const char* kAbout =
    "sniffer: turns the packets of this host's interfaces into flow records, drops what is on\n"
    "the blocklist, and sends the records to the ml-detectors. Needs root (or CAP_BPF,\n"
    "CAP_NET_ADMIN, CAP_PERFMON) and Linux 5.18.\n\n"
    "  sniffer --replay FILE ...           plays a capture instead: needs no privileges\n"
    "  sniffer --pcap FILE ...             writes a capture's flows, without a control plane\n"
    "  sniffer --standalone --iface ...    shows what goes by here, without a control plane\n"
    "  sniffer --detach                    takes off what a killed sniffer left attached";

struct LiveFlags {
  LiveOptions options;
  std::vector<std::string> interfaces;
  ReplayOptions replay;
  std::string pace = "1";
  std::string format;
  std::string pin_folder = xdp::kPinFolder;
};

void add_pin_folder(CLI::App& app, LiveFlags& flags) {
  app.add_option("--pin-folder", flags.pin_folder,
                 "Where the blocklist and what is attached are kept; shared with the firewall")
      ->envname("MLGUARD_PIN_FOLDER")
      ->capture_default_str();
}

void add_live_flags(CLI::App& app, LiveFlags& flags) {
  app.add_option("--iface", flags.interfaces,
                 "Interfaces to watch, several with commas (default: those of the configuration)")
      ->delimiter(',');
  app.add_option("--flows", flags.options.flows_path,
                 "Also write one record a flow here; - is standard output");
  app.add_option("--format", flags.format,
                 "csv or jsonl (default: by the name of --flows, else csv)")
      ->check(CLI::IsMember({"csv", "jsonl"}));
  add_pin_folder(app, flags);
}

void add_replay_flags(CLI::App& app, LiveFlags& flags) {
  auto* replay =
      app.add_option("--replay", flags.replay.path,
                     "Play this capture (pcap or pcapng) as if its packets came by now; -\n"
                     "is standard input, which is read to its end first");
  app.add_option("--pace", flags.pace, "Seconds of the capture in a second, 0.01 to 1000, or max")
      ->needs(replay)
      ->capture_default_str();
  app.add_option("--times", flags.replay.times, "Play it so often; 0: until stopped")
      ->needs(replay)
      ->capture_default_str();
}

base::Result<std::unique_ptr<PacketSource>> make_source(LiveFlags& flags,
                                                        const base::Clock& clock) {
  if (!flags.replay.path.empty()) {
    const auto pace = parse_pace(flags.pace);
    if (!pace.ok()) return pace.error();
    flags.replay.pace = *pace;
    return open_capture_source(flags.replay, clock);
  }
  const auto load = [pin_folder = flags.pin_folder](std::uint32_t flows_max) {
    xdp::DataPlaneOptions options;
    options.pin_folder = pin_folder;
    options.flows_max = flows_max;
    return xdp::DataPlane::load(options);
  };
  return make_interface_source(flags.interfaces, load, clock);
}

base::Result<std::unique_ptr<LiveSniffer>> make_sniffer(LiveFlags& flags,
                                                        const base::Clock& clock) {
  flags.options.flows_format = flow_format(flags.format, flags.options.flows_path);
  auto source = make_source(flags, clock);
  if (!source.ok()) return source.error();
  return LiveSniffer::create(flags.options, std::move(*source), clock);
}

int failed(const base::Error& error) {
  std::cerr << "sniffer: " << error.message << "\n";
  return kExitFailed;
}

bool has_argument(int argc, char** argv, std::string_view wanted) {
  return std::any_of(argv + std::min(argc, 1), argv + argc,
                     [wanted](std::string_view argument) { return argument == wanted; });
}

// Takes it over first: a sniffer that still runs holds it.
base::Status take_off(xdp::DataPlane& plane, const std::string& interface) {
  const auto taken = plane.attach(interface);
  if (!taken.ok() && taken.error().reason == "held") return taken.error();
  return plane.detach(interface);
}

}  // namespace

bool wants_detach_mode(int argc, char** argv) { return has_argument(argc, argv, "--detach"); }

int run_detach_mode(int argc, char** argv) {
  CLI::App app(
      "sniffer --detach: takes off what a killed sniffer left attached. What the firewall holds\n"
      "stays, and drops what is blocked.",
      "sniffer");
  LiveFlags flags;
  bool detach = false;
  app.add_flag("--detach", detach, "Take off and end");
  app.add_option("--iface", flags.interfaces,
                 "Only these interfaces, several with commas (default: all that are left)")
      ->delimiter(',');
  add_pin_folder(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  std::vector<std::string> interfaces = flags.interfaces;
  if (interfaces.empty()) {
    interfaces = xdp::attached_interfaces(flags.pin_folder, xdp::Holder::sniffer);
  }
  if (interfaces.empty()) {
    std::cout << "no sniffer has left anything attached\n";
    return 0;
  }
  xdp::DataPlaneOptions options;
  options.pin_folder = flags.pin_folder;
  const auto plane = xdp::DataPlane::load(options);
  if (!plane.ok()) return failed(plane.error());
  for (const std::string& interface : interfaces) {
    const base::Status done = take_off(**plane, interface);
    if (!done.ok()) return failed(done.error());
    std::cout << "detached from " << interface << "\n";
  }
  return 0;
}

bool wants_standalone_mode(int argc, char** argv) {
  return has_argument(argc, argv, "--standalone");
}

int run_standalone_mode(int argc, char** argv) {
  LiveFlags flags;
  flags.options.sends = false;
  LiveConfig config;
  CLI::App app("sniffer --standalone: the flows that go by here, until Ctrl-C.", "sniffer");
  bool standalone = false;
  app.add_flag("--standalone", standalone, "Without a control plane");
  add_live_flags(app, flags);
  app.add_option("--idle-timeout-s", config.idle_timeout_s,
                 "A flow without a packet for so long ends")
      ->check(CLI::Range(1U, 600U))
      ->capture_default_str();
  app.add_option("--active-timeout-s", config.active_timeout_s, "A longer flow is told in parts")
      ->check(CLI::Range(1U, 3'600U))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (flags.interfaces.empty()) {
    std::cerr << "sniffer: --standalone needs --iface (see the names with 'ip -br link')\n";
    return kExitUsage;
  }
  agent::StopSignal stop;
  if (const base::Status taken = stop.install(); !taken.ok()) return failed(taken.error());
  const base::SystemClock clock;
  auto sniffer = make_sniffer(flags, clock);
  if (!sniffer.ok()) return failed(sniffer.error());
  base::Status working = (*sniffer)->apply(config);
  if (working.ok()) working = (*sniffer)->health();
  if (!working.ok()) return failed(working.error());
  stop.wait();
  (*sniffer)->stop();
  std::cerr << (*sniffer)->detail() << "\n";
  working = (*sniffer)->health();
  return working.ok() ? 0 : failed(working.error());
}

namespace {

agent::AgentCallbacks callbacks_of(LiveSniffer& live) {
  agent::AgentCallbacks callbacks;
  callbacks.check_config = [](std::string_view document) {
    return agent::check_config(config_schema(), document);
  };
  callbacks.apply_config = [&live](const base::ConfigVersion& version) -> base::Status {
    const base::Result<LiveConfig> config = parse_live_config(version.document);
    if (!config.ok()) return config.error();
    return live.apply(*config);
  };
  callbacks.apply_pipeline_keys = [&live](const std::vector<base::PipelineKey>& keys) {
    return live.set_keys(keys);
  };
  callbacks.heartbeat_detail = [&live] { return live.detail(); };
  callbacks.health = [&live] { return live.health(); };
  return callbacks;
}

// Until it is stopped, or its capture was played.
int run_agent(agent::Agent& agent, LiveSniffer& live) {
  std::thread ender([&agent, &live] {
    live.wait_for_end();
    agent.stop();
  });
  const int code = agent.run();
  live.stop();
  ender.join();
  return code;
}

}  // namespace

int run_live_mode(int argc, char** argv, const std::string& default_config) {
  LiveFlags flags;
  agent::ParsedFlags parsed =
      agent::parse_agent_flags(argc, argv, base::Role::sniffer, kAbout, [&flags](CLI::App& app) {
        add_live_flags(app, flags);
        add_replay_flags(app, flags);
      });
  if (parsed.exit_code >= 0) return parsed.exit_code;
  const bool replays = !flags.replay.path.empty();
  if (replays && !flags.interfaces.empty()) {
    std::cerr << "sniffer: --iface watches this machine and --replay plays a capture: choose one\n";
    return kExitUsage;
  }
  parsed.options.default_config = default_config;
  flags.options.name = parsed.options.name;
  const base::SystemClock clock;
  const auto sniffer = make_sniffer(flags, clock);
  if (!sniffer.ok()) {
    failed(sniffer.error());
    return sniffer.error().reason == "invalid_pace" ? kExitUsage : kExitFailed;
  }
  LiveSniffer& live = **sniffer;
  const auto agent = agent::Agent::start(parsed.options, callbacks_of(live));
  if (!agent.ok()) {
    std::cerr << parsed.options.name << ": " << agent.error().message << "\n";
    return agent::exit_code_of(agent.error());
  }
  const int code = run_agent(**agent, live);
  const base::Status health = live.health();
  return code == 0 && replays && !health.ok() ? failed(health.error()) : code;
}

}  // namespace mlguard::sniffer
