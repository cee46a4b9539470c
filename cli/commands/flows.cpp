// ml-guard flows: the flows that carry most, of the sniffers' latest heartbeats.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/flow_words.h"
#include "cli/listing.h"

namespace mlguard::cli {
namespace {

// A heartbeat brings new numbers every few seconds.
constexpr std::chrono::seconds kRedrawInterval{2};
// Clears the screen and begins at its top (ECMA-48: ED, CUP).
constexpr const char* kClearScreen = "\x1b[2J\x1b[H";

struct FlowsOptions {
  std::vector<std::string> sniffers;  // empty: all
  std::size_t limit = 20;
  bool follow = false;
};

struct SeenFlow {
  std::string sniffer;
  std::string one_end;
  std::string other_end;
  std::string protocol;
  std::uint64_t packets_per_s = 0;
  std::uint64_t bytes_per_s = 0;
};

base::Result<std::vector<std::string>> all_sniffers(Context& context) {
  auto answer = context.get("/components");
  if (!answer.ok()) return answer.error();
  auto rows = rows_of(*answer, "components", {"name", "role"});
  if (!rows.ok()) return rows.error();
  std::vector<std::string> names;
  for (const TextRow& row : *rows) {
    if (row[1] == "sniffer") names.push_back(row[0]);
  }
  return names;
}

// Adds what one sniffer told with its last heartbeat.
base::Status add_flows(Context& context, const std::string& sniffer, std::vector<SeenFlow>& flows) {
  context.set_subject(sniffer);
  auto answer = context.get("/components/" + url_encode(sniffer));
  if (!answer.ok()) return answer.error();
  if (field_of(*answer, "heartbeat.detail.top").empty()) {
    const std::string problem = field_of(*answer, "heartbeat.detail.problem");
    context.note(harmless(sniffer + " tells no flows" + (problem.empty() ? "" : ": " + problem)));
    return {};
  }
  auto rows =
      rows_of(*answer, "heartbeat.detail.top",
              {"low", "low_port", "high", "high_port", "protocol", "packets_per_s", "bytes_per_s"});
  if (!rows.ok()) return rows.error();
  for (const TextRow& row : *rows) {
    flows.push_back({sniffer, end_text(row[0], row[1]), end_text(row[2], row[3]),
                     protocol_name(row[4]), to_number(row[5]), to_number(row[6])});
  }
  return {};
}

base::Result<std::vector<SeenFlow>> read_flows(Context& context, const FlowsOptions& options) {
  std::vector<std::string> names = options.sniffers;
  if (names.empty()) {
    auto all = all_sniffers(context);
    if (!all.ok()) return all.error();
    names = std::move(*all);
  }
  std::vector<SeenFlow> flows;
  for (const std::string& name : names) {
    const base::Status added = add_flows(context, name, flows);
    if (!added.ok()) return added.error();
  }
  std::stable_sort(flows.begin(), flows.end(), [](const SeenFlow& a, const SeenFlow& b) {
    return a.bytes_per_s > b.bytes_per_s;
  });
  if (flows.size() > options.limit) flows.resize(options.limit);
  return flows;
}

void print_json(Context& context, const std::vector<SeenFlow>& flows) {
  using Kind = JsonField::Kind;
  std::string rows;
  for (const SeenFlow& flow : flows) {
    rows += (rows.empty() ? "" : ",") +
            json_object({{"sniffer", flow.sniffer},
                         {"one_end", flow.one_end},
                         {"other_end", flow.other_end},
                         {"protocol", flow.protocol},
                         {"packets_per_s", std::to_string(flow.packets_per_s), Kind::literal},
                         {"bytes_per_s", std::to_string(flow.bytes_per_s), Kind::literal}});
  }
  context.out() << pretty_json(json_object({{"flows", "[" + rows + "]", Kind::literal}}));
}

void print_flows(Context& context, const std::vector<SeenFlow>& flows) {
  if (context.json()) return print_json(context, flows);
  Table table({shrinking_column("ONE END"), shrinking_column("OTHER END"), text_column("PROTOCOL"),
               number_column("PACKETS/S"), number_column("BYTES/S"), shrinking_column("SNIFFER")});
  for (const SeenFlow& flow : flows) {
    const bool raw = context.raw();
    table.add_row({flow.one_end, flow.other_end, flow.protocol,
                   raw ? std::to_string(flow.packets_per_s) : grouped(flow.packets_per_s),
                   raw ? std::to_string(flow.bytes_per_s) : human_bytes(flow.bytes_per_s),
                   flow.sniffer});
  }
  context.print(table, "no flows: nothing went by of late, or no sniffer runs (ml-guard health)");
}

base::Status run_flows(Context& context, const FlowsOptions& options) {
  while (true) {
    const auto flows = read_flows(context, options);
    if (!flows.ok()) return flows.error();
    const bool redraws = options.follow && context.table();
    if (redraws) context.out() << kClearScreen;
    print_flows(context, *flows);
    if (redraws) context.out() << "\nfrom the sniffers' latest heartbeats; Ctrl-C ends\n";
    context.out().flush();
    if (!options.follow || !context.out().good()) return {};
    std::this_thread::sleep_for(kRedrawInterval);
  }
}

}  // namespace

void define_flows(CLI::App& app, Context& context) {
  auto options = std::make_shared<FlowsOptions>();
  app.add_option("SNIFFER", options->sniffers, "Only of these (default: of all)");
  app.add_option("-n,--limit", options->limit, "Flows at the most; a sniffer tells ten")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000}))
      ->capture_default_str();
  app.add_flag("-F,--follow", options->follow, "Again every two seconds, until Ctrl-C");
  set_examples(app, {"flows", "flows --follow", "flows sniffer-dmz -o json"});
  set_action(app, context, [&context, options] { return run_flows(context, *options); });
}

}  // namespace mlguard::cli
