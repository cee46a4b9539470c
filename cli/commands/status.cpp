// ml-guard status, health, version: how everything is, at a glance.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <ostream>

#include "base/time_format.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/listing.h"
#include "cli/member_table.h"
#include "cli/version.h"
#include "wire/cluster_messages.h"

namespace mlguard::cli {
namespace {

constexpr std::int64_t kMsPerSecond = 1'000;
constexpr std::size_t kLabelColumns = 12;

void print_line(Context& context, const std::string& label, const std::string& text) {
  std::string padded = label;
  padded.resize(std::max(kLabelColumns, label.size() + 1), ' ');
  context.out() << context.painted(padded, Tone::faint) << text << "\n";
}

// Worst first, as somebody who looks for trouble reads.
int badness(const std::string& health) {
  static const std::map<std::string, int> order = {
      {"dead", 0}, {"stale", 1}, {"late", 2}, {"healthy", 4}};
  const auto found = order.find(health);
  return found == order.end() ? 3 : found->second;
}

// What the server says of its beats and, where these come as they should, what it says of itself.
std::string health_word(const std::string& status, const std::string& says) {
  return status == "healthy" && !says.empty() && says != "ok" ? says : status;
}

constexpr const char* kNoComponents =
    "no components yet: make a token with  ml-guard token create --role sniffer\n"
    "and start one with                    sniffer --join TOKEN";

// "2 healthy, 1 stale (ml-detector)": names only for what is not well.
std::string component_summary(Context& context,
                              const std::vector<std::pair<std::string, TextRow>>& components) {
  std::map<int, std::vector<std::string>> by_badness;
  std::map<int, std::string> words;
  for (const auto& [name, row] : components) {
    const std::string word = health_word(row[0], row[1]);
    by_badness[badness(word)].push_back(name);
    words[badness(word)] = word;
  }
  std::string text;
  for (const auto& [how_bad, names] : by_badness) {
    const std::string& word = words[how_bad];
    text += (text.empty() ? "" : ", ") + grouped(names.size()) + " " +
            context.painted(harmless(word), tone_of_word(word));
    if (word == "healthy") continue;
    constexpr std::size_t kNamesShown = 3;
    std::string listed;
    for (std::size_t i = 0; i < std::min(kNamesShown, names.size()); ++i) {
      listed += (i == 0 ? "" : ", ") + harmless(names[i]);
    }
    text += " (" + listed + (names.size() > kNamesShown ? ", .." : "") + ")";
  }
  return text;
}

// Who leads, and whether this instance still hears of it.
void print_leader(Context& context, const std::string& role, const std::string& leader,
                  const std::string& age_ms) {
  if (leader.empty()) {
    print_line(context, "leader",
               context.painted("none is known here", Tone::bad) +
                   ": nothing can be written until one is elected");
    return;
  }
  std::string heard;
  if (role != "leader" && !age_ms.empty()) {
    const auto ms = static_cast<std::int64_t>(to_number(age_ms));
    heard = ", heard " + base::human_duration(ms) + " ago";
    if (ms >= kSilentMs) heard = context.painted(heard, Tone::bad);
  }
  print_line(context, "leader", leader + heard);
}

// A small table below the rest; nothing for an instance that is alone.
base::Status print_peers(Context& context, const std::string& status) {
  const auto node = wire::decode_node_status(status);
  if (!node.ok()) return node.error();
  if (node->peers.empty()) return {};
  context.out() << "\n"
                << member_table(node->peers, OutputMode::table)
                       .render(context.columns_max(), context.settings().out_color);
  return {};
}

void print_state(Context& context, const std::string& status) {
  const auto field = [&](const char* name) { return harmless(field_of(status, name)); };
  const std::string uptime =
      base::human_duration(static_cast<std::int64_t>(to_number(field("uptime_s"))) * kMsPerSecond);
  print_line(context, "server",
             field("address") + ", version " + field("version") + ", up " + uptime + ", node " +
                 field("node"));
  print_line(context, "role", field("role") + ", term " + field("term"));
  print_leader(context, field("role"), field("leader"), field("age_ms"));
  print_line(context, "state",
             "revision " + grouped(to_number(field("revision"))) + ", committed " +
                 grouped(to_number(field("committed"))) + ", log from " +
                 grouped(to_number(field("oldest_revision"))));
  const std::string problem = field("problem");
  if (!problem.empty()) print_line(context, "problem", context.painted(problem, Tone::bad));
}

base::Status run_status(Context& context) {
  // What the instance asked says of itself, though it may be cut off from the others.
  auto status = context.get_own("/status");
  if (!status.ok()) return status.error();
  if (context.json()) {
    context.out() << pretty_json(*status);
    return {};
  }
  if (context.raw()) {
    for (const char* name :
         {"node", "address", "role", "leader", "term", "revision", "committed", "cluster_id",
          "uptime_s", "version", "healthy", "problem", "age_ms", "peers"}) {
      context.out() << name << "\t" << harmless(field_of(*status, name)) << "\n";
    }
    return {};
  }
  auto health = context.get_own("/health");
  if (!health.ok()) return health.error();
  const std::string word = field_of(*health, "status");
  print_line(context, "health", context.painted(harmless(word), tone_of_word(word)));
  print_state(context, *status);
  auto components = members_of(*health, "components", {"status", "says"});
  if (!components.ok()) return components.error();
  if (components->empty()) {
    print_line(context, "components", "none yet: ml-guard token create --role sniffer");
  } else {
    print_line(context, "components", component_summary(context, *components));
  }
  return print_peers(context, *status);
}

base::Status run_health(Context& context, bool check) {
  auto health = context.get("/health");
  if (!health.ok()) return health.error();
  auto components = members_of(*health, "components", {"status", "last_heartbeat", "says"});
  if (!components.ok()) return components.error();
  std::string example;  // of one that says itself that something is wrong
  for (auto& [name, row] : *components) {
    const std::string word = health_word(row[0], row[2]);
    if (word != row[0]) example = name;
    row[0] = word;
  }
  std::stable_sort(components->begin(), components->end(), [](const auto& a, const auto& b) {
    return badness(a.second[0]) < badness(b.second[0]);
  });
  const auto well = std::count_if(components->begin(), components->end(),
                                  [](const auto& entry) { return entry.second[0] == "healthy"; });
  const auto unwell = static_cast<std::ptrdiff_t>(components->size()) - well;
  if (context.json()) {
    context.out() << pretty_json(*health);
  } else {
    Table table({shrinking_column("COMPONENT"), text_column("HEALTH"),
                 text_column("LAST HEARTBEAT"), age_column("AGE")});
    for (const auto& [name, row] : *components) {
      table.add_row({name,
                     {row[0], tone_of_word(row[0])},
                     short_time(row[1]),
                     age_cell(row[1], context.now_ms())});
    }
    context.print(table, kNoComponents);
    if (!example.empty()) context.note("for the reason: ml-guard component get " + example);
  }
  if (check && unwell > 0) {
    return base::Error{
        base::ErrorCode::internal, "unhealthy",
        plural(static_cast<std::uint64_t>(unwell), "component is", "components are") +
            " not healthy"};
  }
  return {};
}

base::Status run_components(Context& context) {
  auto answer = context.get("/components");
  if (!answer.ok()) return answer.error();
  if (context.json()) {
    context.out() << pretty_json(*answer);
    return {};
  }
  auto rows = rows_of(*answer, "components",
                      {"name", "status", "last_heartbeat", "version", "address", "says"});
  if (!rows.ok()) return rows.error();
  Table table({shrinking_column("NAME"), text_column("HEALTH"), text_column("LAST HEARTBEAT"),
               age_column("AGE"), shrinking_column("VERSION"), shrinking_column("ADDRESS")});
  for (const TextRow& row : *rows) {
    const std::string word = health_word(row[1], row[5]);
    table.add_row({row[0],
                   {word, tone_of_word(word)},
                   short_time(row[2]),
                   age_cell(row[2], context.now_ms()),
                   row[3],
                   row[4]});
  }
  context.print(table, kNoComponents);
  return {};
}

base::Status run_version(Context& context) {
  auto info = context.get_own("/info");
  const std::string server = info.ok() ? harmless(field_of(*info, "version")) : "";
  if (context.json()) {
    context.out() << json_object({{"client", kVersion}, {"server", server}}) << "\n";
  } else if (context.raw()) {
    context.out() << kVersion << "\t" << server << "\n";
  } else {
    context.out() << "ml-guard     " << kVersion << "\n";
    context.out() << "etcd-server  "
                  << (info.ok() ? server : "unknown: " + harmless(info.error().message)) << "\n";
  }
  return {};
}

}  // namespace

void define_status(CLI::App& app, Context& context) {
  set_examples(app, {"status", "status -o json", "status --endpoints 10.0.0.5:2379"});
  set_action(app, context, [&context] { return run_status(context); });
}

void define_health(CLI::App& app, Context& context) {
  auto check = std::make_shared<bool>(false);
  app.add_flag("--check", *check, "Exit with 1 unless every component is healthy");
  set_examples(app, {"health", "health --check --quiet || echo trouble"});
  set_action(app, context, [&context, check] { return run_health(context, *check); });
}

void define_components(CLI::App& app, Context& context) {
  set_examples(app, {"components", "components -o json", "components -o raw | cut -f1"});
  set_action(app, context, [&context] { return run_components(context); });
}

void define_version(CLI::App& app, Context& context) {
  set_examples(app, {"version"});
  set_action(app, context, [&context] { return run_version(context); });
}

}  // namespace mlguard::cli
