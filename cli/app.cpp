#include "cli/app.h"

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/help.h"
#include "cli/suggest.h"
#include "cli/version.h"

namespace mlguard::cli {
namespace {

// Help in our own words; CLI11 asks the formatter of the (sub)command that --help stands at.
class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string /*name*/,
                        CLI::AppFormatMode /*mode*/) const override {
    return app->get_parent() == nullptr ? root_help(*app) : command_help(*app);
  }
};

void add_global_flags(CLI::App& app, GlobalFlags& flags) {
  app.add_option("--endpoints", flags.endpoints, "Servers to try, in order of preference")
      ->type_name("HOST:PORT,...");
  app.add_option("--credentials", flags.credentials, "Credential file to authenticate with")
      ->type_name("FILE");
  app.add_option("-o,--output", flags.output, "For people, for programs, or bare lines and bytes")
      ->type_name("table|json|raw");
  app.add_option("--color", flags.color, "Colours; by default only on a terminal without NO_COLOR")
      ->type_name("auto|always|never");
  app.add_option("--timeout", flags.timeout, "How long a call may take, retries included")
      ->type_name("10s");
  app.add_option(
         "--consistency", flags.consistency,
         "What reads may answer: everything acknowledged (default), what the leader has, or "
         "what the instance asked has (works without a majority, may lag)")
      ->type_name("linearizable|leader|local");
  app.add_option("--ack", flags.ack,
                 "When writes are done: a majority has them (default), or the leader alone")
      ->type_name("quorum|leader");
  app.add_flag("-q,--quiet", flags.quiet, "Only results and errors, no remarks");
}

// True for a flag that takes the next word as its value.
bool takes_value(const CLI::App& app, const std::string& word) {
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    const CLI::Option* option = at->get_option_no_throw(word);
    if (option != nullptr) return option->get_items_expected_min() > 0;
  }
  return false;
}

bool knows_option(const CLI::App& app, const std::string& word) {
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    if (at->get_option_no_throw(word) != nullptr) return true;
  }
  return false;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : visible_options(*at)) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : visible_subcommands(app)) names.push_back(sub->get_name());
  return names;
}

std::string name_of(const CLI::App& app) {
  const std::string path = command_path(app);
  return path.empty() ? "ml-guard" : "ml-guard " + path;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Complaint unknown_command(const CLI::App& app, const std::string& word) {
  const std::vector<std::string> names = subcommand_names(app);
  const std::string near = nearest(word, names);
  const std::string where = app.get_parent() == nullptr ? "" : " of " + name_of(app);
  return {"there is no command '" + word + "'" + where,
          near.empty() ? name_of(app) + " --help" : name_of(app) + " " + near};
}

Complaint unknown_flag(const CLI::App& app, const std::string& flag) {
  const std::string near = nearest(flag, option_names(app));
  return {name_of(app) + " has no flag '" + flag + "'",
          near.empty() ? name_of(app) + " --help" : name_of(app) + " ... " + near};
}

}  // namespace

std::unique_ptr<CLI::App> make_app(Context& context) {
  auto root = std::make_unique<CLI::App>("see and change what guards the network", "ml-guard");
  root->formatter(std::make_shared<HelpFormatter>());
  root->set_help_flag("-h,--help", "This help")->group("");
  root->set_version_flag("-V,--version", std::string("ml-guard ") + kVersion)->group("");
  // One command only, or a component called like a command would be taken for it.
  root->require_subcommand(1);
  add_global_flags(*root, context.flags());
  for (const Command& command : commands()) {
    CLI::App& app = add_subcommand(*root, command.name, command.summary);
    command.define(app, context);
  }
  CLI::App& help = add_subcommand(*root, "help", "help for a command");
  help.group("");
  define_help(help, context);
  for (CLI::App* app : root->get_subcommands([](CLI::App*) { return true; })) {
    app->set_help_flag("-h,--help", "This help")->group("");
    for (CLI::App* sub : app->get_subcommands([](CLI::App*) { return true; })) {
      sub->set_help_flag("-h,--help", "This help")->group("");
    }
  }
  return root;
}

Complaint complain(const CLI::App& root, const std::vector<std::string>& arguments,
                   const std::string& parser_message) {
  const CLI::App* app = &root;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--") break;
    if (word.starts_with("-") && word.size() > 1) {
      const std::string flag = word.substr(0, word.find('='));
      const bool is_short = !flag.starts_with("--");
      const std::string known = is_short ? flag.substr(0, 2) : flag;
      if (!knows_option(*app, known)) return unknown_flag(*app, flag);
      if (word == known && takes_value(*app, known)) ++i;
      continue;
    }
    if (visible_subcommands(*app).empty()) continue;
    // "help" is known though not listed.
    const auto found =
        app->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
    if (found.empty()) return unknown_command(*app, word);
    app = found.front();
  }
  const auto names = subcommand_names(*app);
  if (!names.empty()) {
    return {name_of(*app) + " needs a command: " + joined(names), name_of(*app) + " --help"};
  }
  std::string what = parser_message;
  while (!what.empty() && (what.back() == '\n' || what.back() == '.')) what.pop_back();
  return {what, name_of(*app) + " --help"};
}

}  // namespace mlguard::cli
