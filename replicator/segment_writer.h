// SegmentShipper: writes what is committed into a folder, as closed segments and snapshots that a
// follower without a network path reads (segment_reader.h) and that `etcd-server restore` restores
// from. docs/segment-format.md has the files and the rules.
//
// Let it ship only while this instance leads and has committed an entry of its own term, or runs
// alone: then what the folder holds beyond its log is known to be a dead history. It never blocks
// the store: it reads from an EntrySource, and when the folder cannot be written it says so once,
// holds at most one segment in memory, and tries again.
//
// Belongs to one thread. `source` must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "replicator/problem_log.h"
#include "replicator/segment_upkeep.h"
#include "replicator/shipping_folder.h"
#include "replicator/types.h"

namespace mlguard::replicator {

// A segment closes this long after its first entry; with the follower's poll of five seconds a
// follower is at most seven seconds behind.
inline constexpr std::int64_t kSegmentAgeMs = 2'000;
inline constexpr std::int64_t kShipRetryMs = 5'000;
inline constexpr std::size_t kShipFetchEntriesMax = 1'024;
// What one call of ship() pulls at the most, so that stopping never waits long.
inline constexpr std::size_t kShipFetchesMax = 256;
// A new snapshot after so many segments (a day of one every five seconds), or once the segments
// since the last one outweigh it, so that a restore reads at most about twice the database.
inline constexpr std::uint64_t kSnapshotAfterSegments = 17'280;
inline constexpr std::uint64_t kSnapshotAfterBytesMin = 16 * 1024 * 1024;

// The store, as shipping sees it. Called from the shipper's thread only; blocking is fine.
class EntrySource {
 public:
  virtual ~EntrySource() = default;
  // The last committed revision; 0 while there is none.
  virtual Revision committed() = 0;
  // The entry at `revision`, or the log's base; nullopt below the base and beyond the log's end.
  virtual base::Result<std::optional<Position>> position_at(Revision revision) = 0;
  // Entries after `after`: at least one when there is one, else within both limits. What is not
  // committed may be among them. not_found / "compacted" when the log begins later.
  virtual base::Result<std::vector<Entry>> entries(Revision after, std::size_t count_max,
                                                   std::size_t bytes_max) = 0;
  // A consistent copy of the whole database in a new file at `path` (Engine::backup_to). It may
  // hold what is not committed yet: it is shipped once that is.
  virtual base::Status snapshot_to(const std::string& path) = 0;
};

struct ShipOptions {
  std::string folder;       // Made when absent, mode 0700.
  std::string work_folder;  // Of this instance's own: a snapshot stands here in clear for a while.
  std::size_t close_bytes = kSegmentCloseBytes;
  std::int64_t close_age_ms = kSegmentAgeMs;
  std::uint64_t snapshot_after_segments = kSnapshotAfterSegments;
  std::uint64_t snapshot_after_bytes_min = kSnapshotAfterBytesMin;
  std::size_t snapshots_kept = kSnapshotsKept;
  std::size_t merge_segments = kMergeSegments;
};

struct ShipStatus {
  std::uint64_t generation = 0;
  Revision shipped = 0;  // Everything up to here is in the folder.
  std::uint64_t segments = 0;
  std::uint64_t snapshots = 0;  // Both: written since the start.
  std::optional<base::Error> problem;
};

class SegmentShipper {
 public:
  SegmentShipper(const ShipOptions& options, const ShippingKey& key, EntrySource& source);
  ~SegmentShipper();
  SegmentShipper(const SegmentShipper&) = delete;
  SegmentShipper& operator=(const SegmentShipper&) = delete;

  // One step: writes what is due. Call it every few hundred milliseconds. `now_ms` is monotonic.
  // The error is what stands in the way now; it is logged when it changes and tried again after
  // kShipRetryMs.
  base::Status ship(std::int64_t now_ms);
  // Before an orderly stop: closes the open segment, however young.
  base::Status flush(std::int64_t now_ms);
  // This instance no longer leads: forgets what it was about to write. The next ship() looks at
  // the folder anew, because another instance may have gone on there.
  void stand_down();

  ShipStatus status() const;

 private:
  enum class Closing { when_due, at_once };

  base::Status step(std::int64_t now_ms, Closing closing);
  base::Status settle(std::int64_t now_ms, const base::Status& done);
  base::Status resume();
  base::Status find_place();
  base::Result<std::optional<Position>> newest_shipped();
  void count_since_snapshot();
  base::Status begin_generation(const std::string& why);

  base::Status pull(std::int64_t now_ms);
  base::Status take_in(std::vector<Entry> entries, std::int64_t now_ms);
  bool close_due(std::int64_t now_ms, Closing closing) const;
  base::Status close();
  base::Status check_alone();

  bool snapshot_due() const;
  base::Status take_snapshot();
  base::Status publish_snapshot();
  void drop_snapshot();
  std::string snapshot_path() const;

  // Where the open segment ends. REQUIRES: tail_.
  Position open_end() const { return open_.empty() ? *tail_ : position_of(open_.back()); }

  const ShipOptions options_;
  const ShippingKey key_;
  EntrySource& source_;
  ShippingFolder folder_;
  ProblemLog problems_;

  bool resumed_ = false;
  std::uint64_t generation_ = 0;
  std::optional<Position> tail_;  // Of the last closed segment; none: a snapshot comes first.
  std::vector<Entry> open_;
  std::size_t open_bytes_ = 0;
  std::int64_t opened_at_ms_ = 0;
  std::optional<Position> taken_;  // A snapshot in the work folder that is not published yet.
  std::uint64_t segments_since_ = 0;
  std::uint64_t bytes_since_ = 0;
  std::uint64_t snapshot_bytes_ = 0;
  std::vector<FileName> small_;  // Closed since the last merge, one after the other.
  std::int64_t retry_at_ms_ = 0;
  ShipStatus status_;
};

}  // namespace mlguard::replicator
