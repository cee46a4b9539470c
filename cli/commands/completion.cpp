// ml-guard completion, help: what the tree of commands says about itself.
#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "base/files.h"
#include "cli/app.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/help.h"

namespace mlguard::cli {
namespace {

constexpr mode_t kFolderMode = 0755;
constexpr mode_t kPageMode = 0644;

struct CompletionOptions {
  std::string shell;
  std::vector<std::string> words;
  std::string man_folder;
};

const CLI::App& root_of(const CLI::App& app) {
  const CLI::App* at = &app;
  while (at->get_parent() != nullptr) at = at->get_parent();
  return *at;
}

base::Status write_man_pages(const CLI::App& root, const std::string& folder) {
  const auto made = base::make_folders(folder, kFolderMode);
  if (!made.ok()) return made;
  for (const ManPage& page : man_pages(root)) {
    const auto written =
        base::write_file_atomic(folder + "/" + page.file_name, page.content, kPageMode);
    if (!written.ok()) return written;
  }
  return {};
}

base::Status run_help(Context& context, const CLI::App& root, const CompletionOptions& options) {
  if (!options.man_folder.empty()) return write_man_pages(root, options.man_folder);
  const CLI::App* app = &root;
  for (const std::string& word : options.words) {
    const auto found =
        app->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
    if (found.empty()) {
      const Complaint complaint = complain(root, options.words, "");
      return base::Error{base::ErrorCode::invalid_argument, "usage",
                         complaint.what + "; try " + complaint.advice};
    }
    app = found.front();
  }
  context.out() << (app == &root ? root_help(root) : command_help(*app));
  return {};
}

}  // namespace

void define_completion(CLI::App& app, Context& context) {
  const auto options = std::make_shared<CompletionOptions>();
  app.add_option("SHELL", options->shell, "bash, zsh or fish")->required();
  app.footer(
      "  source <(ml-guard completion bash)\n"
      "  ml-guard completion fish > ~/.config/fish/completions/ml-guard.fish\n");
  set_action(app, context, [&context, &app, options]() -> base::Status {
    auto script = completion_script(root_of(app), options->shell);
    if (!script.ok()) return script.error();
    context.out() << *script;
    return {};
  });
}

void define_help(CLI::App& app, Context& context) {
  const auto options = std::make_shared<CompletionOptions>();
  app.add_option("COMMAND", options->words, "Which command");
  // For the build, which installs the pages.
  app.add_option("--man", options->man_folder, "Write the man pages into this folder")
      ->type_name("FOLDER")
      ->group("");
  set_examples(app, {"help config put"});
  set_action(app, context,
             [&context, &app, options] { return run_help(context, root_of(app), *options); });
}

}  // namespace mlguard::cli
