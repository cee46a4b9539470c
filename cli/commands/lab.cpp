// ml-guard lab up|status|attack|exec|down: a network of namespaces to try everything in.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

#include "base/embedded.h"
#include "cli/command.h"
#include "cli/context.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kLabScript;
}  // namespace mlguard::base

namespace mlguard::cli {
namespace {

struct LabOptions {
  std::vector<std::string> arguments;
};

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

}  // namespace

void define_lab(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  set_examples(app, {"lab up", "lab attack port-scan", "lab exec rules list", "lab down"});
  add_step(app, context, "up", "make the networks and start everything (as root)");
  add_step(app, context, "status", "health, latest detections and rules of the lab");
  add_step(app, context, "down", "stop everything and remove the networks");
  auto options = std::make_shared<LabOptions>();
  for (const char* name : {"attack", "exec"}) {
    const bool attacks = name[0] == 'a';
    CLI::App& step = add_subcommand(app, name,
                                    attacks ? "attack the victim, and say when it was blocked"
                                            : "a command of ml-guard, as the lab's operator");
    step.prefix_command();
    step.add_option(attacks ? "KIND" : "COMMAND", options->arguments,
                    attacks ? "port-scan, syn-flood, brute-force, smb-sweep or beacon"
                            : "With its arguments")
        ->required();
    set_examples(step, {attacks ? "lab attack brute-force" : "lab exec rules list"});
    set_action(step, context, [&context, &step, options, name] {
      std::vector<std::string> words = {name};
      for (const std::string& word : options->arguments) words.push_back(word);
      for (const std::string& word : step.remaining()) words.push_back(word);
      // Global flags may stand anywhere, so this one was taken for ours.
      if (context.json()) words.insert(words.end(), {"-o", "json"});
      if (context.raw()) words.insert(words.end(), {"-o", "raw"});
      return become_script(context, words);
    });
  }
}

}  // namespace mlguard::cli
