// SegmentFollower: keeps an instance that has no network path to the leader up to date from a
// folder that a SegmentShipper writes (and somebody mounts, syncs or carries here).
//
// Each poll applies what continues this instance's history, and names what stands in the way: a
// file that is cut, changed, renamed, missing or another cluster's. Such a file is refused, what is
// here stays as it is, and a later poll goes on by itself once the file is whole. A snapshot is
// taken when the segments in between are gone or damaged, and when the folder's history is another
// (docs/segment-format.md, "Following").
//
// Belongs to one thread. `sink` must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "replicator/problem_log.h"
#include "replicator/shipping_folder.h"
#include "replicator/types.h"

namespace mlguard::replicator {

inline constexpr std::int64_t kFollowPollMs = 5'000;
// What one poll applies at the most, so that stopping never waits long.
inline constexpr std::size_t kFollowSegmentsMax = 64;

// The store, as following sees it. Called from the follower's thread only; blocking is fine.
class EntrySink {
 public:
  virtual ~EntrySink() = default;
  // The last entry here; all zero while there is none.
  virtual Position position() = 0;
  // The entry at `revision`, or the log's base; nullopt below the base and beyond the log's end.
  virtual base::Result<std::optional<Position>> position_at(Revision revision) = 0;
  // Appends and applies them, all or none, durably. corrupt: they do not fit the state here, which
  // then needs a snapshot.
  virtual base::Status apply(const std::vector<Entry>& entries) = 0;
  // Replaces state and log by this database, which is at `position`. The file is the follower's and
  // may be moved.
  virtual base::Status install(const std::string& database, const Position& position) = 0;
};

struct FollowOptions {
  std::string folder;
  std::string work_folder;  // Of this instance's own: a snapshot stands here in clear for a while.
};

struct FollowReport {
  std::uint64_t entries = 0;           // Applied by this poll.
  bool installed = false;              // A snapshot.
  bool more = false;                   // Poll again at once.
  Revision shipped = 0;                // The newest revision that the folder names.
  std::optional<base::Error> problem;  // Why it is not further than it is.
};

class SegmentFollower {
 public:
  SegmentFollower(const FollowOptions& options, const ShippingKey& key, EntrySink& sink);
  ~SegmentFollower();
  SegmentFollower(const SegmentFollower&) = delete;
  SegmentFollower& operator=(const SegmentFollower&) = delete;

  // A problem is logged when it changes.
  FollowReport poll();

 private:
  enum class Step { done, progress };
  // How our history stands to the folder's where no segment continues it.
  enum class Relation { agrees, parted, unknown };

  Step step(FollowReport& report);
  Step rescan(FollowReport& report);
  Step apply(const Segment& segment, FollowReport& report);
  // The newest snapshot ahead of us; when the histories parted, the newest there is.
  Step install(const Position& at, Relation relation, FollowReport& report);
  Step install_one(const FileHeader& header, const Position& at, FollowReport& report);
  Relation relation_to_folder(const Position& at, std::uint64_t generation);
  // What the folder says about the highest revision up to `most`.
  std::optional<Position> newest_of(std::uint64_t generation, Revision most);
  std::optional<base::Error> explain(const Position& at, Relation relation);
  std::string snapshot_path() const;

  const FollowOptions options_;
  EntrySink& sink_;
  ShippingFolder folder_;
  ProblemLog problems_;
  bool rescanned_ = false;  // In this poll.
  // Where entries do not fit the state, a snapshot is taken for it; only from here on, because at
  // and before it that was tried.
  Revision cure_from_ = 0;
};

}  // namespace mlguard::replicator
