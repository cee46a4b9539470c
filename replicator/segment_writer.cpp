#include "replicator/segment_writer.h"

#include <algorithm>
#include <utility>

#include "db/adopt.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr mode_t kFolderMode = 0700;
constexpr const char* kSnapshotFile = "outgoing-snapshot.db";

Error folder_error(const ShipOptions& options, const Error& error) {
  return {error.code, error.reason,
          error.message + "; make " + options.folder +
              " writable and give it room: what is committed waits and is shipped then"};
}

}  // namespace

SegmentShipper::SegmentShipper(const ShipOptions& options, const ShippingKey& key,
                               EntrySource& source)
    : options_(options),
      key_(key),
      source_(source),
      folder_(options.folder, key),
      problems_("shipping to " + options.folder) {}

SegmentShipper::~SegmentShipper() { drop_snapshot(); }

std::string SegmentShipper::snapshot_path() const {
  return options_.work_folder + "/" + kSnapshotFile;
}

ShipStatus SegmentShipper::status() const {
  ShipStatus status = status_;
  status.generation = generation_;
  status.shipped = tail_ ? tail_->revision : 0;
  return status;
}

Status SegmentShipper::ship(std::int64_t now_ms) {
  if (status_.problem && now_ms < retry_at_ms_) return *status_.problem;
  return settle(now_ms, step(now_ms, Closing::when_due));
}

Status SegmentShipper::flush(std::int64_t now_ms) {
  return settle(now_ms, step(now_ms, Closing::at_once));
}

void SegmentShipper::stand_down() {
  resumed_ = false;
  tail_.reset();
  open_.clear();
  open_bytes_ = 0;
  small_.clear();
  drop_snapshot();
}

Status SegmentShipper::settle(std::int64_t now_ms, const Status& done) {
  status_.problem = done.ok() ? std::nullopt : std::optional<Error>(done.error());
  if (!done.ok()) retry_at_ms_ = now_ms + kShipRetryMs;
  problems_.note(status_.problem);
  return done;
}

Status SegmentShipper::step(std::int64_t now_ms, Closing closing) {
  if (source_.committed() == 0) return {};
  if (!resumed_) {
    if (Status resumed = resume(); !resumed.ok()) return resumed;
  }
  if (!taken_ && snapshot_due()) {
    if (Status taken = take_snapshot(); !taken.ok()) return taken;
  }
  if (tail_) {
    if (Status pulled = pull(now_ms); !pulled.ok()) return pulled;
  }
  if (close_due(now_ms, closing)) {
    if (Status closed = close(); !closed.ok()) return closed;
  }
  return taken_ ? publish_snapshot() : Status();
}

// ---- Where to go on ------------------------------------------------------------------------

Status SegmentShipper::resume() {
  stand_down();
  for (const std::string& folder : {options_.folder, options_.work_folder}) {
    const Status made = base::make_folders(folder, kFolderMode);
    if (!made.ok()) return folder_error(options_, made.error());
  }
  if (Status removed = remove_stale_temporaries(options_.folder); !removed.ok()) return removed;
  if (Status scanned = folder_.scan(); !scanned.ok()) return scanned;
  if (Status found = find_place(); !found.ok()) return found;
  resumed_ = true;
  return {};
}

Status SegmentShipper::find_place() {
  generation_ = 0;
  for (const auto* names : {&folder_.segments(), &folder_.snapshots()}) {
    for (const FileName& name : *names) {
      const auto header = folder_.header(name);
      if (header.ok()) generation_ = std::max(generation_, header->generation);
      // Two clusters in one folder would remove each other's files.
      if (!header.ok() && header.error().code == ErrorCode::conflict) return header.error();
    }
  }
  if (folder_.empty()) return begin_generation("the folder is empty");
  const auto shipped = newest_shipped();
  if (!shipped.ok()) return shipped.error();
  if (!*shipped) return begin_generation("nothing in the folder can be read");
  const auto ours = source_.position_at((*shipped)->revision);
  if (!ours.ok()) return ours.error();
  if (!*ours || (*ours)->digest != (*shipped)->digest) {
    return begin_generation("the folder's history up to revision " +
                            std::to_string((*shipped)->revision) + " is not this instance's");
  }
  tail_ = **shipped;
  count_since_snapshot();
  return {};
}

Status SegmentShipper::begin_generation(const std::string& why) {
  if (Status moved = set_aside(folder_, std::max<std::uint64_t>(generation_, 1)); !moved.ok()) {
    return folder_error(options_, moved.error());
  }
  generation_ = std::max(generation_, newest_set_aside(options_.folder)) + 1;
  tail_.reset();
  base::log_info("shipping begins with a snapshot",
                 {{"folder", options_.folder}, {"generation", generation_}, {"because", why}});
  return {};
}

Result<std::optional<Position>> SegmentShipper::newest_shipped() {
  std::optional<Position> newest;
  const auto& segments = folder_.segments();
  std::vector<FileName> names(segments.begin(), segments.end());
  std::sort(names.begin(), names.end(),
            [](const FileName& a, const FileName& b) { return a.last > b.last; });
  for (const FileName& name : names) {
    const auto header = folder_.header(name);
    if (header.ok() && header->generation != generation_) continue;
    // Whole, or we go on before it and so write it again.
    const auto segment = folder_.segment(name);
    if (segment.ok()) {
      newest = end_of(segment->header);
      break;
    }
    if (segment.error().code == ErrorCode::io) return segment.error();
    base::log_warn("a shipped segment is passed over", {{"error", segment.error().message}});
  }
  for (const FileHeader& snapshot : folder_.snapshots_of(generation_)) {
    if (!newest || snapshot.last > newest->revision) newest = end_of(snapshot);
  }
  return newest;
}

void SegmentShipper::count_since_snapshot() {
  segments_since_ = 0;
  bytes_since_ = 0;
  const std::vector<FileHeader> snapshots = folder_.snapshots_of(generation_);
  if (snapshots.empty()) {
    segments_since_ = options_.snapshot_after_segments;
    return;
  }
  snapshot_bytes_ = folder_.bytes_of(name_of(snapshots.front()));
  for (const FileName& name : folder_.segments()) {
    if (name.last <= snapshots.front().last) continue;
    ++segments_since_;
    bytes_since_ += folder_.bytes_of(name);
  }
}

// ---- Segments ------------------------------------------------------------------------------

Status SegmentShipper::pull(std::int64_t now_ms) {
  for (std::size_t i = 0; i < kShipFetchesMax && open_end().revision < source_.committed(); ++i) {
    // Before more is taken in: while the folder cannot be written, no more than this is held.
    if (open_bytes_ >= options_.close_bytes) {
      if (Status closed = close(); !closed.ok()) return closed;
    }
    const Revision after = open_end().revision;
    const auto wanted = std::min<std::uint64_t>(source_.committed() - after, kShipFetchEntriesMax);
    Result<std::vector<Entry>> entries = source_.entries(after, static_cast<std::size_t>(wanted),
                                                         options_.close_bytes - open_bytes_);
    if (!entries.ok() && entries.error().reason == "compacted") {
      // The log was trimmed before it could be shipped: a snapshot bridges the gap.
      if (!open_.empty()) return close();
      tail_.reset();
      return {};
    }
    if (!entries.ok()) return entries.error();
    if (entries->empty()) return {};
    if (Status taken = take_in(std::move(*entries), now_ms); !taken.ok()) return taken;
    if (!tail_) return {};
  }
  return {};
}

Status SegmentShipper::take_in(std::vector<Entry> entries, std::int64_t now_ms) {
  const Revision committed = source_.committed();
  std::erase_if(entries, [&](const Entry& entry) { return entry.revision > committed; });
  if (const Status chained = check_chain(open_end(), entries); !chained.ok()) {
    // This instance took over another history meanwhile.
    base::log_warn("what was shipped is no longer this instance's history",
                   {{"error", chained.error().message}});
    stand_down();
    return {};
  }
  if (open_.empty()) opened_at_ms_ = now_ms;
  for (Entry& entry : entries) {
    open_bytes_ += entry.payload.size();
    open_.push_back(std::move(entry));
  }
  return {};
}

bool SegmentShipper::close_due(std::int64_t now_ms, Closing closing) const {
  if (open_.empty()) return false;
  // A follower that is level with the segments must not need the snapshot.
  const bool snapshot_waits = taken_ && open_.back().revision >= taken_->revision;
  return closing == Closing::at_once || snapshot_waits || open_bytes_ >= options_.close_bytes ||
         now_ms - opened_at_ms_ >= options_.close_age_ms;
}

Status SegmentShipper::close() {
  if (Status alone = check_alone(); !alone.ok()) return alone;
  const Result<FileHeader> written =
      write_segment(options_.folder, key_, generation_, *tail_, open_);
  if (!written.ok()) return folder_error(options_, written.error());
  tail_ = end_of(*written);
  open_.clear();
  open_bytes_ = 0;
  ++segments_since_;
  ++status_.segments;
  const FileName name = name_of(*written);
  const std::uint64_t bytes = folder_.bytes_of(name);
  bytes_since_ += bytes;
  if (bytes >= options_.close_bytes / options_.merge_segments) {
    small_.clear();  // Only neighbours are merged.
    return {};
  }
  small_.push_back(name);
  if (small_.size() < options_.merge_segments) return {};
  return merge_segments(folder_, generation_, std::exchange(small_, {}));
}

Status SegmentShipper::check_alone() {
  if (Status scanned = folder_.scan(); !scanned.ok()) return scanned;
  const std::uint64_t newest = folder_.newest_generation();
  if (newest <= generation_) return {};
  return Error{ErrorCode::conflict, "shipped_elsewhere",
               "another instance ships another history to " + options_.folder + " (generation " +
                   std::to_string(newest) + ", this one writes " + std::to_string(generation_) +
                   "); give each its own folder and restart this one"};
}

// ---- Snapshots -----------------------------------------------------------------------------

bool SegmentShipper::snapshot_due() const {
  return !tail_ || segments_since_ >= options_.snapshot_after_segments ||
         bytes_since_ >= std::max(options_.snapshot_after_bytes_min, snapshot_bytes_);
}

Status SegmentShipper::take_snapshot() {
  drop_snapshot();
  const std::string path = snapshot_path();
  if (Status copied = source_.snapshot_to(path); !copied.ok()) return copied;
  const auto facts = db::inspect_database(path);
  if (!facts.ok()) return facts.error();
  taken_ = Position{facts->revision, facts->term, facts->digest};
  return {};
}

Status SegmentShipper::publish_snapshot() {
  if (source_.committed() < taken_->revision) return {};
  if (tail_ && tail_->revision < taken_->revision) return {};
  const auto now = source_.position_at(taken_->revision);
  if (!now.ok()) return now.error();
  if (!*now || (*now)->digest != taken_->digest) {
    // What it held beyond the committed state was not committed after all; the next step takes
    // another.
    drop_snapshot();
    return {};
  }
  if (Status alone = check_alone(); !alone.ok()) return alone;
  const Result<FileHeader> written =
      write_snapshot(options_.folder, key_, generation_, snapshot_path());
  if (!written.ok()) return folder_error(options_, written.error());
  drop_snapshot();
  if (!tail_) {
    tail_ = end_of(*written);
    small_.clear();
  }
  segments_since_ = 0;
  bytes_since_ = 0;
  snapshot_bytes_ = folder_.bytes_of(name_of(*written));
  ++status_.snapshots;
  return remove_unneeded(folder_, generation_, options_.snapshots_kept);
}

void SegmentShipper::drop_snapshot() {
  taken_.reset();
  remove_work_files(options_.work_folder, kSnapshotFile);
}

}  // namespace mlguard::replicator
