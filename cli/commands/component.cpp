// ml-guard component get|rm: one component.
#include <CLI/CLI.hpp>
#include <array>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/listing.h"

namespace mlguard::cli {
namespace {

struct ComponentOptions {
  std::string name;
  bool yes = false;
};

std::string time_and_age(const std::string& iso, std::int64_t now_ms) {
  return iso.empty() ? "never" : short_time(iso) + "  (" + age(iso, now_ms) + ")";
}

// "config 3, global 1": which versions it says it has in force.
std::string in_force(std::string_view component) {
  std::string text;
  const auto applied = rows_of(component, "applied", {"resource", "revision"});
  if (!applied.ok()) return text;
  for (const TextRow& row : *applied) {
    text += (text.empty() ? "" : ", ") + harmless(row[0]) + " " + harmless(row[1]);
  }
  return text;
}

void print_field(Context& context, std::string_view key, const std::string& value) {
  if (context.raw()) {
    context.out() << key << "\t" << value << "\n";
    return;
  }
  std::string label(key);
  label.resize(16, ' ');
  const bool is_time = key == "last_heartbeat" || key == "registered_at";
  context.out() << context.painted(label, Tone::faint)
                << (is_time ? time_and_age(value, context.now_ms())
                            : context.painted(value, tone_of_word(value)))
                << "\n";
}

base::Status run_get(Context& context, const ComponentOptions& options) {
  context.set_subject(options.name);
  auto answer = context.get("/components/" + url_encode(options.name));
  if (!answer.ok()) return answer.error();
  if (context.json()) {
    context.out() << pretty_json(*answer);
    return {};
  }
  // "status" is the server's word, "heartbeat.status" and "problem" are the component's own.
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kLines = {{
      {"name", "name"},
      {"role", "role"},
      {"status", "status"},
      {"says", "heartbeat.status"},
      {"problem", "heartbeat.detail.problem"},
      {"last_heartbeat", "last_heartbeat"},
      {"registered_at", "registered_at"},
      {"version", "version"},
      {"address", "address"},
      {"instance_id", "instance_id"},
      {"config_version", "config_version"},
  }};
  for (const auto& [key, path] : kLines) {
    const std::string value = harmless(field_of(*answer, path));
    if (value.empty() && key == "problem") continue;
    print_field(context, key, value);
  }
  print_field(context, "in_force", in_force(*answer));
  return {};
}

base::Status run_rm(Context& context, const ComponentOptions& options) {
  context.set_subject(options.name);
  if (!options.yes) {
    auto sure = context.agreed(
        "Remove " + options.name + " and revoke its key? It must join again with a new token.",
        "nothing was removed");
    if (!sure.ok()) return sure.error();
    if (!*sure) return {};
  }
  auto answer = context.send("DELETE", "/v1/components/" + url_encode(options.name));
  if (!answer.ok()) return answer.error();
  context.report(options.name + " is removed and its key revoked", *answer, options.name);
  return {};
}

}  // namespace

void define_component(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  set_examples(app, {"component get sniffer", "component rm sniffer-dmz"});
  auto options = std::make_shared<ComponentOptions>();

  CLI::App& get = add_subcommand(app, "get", "everything known about one component");
  get.add_option("COMPONENT", options->name, "Its name")->required();
  set_examples(get, {"component get sniffer", "component get sniffer -o json"});
  set_action(get, context, [&context, options] { return run_get(context, *options); });

  CLI::App& rm = add_subcommand(app, "rm", "remove a component and revoke its key");
  rm.add_option("COMPONENT", options->name, "Its name")->required();
  rm.add_flag("-y,--yes", options->yes, "Do not ask");
  set_examples(rm, {"component rm sniffer-dmz"});
  set_action(rm, context, [&context, options] { return run_rm(context, *options); });
}

}  // namespace mlguard::cli
