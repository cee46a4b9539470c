#include "ml_detector/live_mode.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>

#include "agent/agent.h"
#include "base/files.h"
#include "base/logging.h"
#include "ml_detector/live_config.h"
#include "ml_detector/live_detector.h"

namespace mlguard::ml_detector {
namespace {

constexpr const char* kAbout =
    "ml-detector: judges the flows that sniffers send, reports detections and makes blocking\n"
    "rules of them. What it has to tell waits on disk while no control plane answers.\n\n"
    "  ml-detector train ...       makes a model from labelled captures\n"
    "  ml-detector evaluate ...    judges a model on captures that it has never seen";

// Where the models lie for a program that runs out of its build tree.
std::string models_beside_the_build() {
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return (program.parent_path().parent_path().parent_path() / "data/models").string();
}

agent::AgentCallbacks callbacks_of(LiveDetector& live) {
  agent::AgentCallbacks callbacks;
  callbacks.check_config = [](std::string_view document) -> base::Status {
    const auto config = parse_detector_config(document);
    return config.ok() ? base::Status() : config.error();
  };
  callbacks.apply_config = [&live](const base::ConfigVersion& version) -> base::Status {
    const auto config = parse_detector_config(version.document);
    return config.ok() ? live.apply(*config) : config.error();
  };
  callbacks.apply_global_config = [&live](const base::ConfigVersion& version) -> base::Status {
    auto networks = parse_shared_allowlist(version.document);
    if (!networks.ok()) return networks.error();
    live.set_shared_allowlist(std::move(*networks));
    return {};
  };
  callbacks.apply_pipeline_keys = [&live](const std::vector<base::PipelineKey>& keys) {
    return live.set_keys(keys);
  };
  callbacks.heartbeat_detail = [&live] { return live.detail(); };
  callbacks.health = [&live] { return live.health(); };
  return callbacks;
}

}  // namespace

int run_live_mode(int argc, char** argv, const std::string& default_config) {
  DetectorOptions options;
  options.models_folders = {MLGUARD_MODELS_DIR, models_beside_the_build()};
  std::string models;
  agent::ParsedFlags parsed =
      agent::parse_agent_flags(argc, argv, base::Role::ml_detector, kAbout, [&](CLI::App& app) {
        app.add_option("--state", options.state_folder,
                       "Where the queue and fetched models are kept (default: NAME, in the "
                       "folder of the state)");
        app.add_option("--models", models, "Where installed models lie")->type_name("FOLDER");
      });
  if (parsed.exit_code >= 0) return parsed.exit_code;
  parsed.options.default_config = default_config;
  options.name = parsed.options.name;
  options.endpoints = parsed.options.endpoints;
  if (!models.empty()) options.models_folders = {models};
  if (options.state_folder.empty()) options.state_folder = base::state_home() + "/" + options.name;
  const base::SystemClock clock;
  auto detector = LiveDetector::create(options, clock);
  if (!detector.ok()) {
    std::cerr << options.name << ": " << detector.error().message << "\n";
    return agent::exit_code_of(detector.error());
  }
  LiveDetector& live = **detector;
  const auto agent = agent::Agent::start(parsed.options, callbacks_of(live));
  if (!agent.ok()) {
    std::cerr << options.name << ": " << agent.error().message << "\n";
    return agent::exit_code_of(agent.error());
  }
  etcd_client::Client& client = (*agent)->client();
  live.connect([&client](const etcd_client::RawRequest& request) { return client.call(request); });
  auto following = client.follow_rules(0, [&live](const base::RuleSet& set) { live.rules(set); });
  const int exit_code = (*agent)->run();
  client.cancel();  // what is in the queue waits there for the next start
  following.reset();
  live.stop();
  return exit_code;
}

}  // namespace mlguard::ml_detector
