// The table of commands: help, man pages and completion are all made from it and from the CLI11
// tree that its entries define, so that none can fall behind. Stateless.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
}

namespace mlguard::cli {

class Context;

// How `ml-guard --help` groups the commands.
enum class Group { look, peers, change, block, admit, keep, script };
const char* to_string(Group group);

// Whether a command has a line of that help for itself, or shares the one above.
enum class Line { own, shared };

struct Command {
  const char* name;
  Group group;
  const char* summary;  // One line without a full stop; with its subcommands at most 66 columns.
  // Adds the flags, the examples (as the footer) and the action to the command's own CLI11 app.
  void (*define)(CLI::App& app, Context& context);
  Line line = Line::own;
};

// In the order of the help.
const std::vector<Command>& commands();
std::vector<std::string> command_names();

// Adds a subcommand that does something. Examples: one per line, without "ml-guard" in front.
CLI::App& add_subcommand(CLI::App& parent, const std::string& name, const std::string& summary);
void set_examples(CLI::App& app, const std::vector<std::string>& examples);
void set_action(CLI::App& app, Context& context, std::function<base::Status()> action);

// One function per command, each in commands/.
void define_ask(CLI::App& app, Context& context);
void define_status(CLI::App& app, Context& context);
void define_health(CLI::App& app, Context& context);
void define_components(CLI::App& app, Context& context);
void define_component(CLI::App& app, Context& context);
void define_config(CLI::App& app, Context& context);
void define_rules(CLI::App& app, Context& context);
void define_flows(CLI::App& app, Context& context);
void define_features(CLI::App& app, Context& context);
void define_detections(CLI::App& app, Context& context);
void define_members(CLI::App& app, Context& context);
void define_member(CLI::App& app, Context& context);
void define_leader(CLI::App& app, Context& context);
void define_conflicts(CLI::App& app, Context& context);
void define_token(CLI::App& app, Context& context);
void define_enroll(CLI::App& app, Context& context);
void define_model(CLI::App& app, Context& context);
void define_pipeline_keys(CLI::App& app, Context& context);
void define_audit(CLI::App& app, Context& context);
void define_changes(CLI::App& app, Context& context);
void define_backup(CLI::App& app, Context& context);
void define_restore(CLI::App& app, Context& context);
void define_verify(CLI::App& app, Context& context);
void define_bench(CLI::App& app, Context& context);
void define_completion(CLI::App& app, Context& context);
void define_lab(CLI::App& app, Context& context);
void define_version(CLI::App& app, Context& context);
void define_api(CLI::App& app, Context& context);
void define_help(CLI::App& app, Context& context);

}  // namespace mlguard::cli
