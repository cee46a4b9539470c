// ml-guard pipeline-keys and pipeline-keys rotate: the keys between sniffers and ml-detectors.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "base/time_format.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/listing.h"
#include "wire/messages.h"

namespace mlguard::cli {
namespace {

constexpr const char* kTarget = "/v1/pipeline-keys";

base::Status run_list(Context& context) {
  auto answer = context.get(kTarget);
  if (!answer.ok()) return answer.error();
  if (context.json()) {
    context.out() << pretty_json(*answer);
    return {};
  }
  auto rows = rows_of(*answer, "keys", {"id", "state", "active_from", "retires_at", "author"});
  if (!rows.ok()) return rows.error();
  Table table({number_column("ID"), text_column("STATE"), text_column("ACTIVE FROM"),
               text_column("RETIRES"), shrinking_column("BY")});
  for (const TextRow& row : *rows) {
    table.add_row({row[0],
                   {row[1], tone_of_word(row[1])},
                   short_time(row[2]),
                   row[3].empty() ? "-" : short_time(row[3]),
                   row[4]});
  }
  context.print(table, "no pipeline keys yet: the leader makes the first one within seconds");
  return {};
}

// When the key with that id becomes active; empty when it is not there (any more).
std::string when_active(Context& context, std::uint64_t id) {
  auto answer = context.get(kTarget);
  if (!answer.ok()) return {};
  const auto set = wire::decode_pipeline_keys(*answer);
  if (!set.ok()) return {};
  const auto key = std::find_if(set->keys.begin(), set->keys.end(),
                                [id](const base::PipelineKey& each) { return each.id == id; });
  if (key == set->keys.end()) return {};
  const std::int64_t left_ms = key->active_from_ms - context.now_ms();
  return left_ms <= 0 ? "at once" : "in " + base::human_duration(left_ms);
}

base::Status run_rotate(Context& context) {
  auto answer = context.send("POST", std::string(kTarget) + "/rotate");
  if (!answer.ok()) return answer.error();
  const auto reply = wire::decode_write_reply(*answer);
  if (!reply.ok()) return reply.error();
  const std::string id = std::to_string(reply->version);
  std::string sentence = "pipeline key " + id + " is announced";
  if (context.table()) {
    const std::string when = when_active(context, reply->version);
    if (!when.empty()) sentence += " and becomes active " + when;
  }
  context.report(sentence + ". Nothing is lost meanwhile; see  ml-guard pipeline-keys", *answer,
                 id);
  return {};
}

}  // namespace

void define_pipeline_keys(CLI::App& app, Context& context) {
  set_examples(app, {"pipeline-keys", "pipeline-keys -o json", "pipeline-keys rotate"});

  CLI::App& rotate =
      add_subcommand(app, "rotate", "announce the next one now, as after a stolen machine");
  set_examples(rotate, {"pipeline-keys rotate"});
  set_action(rotate, context, [&context] { return run_rotate(context); });

  // Called for its subcommand, too, and after that one.
  app.callback([&context, &app] {
    if (app.get_subcommands().empty()) {
      context.set_action([&context] { return run_list(context); });
    }
  });
}

}  // namespace mlguard::cli
