#include "cli/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/version.h"

namespace mlguard::cli {
namespace {

constexpr std::size_t kGroupColumn = 7;
constexpr std::size_t kNameColumn = 12;
constexpr std::size_t kOptionColumn = 28;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

std::string subcommand_words(const CLI::App& app) {
  std::string words;
  for (const CLI::App* sub : visible_subcommands(app)) {
    words += (words.empty() ? "" : "|") + sub->get_name();
  }
  return words;
}

// What fits: with its subcommands, or those alone.
std::string summary_within(const Command& command, const CLI::App& app, std::size_t columns) {
  const std::string subcommands = subcommand_words(app);
  if (subcommands.empty()) return command.summary;
  const std::string both = subcommands + ": " + command.summary;
  return both.size() <= columns ? both : subcommands;
}

std::string usage_line(const CLI::App& app) {
  std::string line = "ml-guard " + command_path(app);
  if (!visible_subcommands(app).empty()) line += acts_alone(app) ? " [COMMAND]" : " COMMAND";
  for (const CLI::Option* option : positionals(app)) {
    std::string name = option->get_name(/*positional=*/true);
    if (option->get_items_expected_max() > 1) name += "...";
    line += option->get_required() ? " " + name : " [" + name + "]";
  }
  return line + " [FLAGS]";
}

// "  NAME   description", the description folded under itself.
std::string entry(const std::string& name, const std::string& description) {
  std::string out = "  " + name;
  std::size_t column = out.size();
  if (column + 2 > kOptionColumn) {
    out += "\n";
    column = 0;
  }
  out.append(kOptionColumn - column, ' ');
  column = kOptionColumn;
  std::size_t begin = 0;
  while (begin < description.size()) {
    const std::size_t end = std::min(description.find(' ', begin), description.size());
    if (column > kOptionColumn) {
      if (column + 1 + (end - begin) > kHelpColumnsMax) {
        out += "\n" + std::string(kOptionColumn, ' ');
        column = kOptionColumn;
      } else {
        out += ' ';
        ++column;
      }
    }
    out += description.substr(begin, end - begin);
    column += end - begin;
    begin = end + 1;
  }
  return out + "\n";
}

}  // namespace

bool acts_alone(const CLI::App& app) { return app.get_require_subcommand_min() == 0; }

std::string command_path(const CLI::App& app) {
  std::string path;
  for (const CLI::App* at = &app; at->get_parent() != nullptr; at = at->get_parent()) {
    path = at->get_name() + (path.empty() ? "" : " " + path);
  }
  return path;
}

std::vector<const CLI::App*> visible_subcommands(const CLI::App& app) {
  std::vector<const CLI::App*> found;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) found.push_back(sub);
  }
  return found;
}

std::vector<const CLI::Option*> visible_options(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) {
    return option->nonpositional() && !option->get_group().empty();
  });
}

std::vector<const CLI::Option*> positionals(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

std::pair<std::string, std::string> option_words(const CLI::Option& option) {
  std::string name = option.get_name(/*positional=*/false, /*all_options=*/true);
  std::string::size_type comma = name.find(',');
  if (comma != std::string::npos) name.insert(comma + 1, " ");
  const std::string type = option.get_type_name();
  if (!type.empty()) name += " " + type;
  return {name, option.get_description()};
}

std::string root_help(const CLI::App& root) {
  std::string out =
      "ml-guard COMMAND [ARGUMENTS] [FLAGS]: see and change what guards the network\n";
  const char* last_group = "";
  for (const Command& command : commands()) {
    const char* group = to_string(command.group);
    std::string line = padded(group == std::string(last_group) ? "" : group, kGroupColumn);
    line += padded(command.name, kNameColumn);
    if (command.line == Line::shared) {
      out.pop_back();
      line = out.substr(out.rfind('\n') + 1) + ";  " + command.name + "  ";
      out.resize(out.rfind('\n') + 1);
    }
    out += line +
           summary_within(command, *root.get_subcommand(command.name),
                          kHelpColumnsMax - std::min(kHelpColumnsMax, line.size())) +
           "\n";
    last_group = group;
  }
  out +=
      "flags  --endpoints HOST:PORT,..  --credentials FILE  -o, --output table|json|raw\n"
      "       --consistency linearizable|leader|local  --ack quorum|leader  -q, --quiet\n"
      "       --timeout 10s  --color auto|always|never  -V, --version\n"
      "try    ml-guard status; ml-guard config put sniffer FILE; ml-guard rules list\n"
      "more   ml-guard COMMAND --help; man ml-guard (exit codes, files, environment)\n";
  return out;
}

std::string command_help(const CLI::App& app) {
  std::string out = usage_line(app) + "\n\n  " + app.get_description() + "\n";
  const auto subcommands = visible_subcommands(app);
  if (!subcommands.empty()) {
    out += "\nCommands\n";
    for (const CLI::App* sub : subcommands) out += entry(sub->get_name(), sub->get_description());
  }
  const auto arguments = positionals(app);
  if (!arguments.empty()) {
    out += "\nArguments\n";
    for (const CLI::Option* option : arguments) {
      out += entry(option->get_name(/*positional=*/true), option->get_description());
    }
  }
  const auto options = visible_options(app);
  if (!options.empty()) {
    out += "\nFlags\n";
    for (const CLI::Option* option : options) {
      const auto [words, description] = option_words(*option);
      out += entry(words, description);
    }
  }
  if (!app.get_footer().empty()) out += "\nExamples\n" + app.get_footer();
  return out + "\nGlobal flags (--endpoints, -o json, ...): ml-guard --help\n";
}

}  // namespace mlguard::cli
