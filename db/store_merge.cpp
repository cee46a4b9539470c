// Merging what only another node held: each entry of its tail that changes something here becomes
// an entry of this log.
#include "db/commands.h"
#include "db/sqlite_store.h"
#include "db/tail_merger.h"

namespace mlguard::db {

namespace {

constexpr std::string_view kMergedFrom = " (merged from ";

// Says whose it was, and what became of it.
std::string merged_summary(const LogEntry& entry, const std::string& from,
                           const TailMerger::Outcome& outcome) {
  // An entry that is merged for the second time was somebody else's before.
  if (entry.summary.find(kMergedFrom) != std::string::npos) return entry.summary;
  const char* fate = outcome.lost == 0    ? ""
                     : outcome.taken == 0 ? ": it lost"
                                          : ": part of it lost";
  return entry.summary + std::string(kMergedFrom) + from + fate + ")";
}

}  // namespace

base::Result<MergeReport> SqliteStore::merge(const MergeRequest& request) {
  return in_group([&]() -> base::Result<MergeReport> {
    // Whose client has asked here again and was answered: done once already.
    std::vector<bool> answered;
    for (const LogEntry& theirs : request.entries) {
      answered.push_back(find_replay(theirs.request_id).has_value());
    }
    auto merger = TailMerger::prepare(connection_, request, answered, state_, clock_.wall_ms());
    if (!merger.ok()) return merger.error();
    MergeReport report;
    for (std::size_t i = 0; i < request.entries.size(); ++i) {
      const LogEntry& theirs = request.entries[i];
      if (merger->is_void(i)) continue;
      hlc_.observe(merger->hlc_max(i));
      const CommandContext context = new_context(theirs.author);
      capture_.begin_write(context.revision);
      const TailMerger::Outcome outcome = merger->merge_entry(i, context);
      if (capture_.images().empty()) continue;

      LogEntry entry;
      entry.hlc = context.hlc;
      entry.author = theirs.author;
      entry.resource = theirs.resource;
      entry.summary = merged_summary(theirs, request.from, outcome);
      // A write that lost is not done: who asks again gets it done, not a "done" from memory.
      if (!answered[i] && outcome.lost == 0) {
        entry.request_id = theirs.request_id;
        entry.result = theirs.result;
      }
      append_captured(entry);
      ++report.entries_appended;
      report.conflicts += outcome.recorded;
    }
    report.revision = state_.revision;
    return report;
  });
}

}  // namespace mlguard::db
