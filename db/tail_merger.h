// TailMerger: merges entries of another history into the rows here, last write wins by row. It
// decides and writes; SqliteStore::merge makes entries of what it wrote. The rules, and why each is
// there: docs/store.md ("Merging").
//
// Throws SQLite::Exception; internal to db/. Not thread-safe: lives within one write group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "db/commands.h"
#include "db/merge.h"
#include "db/row_image.h"

namespace mlguard::db {

class TailMerger {
 public:
  // `request` must outlive the merger. `state` is that before the merge. Error: corrupt /
  // "bad_image".
  static base::Result<TailMerger> prepare(Connection& connection, const MergeRequest& request,
                                          const StoreState& state, std::int64_t now_ms);

  struct Outcome {
    std::size_t taken = 0;     // Rows that took effect.
    std::size_t lost = 0;      // Rows that did not, recorded or not.
    std::size_t recorded = 0;  // Conflicts written.
  };

  // True: nothing to merge, for the entry holds no rows or is one of this log's own.
  bool is_void(std::size_t index) const;
  // The highest stamp among the entry's rows that may take effect: the merged entry's is above it.
  std::uint64_t hlc_max(std::size_t index) const;
  // Merges the entry at `index`; those before it are merged already. `answered`: its request is
  // known here, so that only the conflicts which it records are kept.
  Outcome merge_entry(std::size_t index, const CommandContext& context, bool answered);

 private:
  enum class Verdict { taken, stands, lost };

  TailMerger(Connection& connection, const MergeRequest& request, const StoreState& state,
             std::int64_t now_ms);

  bool is_ahead(const RowImage& image) const { return hlc_of(image) > ahead_; }
  Verdict merge_image(const LogEntry& entry, const RowImage& image, const CommandContext& context);
  Verdict merge_row(const RowImage& image, const CommandContext& context);
  Verdict merge_audit(const RowImage& image, const CommandContext& context);
  void take(const RowImage& image, const CommandContext& context);
  void keep_conflict(const RowImage& image, const CommandContext& context);
  Verdict record(const RowImage& image, const char* reason, const CommandContext& context);
  bool is_recorded(const RowImage& image);
  // The tail's writer knew the row that stands here.
  bool was_seen(const RowImage& standing);
  void find_touched();
  bool audit_is_known(const RowImage& image);

  Connection& connection_;
  const MergeRequest& request_;
  std::vector<std::vector<RowImage>> images_;  // By entry.
  std::uint64_t ahead_ = 0;                    // Stamps above are not merged.
  std::uint64_t log_base_ = 0;
  std::uint64_t revision_ = 0;
  std::unordered_set<std::string> tail_keys_;    // Rows by table and key
  std::unordered_set<std::string> tail_writes_;  // and by stamp as well.
  // Of tail_keys_, those that this log has written after the common point. Found when needed.
  std::optional<std::unordered_set<std::string>> touched_;
  std::optional<std::unordered_set<std::string>> audit_stamps_;  // Alike.
  std::size_t recorded_ = 0;
};

}  // namespace mlguard::db
