// Help and man pages, both written from the CLI11 tree and the table of commands. Stateless.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace mlguard::cli {

// `ml-guard --help` must fit a terminal as small as this.
inline constexpr std::size_t kHelpLinesMax = 24;
inline constexpr std::size_t kHelpColumnsMax = 80;

std::string root_help(const CLI::App& root);
// Help of a command or subcommand: usage, arguments, flags, examples.
std::string command_help(const CLI::App& app);

struct ManPage {
  std::string file_name;  // "ml-guard-config.1"
  std::string content;    // man(7) macros
};
// ml-guard(1), and one page per command.
std::vector<ManPage> man_pages(const CLI::App& root);

// "config get", without the program's name; empty for the root.
std::string command_path(const CLI::App& app);
// True for a command that does something without any of its subcommands.
bool acts_alone(const CLI::App& app);
// Subcommands and options in the order they were added, hidden ones left out.
std::vector<const CLI::App*> visible_subcommands(const CLI::App& app);
std::vector<const CLI::Option*> visible_options(const CLI::App& app);
std::vector<const CLI::Option*> positionals(const CLI::App& app);
// "-o,--output table|json|raw" and its description.
std::pair<std::string, std::string> option_words(const CLI::Option& option);

}  // namespace mlguard::cli
