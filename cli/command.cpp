#include "cli/command.h"

#include <CLI/CLI.hpp>

#include "cli/context.h"

namespace mlguard::cli {

const char* to_string(Group group) {
  switch (group) {
    case Group::look: return "look";
    case Group::peers: return "peers";
    case Group::change: return "change";
    case Group::block: return "block";
    case Group::admit: return "admit";
    case Group::keep: return "keep";
    case Group::script: return "script";
  }
  return "";
}

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"status", Group::look, "everything at a glance", define_status},
      {"health", Group::look, "of components, worst first", define_health, Line::shared},
      {"components", Group::look, "all registered components", define_components},
      {"component", Group::look, "everything about one, or its removal", define_component,
       Line::shared},
      {"flows", Group::look, "who talks most", define_flows},
      {"features", Group::look, "of the flows of a capture file", define_features, Line::shared},
      {"detections", Group::look, "what the detectors found", define_detections},
      {"ask", Group::look, "in plain English", define_ask, Line::shared},
      {"audit", Group::look, "who did what", define_audit},
      {"changes", Group::look, "every change of the state, in order", define_changes, Line::shared},
      {"members", Group::peers, "every instance: who leads, who lags", define_members},
      {"member", Group::peers, "let an instance in, or take it out", define_member, Line::shared},
      {"leader", Group::peers, "which instance leads, and handing that on", define_leader},
      {"conflicts", Group::peers, "what lost to another write, and why", define_conflicts},
      {"config", Group::change, "documents, versions, history", define_config},
      {"model", Group::change, "models for ml-detectors", define_model},
      {"rules", Group::block, "what is blocked, and what never may be", define_rules},
      {"token", Group::admit, "join tokens for new machines", define_token},
      {"enroll", Group::admit, "use a token on an operator's machine", define_enroll},
      {"pipeline-keys", Group::admit, "the keys between sniffers and ml-detectors",
       define_pipeline_keys, Line::shared},
      {"backup", Group::keep, "the whole state into a file", define_backup},
      {"restore", Group::keep, "from shipped files", define_restore, Line::shared},
      {"verify", Group::keep, "check history and digests, and that all instances agree",
       define_verify},
      {"bench", Group::keep, "how fast it is", define_bench},
      {"lab", Group::keep, "a network to attack", define_lab, Line::shared},
      {"api", Group::script, "curl for the sealed API", define_api},
      {"completion", Group::script, "for bash, zsh or fish", define_completion},
      {"version", Group::script, "of command and server", define_version, Line::shared},
  };
  return table;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command& command : commands()) names.emplace_back(command.name);
  return names;
}

CLI::App& add_subcommand(CLI::App& parent, const std::string& name, const std::string& summary) {
  CLI::App* app = parent.add_subcommand(name, summary);
  app->fallthrough();  // global flags may stand anywhere
  return *app;
}

void set_examples(CLI::App& app, const std::vector<std::string>& examples) {
  std::string text;
  for (const std::string& example : examples) text += "  ml-guard " + example + "\n";
  app.footer(text);
}

void set_action(CLI::App& app, Context& context, std::function<base::Status()> action) {
  app.callback([&context, action = std::move(action)] { context.set_action(action); });
}

}  // namespace mlguard::cli
