// ml-guard config: the command line of its subcommands.
#include "cli/commands/config.h"

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace mlguard::cli {
namespace {

using Options = std::shared_ptr<ConfigOptions>;

void add_component(CLI::App& app, const Options& options) {
  app.add_option("COMPONENT", options->component, "Whose configuration: a name, or global")
      ->required();
}

void add_comment(CLI::App& app, const Options& options) {
  app.add_option("--comment", options->comment, "Why; kept in the history")->type_name("TEXT");
}

void define_get(CLI::App& app, Context& context, const Options& options) {
  CLI::App& get = add_subcommand(app, "get", "print a document, byte for byte");
  add_component(get, options);
  get.add_option("PATH", options->path, "Only this value: detection.threshold or /a/b");
  get.add_option("--version", options->version, "This version instead of the active one")
      ->type_name("N");
  get.add_option("--output-file", options->output_file, "Write it here, mode 0600")
      ->type_name("FILE");
  set_examples(get, {"config get sniffer", "config get sniffer capture.interface",
                     "config get sniffer --version 3 --output-file old.json"});
  set_action(get, context, [&context, options] { return config_get(context, *options); });
}

void define_set(CLI::App& app, Context& context, const Options& options) {
  CLI::App& set = add_subcommand(app, "set", "change one value, leave the rest as it is");
  add_component(set, options);
  set.add_option("PATH", options->path, "Which value: detection.threshold, list.0 or /a/b")
      ->required();
  set.add_option("VALUE", options->value, "JSON; anything else is taken as a string")->required();
  add_comment(set, options);
  set_examples(set, {"config set ml-detector detection.threshold 0.9",
                     "config set sniffer capture.interface eth1 --comment 'new card'",
                     "config set firewall allowlist.- 192.0.2.1"});
  set_action(set, context, [&context, options] { return config_set(context, *options); });
}

void define_put(CLI::App& app, Context& context, const Options& options) {
  CLI::App& put = add_subcommand(app, "put", "store a document as the next version");
  add_component(put, options);
  put.add_option("FILE", options->file, "A JSON file; - reads the input")->required();
  put.add_option("--if-version", options->if_version,
                 "Only when this version is active (0: only when there is none)")
      ->type_name("N");
  add_comment(put, options);
  set_examples(put, {"config put ml-detector ml-detector.json",
                     "config put sniffer sniffer.json --if-version 3 --comment 'new card'"});
  set_action(put, context, [&context, options] { return config_put(context, *options); });
}

void define_edit(CLI::App& app, Context& context, const Options& options) {
  CLI::App& edit = add_subcommand(app, "edit", "edit in $EDITOR, see the difference, then put");
  add_component(edit, options);
  add_comment(edit, options);
  edit.add_flag("-y,--yes", options->yes, "Put without asking");
  edit.footer("  ml-guard config edit sniffer\n  EDITOR=nano ml-guard config edit global\n");
  set_action(edit, context, [&context, options] { return config_edit(context, *options); });
}

void define_history(CLI::App& app, Context& context, const Options& options) {
  CLI::App& history = add_subcommand(app, "history", "all versions: who, when and why");
  add_component(history, options);
  set_examples(history, {"config history sniffer"});
  set_action(history, context, [&context, options] { return config_history(context, *options); });

  CLI::App& diff = add_subcommand(app, "diff", "compare two versions, or a version and a file");
  add_component(diff, options);
  diff.add_option("FROM", options->from, "Version or file (default: the one before TO)");
  diff.add_option("TO", options->to, "Version or file (default: the active version)");
  set_examples(diff, {"config diff sniffer", "config diff sniffer 3 5",
                      "config diff sniffer 5 sniffer.json"});
  set_action(diff, context, [&context, options] { return config_diff(context, *options); });

  CLI::App& rollback = add_subcommand(app, "rollback", "make an old version the next one");
  add_component(rollback, options);
  rollback.add_option("VERSION", options->version, "The version to go back to")->required();
  add_comment(rollback, options);
  set_examples(rollback, {"config rollback sniffer 3 --comment 'version 4 drops mail'"});
  set_action(rollback, context, [&context, options] { return config_rollback(context, *options); });
}

void define_others(CLI::App& app, Context& context, const Options& options) {
  CLI::App& watch = add_subcommand(app, "watch", "say when it changes, until Ctrl-C");
  add_component(watch, options);
  watch.add_option("--count", options->count, "End after so many versions")->type_name("N");
  set_examples(watch, {"config watch sniffer", "config watch sniffer --count 1 -o raw"});
  set_action(watch, context, [&context, options] { return config_watch(context, *options); });

  CLI::App& validate = add_subcommand(app, "validate", "check a file here, without a server");
  validate.add_option("FILE", options->file, "A JSON file; - reads the input")->required();
  set_examples(validate, {"config validate sniffer.json"});
  set_action(validate, context, [&context, options] { return config_validate(context, *options); });

  CLI::App& list = add_subcommand(app, "list", "active versions of all components");
  set_examples(list, {"config list"});
  set_action(list, context, [&context] { return config_list(context); });

  CLI::App& rm = add_subcommand(app, "rm", "delete it; the history stays");
  add_component(rm, options);
  rm.add_flag("-y,--yes", options->yes, "Do not ask");
  set_examples(rm, {"config rm sniffer-dmz"});
  set_action(rm, context, [&context, options] { return config_rm(context, *options); });
}

}  // namespace

void define_config(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  set_examples(app, {"config put sniffer sniffer.json", "config set sniffer capture.interface eth1",
                     "config history sniffer"});
  const auto options = std::make_shared<ConfigOptions>();
  define_get(app, context, options);
  define_set(app, context, options);
  define_put(app, context, options);
  define_edit(app, context, options);
  define_history(app, context, options);
  define_others(app, context, options);
}

}  // namespace mlguard::cli
