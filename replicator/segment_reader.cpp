#include "replicator/segment_reader.h"

#include <algorithm>
#include <utility>

#include "base/files.h"
#include "replicator/segment_upkeep.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr mode_t kFolderMode = 0700;
constexpr const char* kSnapshotFile = "incoming-snapshot.db";

Error not_at(const std::string& file, const Position& wanted, const Position& got) {
  return {ErrorCode::internal, "not_applied",
          "after " + file + " this instance is at revision " + std::to_string(got.revision) +
              ", not " + std::to_string(wanted.revision) + "; please report this"};
}

}  // namespace

SegmentFollower::SegmentFollower(const FollowOptions& options, const ShippingKey& key,
                                 EntrySink& sink)
    : options_(options),
      sink_(sink),
      folder_(options.folder, key),
      problems_("following " + options.folder) {}

SegmentFollower::~SegmentFollower() { remove_work_files(options_.work_folder, kSnapshotFile); }

std::string SegmentFollower::snapshot_path() const {
  return options_.work_folder + "/" + kSnapshotFile;
}

FollowReport SegmentFollower::poll() {
  FollowReport report;
  rescanned_ = false;
  if (const Status scanned = folder_.scan(); scanned.ok()) {
    std::size_t steps = 0;
    while (steps < kFollowSegmentsMax && step(report) == Step::progress) ++steps;
    report.more = steps == kFollowSegmentsMax;
    for (const auto* names : {&folder_.segments(), &folder_.snapshots()}) {
      for (const FileName& name : *names) report.shipped = std::max(report.shipped, name.last);
    }
  } else {
    report.problem = scanned.error();
  }
  problems_.note(report.problem);
  return report;
}

SegmentFollower::Step SegmentFollower::step(FollowReport& report) {
  report.problem.reset();
  const Position at = sink_.position();
  // Who has nothing takes the state at once rather than all of its history.
  if (at.revision == 0 && install(at, Relation::unknown, report) == Step::progress) {
    return Step::progress;
  }
  const std::uint64_t generation = folder_.newest_generation();
  const Continuation next = continue_from(folder_, at, {.min = generation});
  if (next.segment) return apply(*next.segment, report);
  // The shipper has merged or removed what was listed.
  if (next.stale && !rescanned_) return rescan(report);
  const Relation relation = next.parted ? Relation::parted : relation_to_folder(at, generation);
  if (install(at, relation, report) == Step::progress) {
    for (const Error& problem : next.problems) {
      base::log_warn("a shipped segment was passed over", {{"error", problem.message}});
    }
    return Step::progress;
  }
  if (!next.problems.empty()) {
    report.problem = next.problems.front();
  } else if (!report.problem) {
    report.problem = explain(at, relation);
  }
  return Step::done;
}

SegmentFollower::Step SegmentFollower::rescan(FollowReport& report) {
  rescanned_ = true;
  const Status scanned = folder_.scan();
  if (scanned.ok()) return Step::progress;
  report.problem = scanned.error();
  return Step::done;
}

SegmentFollower::Step SegmentFollower::apply(const Segment& segment, FollowReport& report) {
  const Position before = sink_.position();
  const Status applied = sink_.apply(segment.entries);
  const Position wanted = end_of(segment.header);
  if (applied.ok() && sink_.position() == wanted) {
    report.entries += segment.entries.size();
    return Step::progress;
  }
  if (applied.ok()) {
    report.problem = not_at(folder_.path_of(name_of(segment.header)), wanted, sink_.position());
    return Step::done;
  }
  // Sound entries that do not fit: the state here is not what its history says.
  if (applied.error().code == ErrorCode::corrupt && before.revision >= cure_from_) {
    base::log_error("shipped entries do not fit the state here",
                    {{"error", applied.error().message}});
    if (install(before, Relation::parted, report) == Step::progress) {
      cure_from_ = before.revision + 1;
      return Step::progress;
    }
  }
  report.problem = applied.error();
  return Step::done;
}

SegmentFollower::Step SegmentFollower::install(const Position& at, Relation relation,
                                               FollowReport& report) {
  for (const FileHeader& header : folder_.snapshots_of(folder_.newest_generation())) {
    if (end_of(header) == at) continue;
    if (header.last <= at.revision && relation != Relation::parted) break;
    if (install_one(header, at, report) == Step::progress) return Step::progress;
  }
  return Step::done;
}

SegmentFollower::Step SegmentFollower::install_one(const FileHeader& header, const Position& at,
                                                   FollowReport& report) {
  const Position wanted = end_of(header);
  const std::string file = folder_.path_of(name_of(header));
  Status done = base::make_folders(options_.work_folder, kFolderMode);
  remove_work_files(options_.work_folder, kSnapshotFile);
  if (done.ok()) {
    const Result<FileHeader> unpacked = folder_.snapshot(name_of(header), snapshot_path());
    done = unpacked.ok() ? sink_.install(snapshot_path(), wanted) : unpacked.error();
  }
  remove_work_files(options_.work_folder, kSnapshotFile);
  if (done.ok() && !(sink_.position() == wanted)) done = not_at(file, wanted, sink_.position());
  if (!done.ok()) {
    report.problem = done.error();
    return Step::done;
  }
  base::log_info("took a shipped snapshot",
                 {{"file", file}, {"had", at.revision}, {"now", wanted.revision}});
  report.installed = true;
  report.problem.reset();
  return Step::progress;
}

std::optional<Position> SegmentFollower::newest_of(std::uint64_t generation, Revision most) {
  std::optional<Position> newest;
  for (const auto* names : {&folder_.segments(), &folder_.snapshots()}) {
    for (auto name = names->rbegin(); name != names->rend(); ++name) {
      if (name->last > most || (newest && name->last <= newest->revision)) continue;
      const auto header = folder_.header(*name);
      if (header.ok() && header->generation >= generation) newest = end_of(*header);
    }
  }
  return newest;
}

SegmentFollower::Relation SegmentFollower::relation_to_folder(const Position& at,
                                                              std::uint64_t generation) {
  const std::optional<Position> known = newest_of(generation, at.revision);
  if (!known) return Relation::unknown;
  std::optional<Position> ours = at;
  if (known->revision < at.revision) {
    const auto found = sink_.position_at(known->revision);
    ours = found.ok() ? *found : std::nullopt;
  }
  if (!ours) return Relation::unknown;
  return ours->digest == known->digest ? Relation::agrees : Relation::parted;
}

std::optional<Error> SegmentFollower::explain(const Position& at, Relation relation) {
  const std::string revision = std::to_string(at.revision);
  if (folder_.empty()) {
    return Error{ErrorCode::not_found, "nothing_shipped",
                 options_.folder +
                     " holds nothing shipped yet; see that the leader runs with "
                     "--ship-to and that its files arrive here"};
  }
  if (relation == Relation::parted) {
    return Error{ErrorCode::conflict, "other_history",
                 options_.folder + " has another history than this instance at revision " +
                     revision +
                     ", and no snapshot that can be used; what is here stays until one "
                     "comes"};
  }
  const std::uint64_t generation = folder_.newest_generation();
  const std::optional<Position> newest = newest_of(generation, at.revision);
  for (const FileName& name : folder_.snapshots()) {
    // Nothing of it is known: then what cannot be read is what matters.
    const auto header = folder_.header(name);
    if (!newest && !header.ok()) return header.error();
  }
  if (auto missing = gap_after(folder_, at.revision, {.min = generation})) {
    missing->message += ", or wait for the next snapshot";
    return missing;
  }
  if (newest && newest->revision == at.revision) return std::nullopt;
  return Error{ErrorCode::unavailable, "folder_behind",
               options_.folder + " ends at revision " +
                   std::to_string(newest ? newest->revision : 0) + ", and this instance is at " +
                   revision + " already: files are missing there, or it is an old copy"};
}

}  // namespace mlguard::replicator
