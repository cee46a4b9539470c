// ml-guard detections, audit, changes: what happened.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ostream>
#include <thread>

#include "base/model.h"
#include "base/time_format.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/listing.h"

namespace mlguard::cli {
namespace {

constexpr std::chrono::seconds kDetectionPollInterval{1};
constexpr std::int64_t kLongPollMsMax = 5'000;
constexpr std::size_t kLabelColumns = 15;
constexpr std::size_t kIdShown = 8;
// While following, a page takes a whole write: a smaller one could end between two detections of
// one revision, and the next page begins behind that.
constexpr std::size_t kFollowRows = base::kDetectionsPerWriteMax;

struct HistoryOptions {
  std::size_t limit = 30;
  std::uint64_t after = 0;
  bool follow = false;
  std::string kind;
  std::string source;
  std::string since;
  std::string resource;
  std::string id;
};

void add_limit(CLI::App& app, const std::shared_ptr<HistoryOptions>& options) {
  app.add_option("-n,--limit", options->limit, "At most so many (default: 30)")->type_name("N");
}

// Pages of rows, one below the other: a header over the first only, and columns that line up.
class PageWriter {
 public:
  PageWriter(Context& context, std::string list, std::string when_empty)
      : context_(context), list_(std::move(list)), when_empty_(std::move(when_empty)) {}

  void write(Table table, const std::string& json) {
    table.line_up(widths_);
    if (context_.json()) {
      for (const std::string& line : json_lines_of(json, list_)) context_.out() << line << "\n";
    } else if (first_) {
      context_.print(table, when_empty_);
    } else if (context_.raw()) {
      context_.out() << table.render_raw();
    } else {
      context_.out() << table.render_rows(context_.columns_max(), context_.settings().out_color);
    }
    first_ = false;
    context_.out().flush();
  }

 private:
  Context& context_;
  std::string list_;
  std::string when_empty_;
  std::vector<std::size_t> widths_;
  bool first_ = true;
};

// ---- detections

const std::vector<std::string>& detection_keys() {
  static const std::vector<std::string> keys = {
      "revision",         "detected_at", "kind",      "source_ip", "destination_ip",
      "destination_port", "score",       "component", "rule_id",   "id"};
  return keys;
}

Table detection_table(const Context& context, const std::vector<TextRow>& rows) {
  Table table({text_column("DETECTED"), spare_age_column("AGE"), shrinking_column("KIND"),
               text_column("FROM"), text_column("TO"), number_column("SCORE"),
               shrinking_column("RULE"), text_column("ID")});
  for (const TextRow& row : rows) {
    const bool has_port = !row[5].empty() && row[5] != "0";
    std::array<char, 32> score{};
    std::snprintf(score.data(), score.size(), "%.2f", std::strtod(row[6].c_str(), nullptr));
    table.add_row({short_time(row[1]),
                   age_cell(row[1], context.now_ms()),
                   {row[2], Tone::warning},
                   row[3],
                   row[4] + (has_port ? ":" + row[5] : ""),
                   std::string(score.data()),
                   row[8],
                   context.raw() ? row[9] : row[9].substr(0, kIdShown)});
  }
  return table;
}

base::Result<std::string> detections_target(const HistoryOptions& options, std::uint64_t after) {
  const std::size_t limit = options.follow && after > 0 ? kFollowRows : options.limit;
  std::string target = "/v1/detections?limit=" + std::to_string(limit);
  if (after > 0) target += "&after=" + std::to_string(after);
  if (!options.kind.empty()) target += "&kind=" + url_encode(options.kind);
  if (!options.source.empty()) target += "&source_ip=" + url_encode(options.source);
  if (!options.since.empty()) {
    auto since = base::parse_duration_ms(options.since);
    if (!since.ok())
      return usage_error("--since '" + options.since + "' is not a duration: 1h, 7d");
    target += "&since=" + std::to_string(*since) + "ms";
  }
  return target;
}

base::Status run_detections(Context& context, const HistoryOptions& options) {
  std::uint64_t after = options.after;
  PageWriter writer(context, "detections",
                    "no detections: nothing suspicious was seen, or no ml-detector runs yet");
  while (true) {
    auto target = detections_target(options, after);
    if (!target.ok()) return target.error();
    auto answer = context.get(*target);
    if (!answer.ok()) return answer.error();
    auto rows = rows_of(*answer, "detections", detection_keys());
    if (!rows.ok()) return rows.error();
    if (context.json() && !options.follow) {
      context.out() << pretty_json(*answer);
      return {};
    }
    writer.write(detection_table(context, *rows), *answer);
    if (!options.follow || !context.out().good()) return {};
    for (const TextRow& row : *rows) after = std::max(after, to_number(row[0]));
    std::this_thread::sleep_for(kDetectionPollInterval);
  }
}

// A detection's detail as sentences: what fired, by how much, and what became of the source.
void add_detail(std::vector<std::pair<std::string, std::string>>& lines,
                const std::string& detection) {
  const std::string by = field_of(detection, "detail.by");
  if (!by.empty())
    lines.emplace_back("said by", by + " (" + field_of(detection, "detail.layer") + ")");
  for (const char* score : {"rule_score", "model_score"}) {
    const std::string value = field_of(detection, std::string("detail.") + score);
    if (!value.empty())
      lines.emplace_back(score[0] == 'r' ? "rule's score" : "model's score", value);
  }
  const std::string flows = field_of(detection, "detail.flows");
  if (!flows.empty()) lines.emplace_back("flows", flows + " since the last report");
  const std::string detail = field_of(detection, "detail");
  if (const auto reasons = rows_of(detail, "reasons", {"what", "value", "limit"}); reasons.ok()) {
    for (const TextRow& row : *reasons) {
      lines.emplace_back("because", row[0] + " was " + row[1] + ", from " + row[2] + " on");
    }
  }
  if (const auto features = rows_of(detail, "features", {"name", "value", "added"});
      features.ok()) {
    for (const TextRow& row : *features) {
      const std::string value = row[1].empty() ? "missing" : row[1];
      lines.emplace_back("model saw", row[0] + " = " + value + " (adds " + row[2] + ")");
    }
  }
  const std::string evidence = field_of(detection, "detail.evidence");
  if (evidence == "forgeable") {
    lines.emplace_back("evidence", "forgeable: somebody else could have sent these packets");
  } else if (!evidence.empty()) {
    lines.emplace_back("evidence", "proven: the source answered the server");
  }
}

base::Status run_explain(Context& context, const HistoryOptions& options) {
  const auto answer = context.get("/v1/detections?limit=2&id=" + url_encode(options.id));
  if (!answer.ok()) return answer.error();
  const std::vector<std::string> found = json_lines_of(*answer, "detections");
  if (found.size() != 1) {
    return base::Error{base::ErrorCode::not_found, "no_detection",
                       found.empty() ? "there is no detection '" + options.id + "'"
                                     : "'" + options.id + "' begins several ids; type more of it"};
  }
  const std::string& detection = found.front();
  if (context.json()) {
    context.out() << pretty_json(detection);
    return {};
  }
  const std::string source = field_of(detection, "source_ip");
  std::vector<std::pair<std::string, std::string>> lines = {
      {"detection", field_of(detection, "id")},
      {"what", field_of(detection, "kind") + ", score " + field_of(detection, "score")},
      {"when", field_of(detection, "detected_at")},
      {"from", source.empty() ? "many sources" : source},
      {"to",
       field_of(detection, "destination_ip") + ", port " + field_of(detection, "destination_port")},
      {"seen by", field_of(detection, "component")}};
  add_detail(lines, detection);
  const std::string rule = field_of(detection, "rule_id");
  const std::string why_not = field_of(detection, "detail.not_blocked");
  if (!rule.empty()) {
    lines.emplace_back("blocked by", rule);
  } else if (!why_not.empty()) {
    lines.emplace_back("not blocked", why_not);
  }
  for (const auto& [name, value] : lines) {
    context.out() << (context.raw() ? name + "\t" + value
                                    : name + std::string(kLabelColumns - name.size(), ' ') + value)
                  << "\n";
  }
  return {};
}

// ---- audit

// For people, what was done to and how are one sentence; for programs, two columns.
Table audit_table(const Context& context, const std::vector<TextRow>& rows) {
  std::vector<Column> columns = {text_column("TIME"), spare_age_column("AGE"),
                                 shrinking_column("WHO"), text_column("ACTION"),
                                 shrinking_column("WHAT")};
  if (context.raw()) columns.push_back(text_column("DETAIL"));
  Table table(std::move(columns));
  for (const TextRow& row : rows) {
    const Tone tone = row[3] == "refused" ? Tone::bad : Tone::plain;
    const bool both = !context.raw() && !row[4].empty() && !row[5].empty();
    std::vector<Cell> cells = {short_time(row[1]),
                               age_cell(row[1], context.now_ms()),
                               row[2],
                               {row[3], tone},
                               both ? row[4] + ": " + row[5] : row[4] + row[5]};
    if (context.raw()) {
      cells.back() = row[4];
      cells.emplace_back(row[5]);
    }
    table.add_row(std::move(cells));
  }
  return table;
}

base::Status run_audit(Context& context, const HistoryOptions& options) {
  std::string target = "/v1/audit?limit=" + std::to_string(options.limit);
  if (options.after > 0) target += "&after=" + std::to_string(options.after);
  auto answer = context.get(target);
  if (!answer.ok()) return answer.error();
  if (context.json()) {
    context.out() << pretty_json(*answer);
    return {};
  }
  auto rows = rows_of(*answer, "audit", {"id", "at", "actor", "action", "subject", "detail"});
  if (!rows.ok()) return rows.error();
  context.print(audit_table(context, *rows), "nothing has been done yet");
  if (rows->size() == options.limit && options.limit > 0) {
    context.note("for older ones: ml-guard audit --before " + rows->back()[0]);
  }
  return {};
}

// ---- changes

Table change_table(const Context& context, const std::vector<TextRow>& rows) {
  // The summary names the resource, mostly: that column is the first to go.
  Column resource = text_column("WHAT");
  resource.fit = Column::Fit::drops;
  Table table({number_column("REVISION"), text_column("TIME"), spare_age_column("AGE"),
               shrinking_column("WHO"), resource, shrinking_column("CHANGE")});
  for (const TextRow& row : rows) {
    table.add_row(
        {row[0], short_time(row[1]), age_cell(row[1], context.now_ms()), row[2], row[3], row[4]});
  }
  return table;
}

// The newest `limit` changes begin behind this revision: every change has a revision of its own. Of
// one resource, nobody knows where the newest begin: those come from the oldest on.
base::Result<std::uint64_t> first_after(Context& context, const HistoryOptions& options) {
  auto status = context.get("/status");
  if (!status.ok()) return status.error();
  const std::uint64_t revision = to_number(field_of(*status, "revision"));
  const std::uint64_t oldest = to_number(field_of(*status, "oldest_revision"));
  const bool newest = options.resource.empty() && revision > options.limit;
  const std::uint64_t from = newest ? revision - options.limit : 0;
  return std::max(from, oldest > 0 ? oldest - 1 : 0);
}

std::string wait_parameter(const Context& context) {
  // Half the call's time, so that a quiet hour does not look like a server that hangs.
  const std::int64_t half_ms = context.settings().timeout.count() / 2;
  return std::to_string(std::min(kLongPollMsMax, half_ms)) + "ms";
}

base::Status run_changes(Context& context, const HistoryOptions& options) {
  std::uint64_t after = options.after;
  if (after == 0) {
    auto from = first_after(context, options);
    if (!from.ok()) return from.error();
    after = *from;
  }
  PageWriter writer(context, "changes", "no changes yet");
  bool waiting = false;
  while (true) {
    std::string target = waiting ? "/v1/watch" : "/v1/changes";
    const std::size_t limit = waiting ? kFollowRows : options.limit;
    target += "?after=" + std::to_string(after) + "&limit=" + std::to_string(limit);
    if (!options.resource.empty()) target += "&resource=" + url_encode(options.resource);
    if (waiting) target += "&wait=" + wait_parameter(context);
    auto answer = context.get(target);
    if (!answer.ok()) return answer.error();
    auto rows = rows_of(*answer, "changes", {"revision", "at", "author", "resource", "summary"});
    if (!rows.ok()) return rows.error();
    if (context.json() && !options.follow) {
      context.out() << pretty_json(*answer);
      return {};
    }
    writer.write(change_table(context, *rows), *answer);
    if (!options.follow || !context.out().good()) return {};
    after = std::max(after, to_number(field_of(*answer, "revision")));
    waiting = true;
  }
}

}  // namespace

void define_detections(CLI::App& app, Context& context) {
  const auto options = std::make_shared<HistoryOptions>();
  add_limit(app, options);
  app.add_option("--kind", options->kind, "Only this kind: portscan, ddos, ...")->type_name("KIND");
  app.add_option("--source", options->source, "Only from this address")->type_name("IP");
  app.add_option("--since", options->since, "Only of the last 1h, 7d, ...")->type_name("1h");
  app.add_option("--after", options->after, "Oldest first behind this revision")
      ->type_name("REVISION");
  app.add_flag("-F,--follow", options->follow, "Go on as they come, until Ctrl-C");
  set_examples(app, {"detections", "detections --since 1h --kind portscan", "detections --follow",
                     "detections explain 5f0c21ab"});
  CLI::App& explain = add_subcommand(app, "explain", "why: what fired, and what became of it");
  explain.add_option("ID", options->id, "How the detection's id begins")->required();
  set_examples(explain, {"detections explain 5f0c21ab"});
  set_action(explain, context, [&context, options] { return run_explain(context, *options); });
  // Called for its subcommand, too, and after that one.
  app.callback([&context, &app, options] {
    if (app.get_subcommands().empty()) {
      context.set_action([&context, options] { return run_detections(context, *options); });
    }
  });
}

void define_audit(CLI::App& app, Context& context) {
  const auto options = std::make_shared<HistoryOptions>();
  add_limit(app, options);
  app.add_option("--before", options->after, "Go on below this id")->type_name("ID");
  set_examples(app, {"audit", "audit -n 100 -o json"});
  set_action(app, context, [&context, options] { return run_audit(context, *options); });
}

void define_changes(CLI::App& app, Context& context) {
  const auto options = std::make_shared<HistoryOptions>();
  add_limit(app, options);
  app.add_option("--after", options->after,
                 "Behind this revision (default: the newest; with --resource, the oldest)")
      ->type_name("REVISION");
  app.add_option("--resource", options->resource, "Only config/sniffer, config/, rules, ...")
      ->type_name("NAME");
  app.add_flag("-F,--follow", options->follow, "Go on as they come, until Ctrl-C");
  set_examples(app, {"changes", "changes --resource config/sniffer --after 1", "changes --follow"});
  set_action(app, context, [&context, options] { return run_changes(context, *options); });
}

}  // namespace mlguard::cli
