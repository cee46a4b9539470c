#include "rag/live_mode.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>
#include <memory>
#include <utility>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/logging.h"
#include "rag/api_state.h"
#include "rag/follower.h"
#include "rag/live_config.h"
#include "rag/live_rag.h"

namespace mlguard::rag {
namespace {

constexpr const char* kAbout =
    "rag: answers operators' questions about configurations, detections, rules and health, each\n"
    "with what it stands on (ml-guard ask). It listens on no port: questions come to it through\n"
    "the control plane. It changes nothing.\n\n"
    "  rag evaluate ...    judges its answers on a recorded state";

constexpr std::chrono::milliseconds kStateDeadline{10'000};
constexpr std::int64_t kSyncMs = 5'000;  // Of one turn; building anew may take longer.
constexpr mode_t kFolderMode = 0700;

agent::AgentCallbacks callbacks_of(LiveRag& live) {
  agent::AgentCallbacks callbacks;
  callbacks.check_config = [](std::string_view document) -> base::Status {
    const auto config = parse_rag_config(document);
    return config.ok() ? base::Status() : config.error();
  };
  callbacks.apply_config = [&live](const base::ConfigVersion& version) -> base::Status {
    const auto config = parse_rag_config(version.document);
    if (!config.ok()) return config.error();
    live.apply(*config);
    return {};
  };
  callbacks.heartbeat_detail = [&live] { return live.detail(); };
  callbacks.health = [&live] { return live.health(); };
  return callbacks;
}

base::Result<std::unique_ptr<Index>> open_index(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    const auto made = base::make_folders(path.substr(0, slash), kFolderMode);
    if (!made.ok()) return made.error();
  }
  auto index = Index::open(path);
  if (index.ok() && (*index)->rebuilt()) {
    base::log_info("the index is built anew", {{"file", path}});
  }
  return index;
}

// A client of its own: what follows reads what the leader has, while an agent takes what is near.
base::Result<std::unique_ptr<etcd_client::Client>> open_state_client(
    const agent::AgentOptions& options, const std::string& name) {
  etcd_client::ClientOptions client;
  client.endpoints = options.endpoints;
  client.credential_path = options.credential_path.empty()
                               ? base::state_home() + "/" + name + ".credential"
                               : options.credential_path;
  client.client_name = name + "/" + options.version;
  client.call_deadline = kStateDeadline;
  return etcd_client::Client::open(client);
}

// What the working thread stands on, in the order in which it must go again.
struct Sources {
  std::unique_ptr<etcd_client::Client> client;
  std::unique_ptr<StateSource> state;
  std::unique_ptr<Follower> follower;
};

RagParts parts_of(std::unique_ptr<Index> index, Sources& sources, const base::Clock& clock) {
  RagParts parts;
  sources.state = make_api_state(*sources.client);
  sources.follower = std::make_unique<Follower>(*sources.state, *index, clock);
  parts.sync = [&sources, &clock](const RagConfig& config) -> base::Status {
    sources.follower->set_retention(
        {static_cast<int>(config.retention_days), config.documents_max});
    const auto report = sources.follower->sync(clock.monotonic_ms() + kSyncMs);
    if (!report.ok()) return report.error();
    if (report->rebuilt) {
      base::log_info("the index holds the present state", {{"revision", report->revision},
                                                           {"records", report->records},
                                                           {"took_ms", report->took_ms}});
    }
    return {};
  };
  parts.send = [&sources](const etcd_client::RawRequest& request) {
    return sources.client->call(request);
  };
  parts.answerer = Answerer::make(*index);
  parts.index = std::move(index);
  return parts;
}

int complain(const std::string& name, const base::Error& error) {
  std::cerr << name << ": " << error.message << "\n";
  return agent::exit_code_of(error);
}

}  // namespace

int run_live_mode(int argc, char** argv, const std::string& default_config) {
  std::string index_path;
  agent::ParsedFlags parsed =
      agent::parse_agent_flags(argc, argv, base::Role::rag, kAbout, [&](CLI::App& app) {
        app.add_option("--index", index_path,
                       "Where the index is kept (default: NAME/index.db in the folder of the "
                       "state); it may be deleted at any time")
            ->type_name("FILE");
      });
  if (parsed.exit_code >= 0) return parsed.exit_code;
  parsed.options.default_config = default_config;
  const std::string& name = parsed.options.name;
  if (index_path.empty()) index_path = base::state_home() + "/" + name + "/index.db";
  // An endpoint that closes its connection ends no program.
  std::signal(SIGPIPE, SIG_IGN);
  const base::SystemClock clock;
  auto index = open_index(index_path);
  if (!index.ok()) return complain(name, index.error());
  if (const auto docs = put_docs(**index, product_docs()); !docs.ok()) {
    return complain(name, docs.error());
  }
  Sources sources;
  const auto live = LiveRag::create(clock);
  const auto agent = agent::Agent::start(parsed.options, callbacks_of(*live));
  if (!agent.ok()) return complain(name, agent.error());
  auto client = open_state_client(parsed.options, name);
  if (!client.ok()) return complain(name, client.error());
  sources.client = std::move(*client);
  live->start(parts_of(std::move(*index), sources, clock));
  const int exit_code = (*agent)->run();
  sources.client->cancel();
  live->stop();
  return exit_code;
}

}  // namespace mlguard::rag
