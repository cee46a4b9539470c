#include "server/restore_command.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/files.h"
#include "base/time_format.h"
#include "replicator/restore.h"
#include "server/flags.h"
#include "wire/credentials.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::Result;

// As typed, before anything is checked.
struct Typed {
  std::string from;
  std::optional<std::uint64_t> to_revision;
  std::string data_dir;
  std::string cluster_key;
  std::string only_member;
  bool list = false;
  bool json = false;
};

void describe(CLI::App& app, Typed& typed) {
  app.add_option("--from", typed.from, "The folder that was shipped to (--ship-to)")
      ->required()
      ->type_name("DIR");
  app.add_option("--to-revision", typed.to_revision, "The state as of this revision [the last]")
      ->type_name("N");
  app.add_option("--data-dir", typed.data_dir, "Where to put it: a folder without a control.db")
      ->type_name("DIR");
  app.add_option("--cluster-key", typed.cluster_key,
                 "The key of the cluster that shipped it [" + base::state_home() + "/" +
                     wire::kClusterKeyFile + "]")
      ->type_name("FILE");
  app.add_option("--only-member", typed.only_member,
                 "Where the state names members: make this one the only one")
      ->type_name("HOST:PORT");
  app.add_flag("--list", typed.list, "Only show which revisions can be restored");
  app.add_flag("--json", typed.json, "For programs");
}

std::string time_or_unknown(std::int64_t time_ms) {
  return time_ms > 0 ? base::iso_time(time_ms) : "an unknown time";
}

Result<wire::ClusterKey> load_key(const std::string& path) {
  Result<wire::ClusterKey> key = wire::load_cluster_key(path);
  if (key.ok() || key.error().code != base::ErrorCode::not_found) return key;
  return Error{base::ErrorCode::not_found, "no_cluster_key",
               "there is no cluster key " + path +
                   ": what is shipped is sealed with it; name it with --cluster-key FILE"};
}

// ---- restore -------------------------------------------------------------------------------

std::string port_of(const Typed& typed) {
  const std::size_t colon = typed.only_member.rfind(':');
  return colon == std::string::npos ? std::to_string(kDefaultPort)
                                    : typed.only_member.substr(colon + 1);
}

void print_members(const replicator::RestoreReport& report, std::ostream& out) {
  if (report.members.empty()) return;
  std::string names;
  for (const std::string& member : report.members) names += (names.empty() ? "" : ", ") + member;
  out << "members   " << names << "\n";
  if (report.members.size() == 1) return;
  out << "          It waits for a majority of them: restore this revision for each and start\n"
         "          them, or restore again with --only-member HOST:PORT.\n";
}

void print_report(const replicator::RestoreReport& report, const Typed& typed,
                  const std::string& key_path, std::ostream& out) {
  out << "restored  revision " << report.revision << " of " << time_or_unknown(report.time_ms)
      << ", term " << report.term << "\nfrom      " << typed.from << ": " << report.snapshot
      << " and " << report.segments << (report.segments == 1 ? " segment" : " segments")
      << "\nhistory   " << report.entries_checked
      << " entries, each digest recomputed: " << report.digest << "\nrows      " << report.rows
      << " rows, each hashed; their sum is the state digest\ndigest    " << report.state_digest
      << "\ninto      " << report.database << ", node " << report.node_id << "\n";
  print_members(report, out);
  out << "\nStart it:\n  etcd-server --port " << port_of(typed) << " --data-dir " << typed.data_dir
      << " --cluster-key " << key_path << "\nand look at it:\n  ml-guard verify\n";
}

nlohmann::ordered_json json_of(const replicator::RestoreReport& report) {
  return {{"revision", report.revision},
          {"term", report.term},
          {"time", base::iso_time(report.time_ms)},
          {"rows", report.rows},
          {"entries_checked", report.entries_checked},
          {"digest", report.digest},
          {"state_digest", report.state_digest},
          {"node", report.node_id},
          {"database", report.database},
          {"snapshot", report.snapshot},
          {"segments", report.segments},
          {"members", report.members}};
}

Result<int> run_restore(const Typed& typed, const wire::ClusterKey& key,
                        const std::string& key_path, std::ostream& out) {
  base::SystemClock clock;
  const replicator::RestoreOptions options{typed.from, typed.to_revision, typed.data_dir,
                                           typed.only_member};
  const auto report = replicator::restore(options, replicator::ShippingKey::of(key), clock);
  if (!report.ok()) return report.error();
  if (typed.json) {
    out << json_of(*report).dump(2) << "\n";
  } else {
    print_report(*report, typed, key_path, out);
  }
  return 0;
}

// ---- restore --list ------------------------------------------------------------------------

void print_range(const replicator::RestorableRange& range, std::ostream& out) {
  out << "any revision from " << range.snapshots.front().last << " to " << range.last.revision
      << "\n";
  for (const replicator::FileHeader& snapshot : range.snapshots) {
    out << "  " << snapshot.last << "  " << time_or_unknown(snapshot.time_ms) << "  snapshot\n";
  }
  out << "  " << range.last.revision << "  " << time_or_unknown(range.last_time_ms) << "  last\n";
}

void print_list(const replicator::RestoreList& list, const std::string& from, std::ostream& out) {
  out << from << "\n\n";
  bool in_force = true;
  for (const replicator::RestorableGeneration& generation : list.generations) {
    if (!in_force) out << "\nof an earlier history:\n";
    in_force = false;
    for (const replicator::RestorableRange& range : generation.ranges) print_range(range, out);
  }
  if (list.generations.empty()) out << "nothing: there is no snapshot to begin with\n";
  if (!list.problems.empty()) out << "\nnot usable:\n";
  for (const Error& problem : list.problems) out << "  " << problem.message << "\n";
  if (!list.replaced.empty()) out << "\nbefore an earlier restore, see --list --from\n";
  for (const std::string& path : list.replaced) out << "  " << path << "\n";
}

nlohmann::ordered_json json_of(const replicator::RestoreList& list) {
  nlohmann::ordered_json ranges = nlohmann::ordered_json::array();
  for (const replicator::RestorableGeneration& generation : list.generations) {
    for (const replicator::RestorableRange& range : generation.ranges) {
      nlohmann::ordered_json snapshots = nlohmann::ordered_json::array();
      for (const replicator::FileHeader& snapshot : range.snapshots) {
        snapshots.push_back(
            {{"revision", snapshot.last}, {"time", base::iso_time(snapshot.time_ms)}});
      }
      ranges.push_back({{"generation", generation.generation},
                        {"first", range.snapshots.front().last},
                        {"last", range.last.revision},
                        {"last_time", base::iso_time(range.last_time_ms)},
                        {"snapshots", snapshots}});
    }
  }
  nlohmann::ordered_json problems = nlohmann::ordered_json::array();
  for (const Error& problem : list.problems) {
    problems.push_back({{"reason", problem.reason}, {"message", problem.message}});
  }
  return {{"ranges", ranges}, {"problems", problems}, {"replaced", list.replaced}};
}

Result<int> run_list(const Typed& typed, const wire::ClusterKey& key, std::ostream& out) {
  const auto list = replicator::list_restorable(typed.from, replicator::ShippingKey::of(key));
  if (!list.ok()) return list.error();
  if (typed.json) {
    out << json_of(*list).dump(2) << "\n";
  } else {
    print_list(*list, typed.from, out);
  }
  return list->problems.empty() ? 0 : kExitFailed;
}

Result<int> run(const Typed& typed, std::ostream& out) {
  const std::string key_path = typed.cluster_key.empty()
                                   ? base::state_home() + "/" + wire::kClusterKeyFile
                                   : typed.cluster_key;
  const Result<wire::ClusterKey> key = load_key(key_path);
  if (!key.ok()) return key.error();
  return typed.list ? run_list(typed, *key, out) : run_restore(typed, *key, key_path, out);
}

}  // namespace

std::optional<int> restore_command(int argc, const char* const* argv, std::ostream& out,
                                   std::ostream& err) {
  if (argc < 2 || std::string_view(argv[1]) != "restore") return std::nullopt;
  Typed typed;
  CLI::App app("Makes the data folder of a new instance out of shipped files",
               "etcd-server restore");
  describe(app, typed);
  try {
    app.parse(argc - 1, argv + 1);
    if (!typed.list && typed.data_dir.empty()) {
      throw CLI::RequiredError("--data-dir (or --list)");
    }
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
    app.exit(error, out, err);
    return asked ? 0 : kExitUsage;
  }
  const Result<int> done = run(typed, out);
  if (done.ok()) return *done;
  err << "etcd-server restore: " << done.error().message << "\n";
  return kExitFailed;
}

}  // namespace mlguard::server
