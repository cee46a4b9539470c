// ml-guard conflicts: what lost to another write, told as a story for each row.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <ostream>

#include "base/time_format.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/listing.h"
#include "wire/cluster_messages.h"

namespace mlguard::cli {
namespace {

using wire::ConflictInfo;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kValueCharsMax = 60;  // A document would fill the screen.

struct ConflictsOptions {
  std::size_t limit = 20;
  std::size_t offset = 0;
};

// By the reasons of docs/wire-format.md. "It" is what lost.
std::string reason_in_words(const std::string& reason) {
  static const std::map<std::string, std::string> words = {
      {"older", "an instance that was cut off brought it back; the other was written later"},
      {"overwritten",
       "an instance that was cut off had written the row later, and that write counts"},
      {"compare-and-set",
       "it was to be done only if nobody else had changed the row, and somebody had"},
      {"clock ahead", "its writer's clock was more than a minute ahead: its time means nothing"},
      {"membership", "who is a member is decided by the leader alone"},
  };
  const auto found = words.find(reason);
  return found == words.end() ? reason : found->second;
}

std::string shortened(const std::string& value) {
  const std::string safe = harmless(value);
  if (display_width(safe) <= kValueCharsMax) return safe;
  // Whole code points: the rest of a cut one would be no text.
  std::size_t end = kValueCharsMax;
  while (end > 0 && (static_cast<unsigned char>(safe[end]) & 0xC0U) == 0x80U) --end;
  return safe.substr(0, end) + "..";
}

// The fields of `row` that differ from those of `other`, or all when there is no other.
std::string differing_fields(const Fields& row, const Fields& other) {
  std::string text;
  for (const auto& [name, value] : row) {
    const auto same = std::find(other.begin(), other.end(), std::make_pair(name, value));
    if (same != other.end()) continue;
    text += (text.empty() ? "" : ", ") + harmless(name) + " " +
            (value.empty() ? "none" : shortened(value));
  }
  return text.empty() ? "the same in every field" : text;
}

void print_story(Context& context, const ConflictInfo& conflict) {
  const Fields lost = fields_of(conflict.lost);
  const Fields kept = fields_of(conflict.kept);
  const auto when = [&](std::int64_t at_ms) {
    return at_ms == 0
               ? std::string("at an unknown time")
               : short_time(base::iso_time(at_ms)) + " (" + age(at_ms, context.now_ms()) + ")";
  };
  const auto line = [&](const char* label, const std::string& text) {
    context.out() << "  " << context.painted(label, Tone::faint) << "  " << text << "\n";
  };
  context.out() << context.painted(harmless(conflict.table + " " + conflict.key), Tone::strong)
                << "  found " << when(conflict.recorded_at_ms) << "\n";
  const std::string by = conflict.lost_by.empty() ? "" : " by " + harmless(conflict.lost_by);
  line("lost   ", "written " + when(conflict.lost_at_ms) + by);
  line("       ", differing_fields(lost, kept));
  line("stands ",
       conflict.kept.empty() ? "nothing: the row was removed" : differing_fields(kept, lost));
  line("because", harmless(reason_in_words(conflict.reason)));
}

Table raw_table(const std::vector<ConflictInfo>& conflicts) {
  Table table({text_column("FOUND"), text_column("TABLE"), text_column("KEY"),
               text_column("REASON"), text_column("LOST AT"), text_column("LOST BY"),
               text_column("LOST"), text_column("KEPT")});
  for (const ConflictInfo& conflict : conflicts) {
    table.add_row({base::iso_time(conflict.recorded_at_ms), conflict.table, conflict.key,
                   conflict.reason, base::iso_time(conflict.lost_at_ms), conflict.lost_by,
                   conflict.lost, conflict.kept});
  }
  return table;
}

base::Status run_conflicts(Context& context, const ConflictsOptions& options) {
  if (options.limit == 0 || options.limit > wire::kConflictsMax) {
    return usage_error("--limit is a number from 1 to " + std::to_string(wire::kConflictsMax));
  }
  const auto answer = context.get("/v1/conflicts?limit=" + std::to_string(options.limit) +
                                  "&offset=" + std::to_string(options.offset));
  if (!answer.ok()) return answer.error();
  if (context.json()) {
    context.out() << pretty_json(*answer);
    return {};
  }
  const auto conflicts = wire::decode_conflicts(*answer);
  if (!conflicts.ok()) return conflicts.error();
  if (context.raw()) {
    context.out() << raw_table(*conflicts).render_raw();
    return {};
  }
  for (const ConflictInfo& conflict : *conflicts) print_story(context, conflict);
  if (conflicts->empty()) {
    context.out() << (options.offset == 0 ? "no conflicts: no write has lost to another one\n"
                                          : "no more conflicts\n");
  }
  if (conflicts->size() == options.limit) {
    context.note("for older ones: ml-guard conflicts --offset " +
                 std::to_string(options.offset + options.limit));
  }
  return {};
}

}  // namespace

void define_conflicts(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ConflictsOptions>();
  app.add_option("-n,--limit", options->limit, "At most so many, the newest first (default: 20)")
      ->type_name("N");
  app.add_option("--offset", options->offset, "Leave out so many of the newest")->type_name("N");
  set_examples(app, {"conflicts", "conflicts -n 100 -o json"});
  set_action(app, context, [&context, options] { return run_conflicts(context, *options); });
}

}  // namespace mlguard::cli
