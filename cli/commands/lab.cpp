// ml-guard lab up|status|attack|exec|down: a network of namespaces to try everything in.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/embedded.h"
#include "cli/command.h"
#include "cli/context.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kLabScript;
}  // namespace mlguard::base

namespace mlguard::cli {
namespace {

// lab.sh takes this process's place: it has the terminal, and its exit code is ours.
base::Status become_script(Context& context, std::vector<std::string> arguments) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return base::Error{base::ErrorCode::io, "no_proc", "cannot read /proc/self/exe"};
  setenv("MLGUARD_BIN", self.parent_path().c_str(), 1);
  context.out().flush();
  std::string script(base::kLabScript.front().content);
  std::vector<std::string> words = {"bash", "-c", script, "lab"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  return base::Error{base::ErrorCode::io, "no_bash",
                     std::string("cannot run bash: ") + std::strerror(errno)};
}

void add_step(CLI::App& app, Context& context, const char* name, const char* what) {
  CLI::App& step = add_subcommand(app, name, what);
  set_examples(step, {std::string("lab ") + name});
  set_action(step, context, [&context, name] { return become_script(context, {name}); });
}

// What follows is lab.sh's business, flags included.
void add_words(CLI::App& app, Context& context, const char* name, const char* what,
               const char* example) {
  CLI::App& step = add_subcommand(app, name, what);
  step.fallthrough(false);
  step.prefix_command();
  set_examples(step, {example});
  set_action(step, context, [&context, &step, name] {
    std::vector<std::string> words = step.remaining();
    words.insert(words.begin(), name);
    return become_script(context, std::move(words));
  });
}

}  // namespace

void define_lab(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  set_examples(app, {"lab up", "lab attack port-scan", "lab exec rules list", "lab down"});
  add_step(app, context, "up", "make the networks and start everything (as root)");
  add_step(app, context, "status", "health, latest detections and rules of the lab");
  add_step(app, context, "down", "stop everything and remove the networks");
  add_words(app, context, "attack", "attack the victim, and say when it was blocked",
            "lab attack brute-force");
  add_words(app, context, "exec", "a command of ml-guard, as the lab's operator",
            "lab exec rules list");
}

}  // namespace mlguard::cli
