// Man pages out of the CLI11 tree: man(7) macros, one page per command.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/version.h"

namespace mlguard::cli {
namespace {

// Text for roff: backslashes and leading dots mean something there, and '-' would become a hyphen
// that cannot be copied into a shell.
std::string roff(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string page_name(const CLI::App& app) {
  std::string name = "ml-guard";
  const std::string path = command_path(app);
  if (!path.empty()) name += "-" + path;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string title(const std::string& name) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return ".TH \"" + roff(upper) + "\" 1 \"\" \"ml\\-guard " + kVersion + "\" \"ml\\-guard\"\n";
}

std::string tagged(const std::string& tag, const std::string& text) {
  return ".TP\n.B " + roff(tag) + "\n" + roff(text) + "\n";
}

std::string options_of(const CLI::App& app) {
  std::string out;
  for (const CLI::Option* option : positionals(app)) {
    out += tagged(option->get_name(/*positional=*/true), option->get_description());
  }
  for (const CLI::Option* option : visible_options(app)) {
    const auto [words, description] = option_words(*option);
    out += tagged(words, description);
  }
  return out;
}

std::string examples_of(const CLI::App& app) {
  if (app.get_footer().empty()) return {};
  return ".nf\n" + roff(app.get_footer()) + ".fi\n";
}

std::string synopsis(const CLI::App& app) {
  std::string line = "ml-guard " + command_path(app);
  for (const CLI::Option* option : positionals(app)) {
    const std::string name = option->get_name(/*positional=*/true);
    line += option->get_required() ? " " + name : " [" + name + "]";
  }
  return roff(line + " [FLAGS]");
}

std::string exit_codes() {
  std::string out = ".SH EXIT STATUS\n";
  for (const ExitCodeMeaning& entry : exit_code_meanings()) {
    out += tagged(std::to_string(static_cast<int>(entry.code)), entry.meaning);
  }
  return out;
}

std::string files_and_environment() {
  return ".SH FILES\n" +
         tagged("~/.config/ml-guard/config.json",
                "Defaults: {\"endpoints\": [\"host:2379\"], \"credentials\": \"FILE\", \"output\": "
                "\"table\"}. $XDG_CONFIG_HOME is honoured.") +
         tagged("~/.config/ml-guard/operator.key",
                "The credential that ml-guard enroll writes; mode 0600.") +
         tagged("STATE/operator.key",
                "A server's own operator key: on its host, its user needs no set-up. STATE is "
                "$XDG_STATE_HOME/ml-guard, else /var/lib/ml-guard as root, else "
                "~/.local/state/ml-guard.") +
         ".SH ENVIRONMENT\n" +
         tagged("MLGUARD_ENDPOINTS", "As --endpoints, which goes before it.") +
         tagged("MLGUARD_CREDENTIALS", "As --credentials, which goes before it.") +
         tagged("VISUAL, EDITOR", "The editor of ml-guard config edit.") +
         tagged("NO_COLOR", "No colours, when it is set and not empty.");
}

ManPage root_page(const CLI::App& root) {
  std::string out = title("ml-guard");
  out += ".SH NAME\nml\\-guard \\- see and change what guards the network\n";
  out += ".SH SYNOPSIS\n.B ml\\-guard\n.I COMMAND\n[ARGUMENTS] [FLAGS]\n";
  out +=
      ".SH DESCRIPTION\nml\\-guard talks to an etcd\\-server of ml\\-guard over its sealed API. "
      "On the host where that server keeps its files, its user needs no set\\-up; elsewhere, "
      "enroll first.\n";
  out += ".SH COMMANDS\n";
  for (const Command& command : commands()) {
    const CLI::App* app = root.get_subcommand(command.name);
    std::string words = command.name;
    std::string subcommands;
    for (const CLI::App* sub : visible_subcommands(*app)) {
      subcommands += (subcommands.empty() ? "" : "|") + sub->get_name();
    }
    if (!subcommands.empty()) words += " " + subcommands;
    out += tagged(words, std::string(command.summary) + "; see ml-guard-" + command.name + "(1).");
  }
  out += ".SH FLAGS\nThey may stand anywhere on the line.\n" + options_of(root);
  out += exit_codes() + files_and_environment();
  return {"ml-guard.1", std::move(out)};
}

ManPage command_page(const CLI::App& app) {
  const std::string name = page_name(app);
  std::string out = title(name);
  out += ".SH NAME\n" + roff(name) + " \\- " + roff(app.get_description()) + "\n";
  out += ".SH SYNOPSIS\n.nf\n";
  const auto subcommands = visible_subcommands(app);
  if (acts_alone(app)) out += synopsis(app) + "\n";
  for (const CLI::App* sub : subcommands) out += synopsis(*sub) + "\n";
  out += ".fi\n.SH DESCRIPTION\n" + roff(app.get_description()) + ".\n" + options_of(app);
  for (const CLI::App* sub : subcommands) {
    out += ".SS " + roff(sub->get_name()) + "\n" + roff(sub->get_description()) + ".\n";
    out += options_of(*sub) + ".PP\n" + examples_of(*sub);
  }
  if (subcommands.empty() && !app.get_footer().empty()) {
    out += ".SH EXAMPLES\n" + examples_of(app);
  }
  out += ".SH SEE ALSO\nGlobal flags, exit status, files: ml\\-guard(1)\n";
  return {name + ".1", std::move(out)};
}

}  // namespace

std::vector<ManPage> man_pages(const CLI::App& root) {
  std::vector<ManPage> pages = {root_page(root)};
  for (const Command& command : commands()) {
    pages.push_back(command_page(*root.get_subcommand(command.name)));
  }
  return pages;
}

}  // namespace mlguard::cli
