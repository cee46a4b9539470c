// ml-guard component get|rm: one component.
#include <CLI/CLI.hpp>
#include <ostream>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/listing.h"

namespace mlguard::cli {
namespace {

struct Options {
  std::string name;
  bool yes = false;
};

std::string time_and_age(const std::string& iso, std::int64_t now_ms) {
  return iso.empty() ? "never" : short_time(iso) + "  (" + age(iso, now_ms) + ")";
}

base::Status run_get(Context& context, const Options& options) {
  context.set_subject(options.name);
  auto answer = context.get("/components/" + url_encode(options.name));
  if (!answer.ok()) return answer.error();
  if (context.json()) {
    context.out() << pretty_json(*answer);
    return {};
  }
  for (const char* key : {"name", "role", "status", "last_heartbeat", "registered_at", "version",
                          "address", "instance_id", "config_version"}) {
    const std::string value = harmless(field_of(*answer, key));
    if (context.raw()) {
      context.out() << key << "\t" << value << "\n";
      continue;
    }
    std::string label = key;
    label.resize(16, ' ');
    const bool is_time =
        std::string_view(key) == "last_heartbeat" || std::string_view(key) == "registered_at";
    context.out() << context.painted(label, Tone::faint)
                  << (is_time ? time_and_age(value, context.now_ms())
                              : context.painted(value, tone_of_word(value)))
                  << "\n";
  }
  return {};
}

base::Status run_rm(Context& context, const Options& options) {
  context.set_subject(options.name);
  if (!options.yes) {
    auto sure = context.confirm("Remove " + options.name +
                                " and revoke its key? It must join again with a new token.");
    if (!sure.ok()) return sure.error();
    if (!*sure) {
      context.note("nothing was removed");
      return {};
    }
  }
  etcd_client::RawRequest request;
  request.method = "DELETE";
  request.target = "/v1/components/" + url_encode(options.name);
  auto answer = context.call(request);
  if (!answer.ok()) return answer.error();
  context.report(options.name + " is removed and its key revoked", answer->body, options.name);
  return {};
}

}  // namespace

void define_component(CLI::App& app, Context& context) {
  app.require_subcommand(1);
  set_examples(app, {"component get sniffer", "component rm sniffer-dmz"});
  auto options = std::make_shared<Options>();

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
