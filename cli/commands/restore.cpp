// ml-guard restore: runs `etcd-server restore`, because only the server's program knows the
// database. What it prints and exits with is what the operator sees.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"

namespace mlguard::cli {
namespace {

constexpr const char* kServerProgram = "etcd-server";
constexpr std::size_t kPathCharsMax = 4096;

struct RestoreOptions {
  std::string from;
  std::optional<std::uint64_t> to_revision;
  std::string data_dir;
  std::string cluster_key;
  std::string only_member;
  bool list = false;
};

std::vector<std::string> server_arguments(const Context& context, const RestoreOptions& options) {
  std::vector<std::string> words = {kServerProgram, "restore"};
  const auto add = [&words](const char* flag, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {flag, value});
  };
  add("--from", options.from);
  if (options.to_revision) add("--to-revision", std::to_string(*options.to_revision));
  add("--data-dir", options.data_dir);
  add("--cluster-key", options.cluster_key);
  add("--only-member", options.only_member);
  if (options.list) words.emplace_back("--list");
  if (context.json()) words.emplace_back("--json");
  return words;
}

// The one of the same build or package, if it is there.
std::string server_beside_us() {
  std::string path(kPathCharsMax, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) return {};
  path.resize(static_cast<std::size_t>(length));
  path = path.substr(0, path.rfind('/') + 1) + kServerProgram;
  return ::access(path.c_str(), X_OK) == 0 ? path : std::string();
}

// Returns only when it fails.
base::Status become_server(std::vector<std::string> words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  const std::string beside = server_beside_us();
  if (!beside.empty()) ::execv(beside.c_str(), arguments.data());
  ::execvp(kServerProgram, arguments.data());
  const int problem = errno;
  return base::Error{base::ErrorCode::unsupported, "no_server_program",
                     std::string(kServerProgram) + " cannot be run from here (" +
                         std::strerror(problem) +
                         "): it is neither beside ml-guard nor in PATH. Restoring is done on the "
                         "server's machine; install it there"};
}

base::Status run(Context& context, const RestoreOptions& options) {
  if (!options.list && options.data_dir.empty()) {
    return usage_error("ml-guard restore needs --data-dir DIR (or --list)");
  }
  context.out().flush();
  return become_server(server_arguments(context, options));
}

}  // namespace

void define_restore(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RestoreOptions>();
  app.add_option("--from", options->from, "The folder that a server shipped to (--ship-to)")
      ->required()
      ->type_name("DIR");
  app.add_option("--to-revision", options->to_revision, "The state as of this revision [the last]")
      ->type_name("N");
  app.add_option("--data-dir", options->data_dir, "A new server's folder, without a control.db")
      ->type_name("DIR");
  app.add_option("--cluster-key", options->cluster_key, "The key of the cluster that shipped it")
      ->type_name("FILE");
  app.add_option("--only-member", options->only_member,
                 "Where the state names members: make this one the only one")
      ->type_name("HOST:PORT");
  app.add_flag("--list", options->list, "Only show which revisions can be restored");
  set_examples(app, {"restore --from /srv/shipped --list",
                     "restore --from /srv/shipped --to-revision 42 --data-dir /srv/new"});
  set_action(app, context, [&context, options] { return run(context, *options); });
}

}  // namespace mlguard::cli
