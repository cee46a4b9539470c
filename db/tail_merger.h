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
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "db/commands.h"
#include "db/merge.h"
#include "db/row_image.h"

namespace mlguard::db {

class TailMerger {
 public:
  // `answered` says of each entry whether its request is known here. `request` must outlive the
  // merger; `state` is that before the merge. Error: corrupt / "bad_image".
  static base::Result<TailMerger> prepare(Connection& connection, const MergeRequest& request,
                                          std::vector<bool> answered, const StoreState& state,
                                          std::int64_t now_ms);

  struct Outcome {
    std::size_t taken = 0;     // Rows that took effect.
    std::size_t lost = 0;      // Rows that did not, recorded or not.
    std::size_t recorded = 0;  // Conflicts written.
  };

  // True: nothing to merge, for the entry holds no rows or is one of this log's own.
  bool is_void(std::size_t index) const;
  // The highest stamp among the entry's rows that may take effect: the merged entry's is above it.
  std::uint64_t hlc_max(std::size_t index) const;
  // Merges the entry at `index`; those before it are merged already. Of one that is answered only
  // the conflicts which it records are kept.
  Outcome merge_entry(std::size_t index, const CommandContext& context);

 private:
  enum class Verdict { taken, stands, lost };

  TailMerger(Connection& connection, const MergeRequest& request, std::vector<bool> answered,
             const StoreState& state, std::int64_t now_ms);

  void index_rows(std::size_t entry);
  bool is_ahead(const RowImage& image) const { return hlc_of(image) > ahead_; }
  Verdict merge_image(std::size_t entry, const RowImage& image, const CommandContext& context);
  Verdict merge_row(std::size_t entry, const RowImage& image, const CommandContext& context);
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
  std::vector<bool> answered_;
  std::vector<std::vector<RowImage>> images_;  // By entry.
  std::uint64_t ahead_ = 0;                    // Stamps above are not merged.
  std::uint64_t log_base_ = 0;
  std::uint64_t revision_ = 0;
  // The tail's rows by table and key, each with the last entry that writes it and is judged; and
  // by stamp as well.
  std::unordered_map<std::string, std::size_t> last_writers_;
  std::unordered_set<std::string> tail_writes_;
  // Of last_writers_, those that this log has written after the common point. Found when needed.
  std::optional<std::unordered_set<std::string>> touched_;
  std::optional<std::unordered_set<std::string>> audit_stamps_;  // Alike.
  std::size_t recorded_ = 0;
};

}  // namespace mlguard::db
