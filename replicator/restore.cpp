#include "replicator/restore.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/files.h"
#include "db/adopt.h"
#include "db/data_folder.h"
#include "db/digest.h"
#include "db/reader_pool.h"
#include "db/sqlite_reader.h"
#include "db/sqlite_store.h"
#include "db/verify.h"
#include "replicator/log_entries.h"
#include "replicator/segment_upkeep.h"
#include "replicator/shipping_folder.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr mode_t kFolderMode = 0700;
constexpr const char* kPartialFile = "restoring.db";

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

// What was shipped before an earlier restore may reach where this history does not.
std::string hint_of_replaced(const ShippingFolder& folder) {
  const std::vector<std::string> others = replaced_histories(folder.path());
  if (others.empty()) return {};
  return " (what was shipped before an earlier restore is in " + others.back() + ")";
}

Status check_data_dir(const std::string& data_dir) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    const std::string path = data_dir + "/" + db::kDatabaseFile + suffix;
    if (!exists(path)) continue;
    return Error{ErrorCode::conflict, "data_dir_in_use",
                 path +
                     " is there already and is left as it is: choose another --data-dir, or move "
                     "control.db with its -wal and -shm away"};
  }
  return {};
}

// The database while it is being restored. Not under its final name before all is verified.
class Restoration {
 public:
  Restoration(const RestoreOptions& options, ShippingFolder& folder, base::Clock& clock)
      : options_(options), folder_(folder), clock_(clock) {}
  ~Restoration() {
    store_.reset();
    remove_work_files(options_.data_dir, kPartialFile);
  }
  Restoration(const Restoration&) = delete;
  Restoration& operator=(const Restoration&) = delete;

  Status begin(const FileHeader& snapshot);
  Status go_on();
  Result<RestoreReport> finish();

 private:
  std::string partial() const { return options_.data_dir + "/" + kPartialFile; }
  Position position() const {
    const db::StoreState& state = store_->state();
    return {state.revision, state.last_term, state.digest};
  }
  Generations generations() const { return {.min = generation_, .max = generation_}; }
  bool wants_more() const {
    return !options_.to_revision || store_->state().revision < *options_.to_revision;
  }
  Status apply(const std::vector<Entry>& entries);
  Status explain_end(const Continuation& next) const;
  bool is_end() const;
  Status settle_members();
  Result<db::VerifyReport> verify();

  const RestoreOptions& options_;
  ShippingFolder& folder_;
  base::Clock& clock_;
  std::unique_ptr<db::SqliteStore> store_;
  std::uint64_t generation_ = 0;
  RestoreReport report_;
};

Status Restoration::begin(const FileHeader& snapshot) {
  store_.reset();
  remove_work_files(options_.data_dir, kPartialFile);
  const FileName name = name_of(snapshot);
  const auto unpacked = folder_.snapshot(name, partial());
  if (!unpacked.ok()) return unpacked.error();
  db::StoreConfig config;
  config.path = partial();
  auto store = db::SqliteStore::open(config, clock_);
  if (!store.ok()) return store.error();
  store_ = std::move(*store);
  generation_ = snapshot.generation;
  report_.snapshot = name.text();
  return {};
}

Status Restoration::go_on() {
  while (wants_more()) {
    const Continuation next = continue_from(folder_, position(), generations());
    if (!next.segment) {
      if (!options_.to_revision && next.problems.empty() && is_end()) return {};
      return explain_end(next);
    }
    if (Status applied = apply(next.segment->entries); !applied.ok()) return applied;
    ++report_.segments;
  }
  return {};
}

Status Restoration::apply(const std::vector<Entry>& entries) {
  if (Status begun = store_->begin_group(); !begun.ok()) return begun;
  for (const Entry& entry : entries) {
    if (!wants_more()) break;
    auto decoded = log_entry_of(entry);
    Status applied = decoded.ok() ? store_->apply_entry(*decoded) : decoded.error();
    if (applied.ok()) continue;
    store_->roll_back_group();
    return applied;
  }
  return store_->commit_group();
}

// Nothing of this generation lies beyond.
bool Restoration::is_end() const {
  for (const auto* names : {&folder_.segments(), &folder_.snapshots()}) {
    for (const FileName& name : *names) {
      if (name.last <= store_->state().revision) continue;
      const auto header = folder_.header(name);
      if (!header.ok() || header->generation == generation_) return false;
    }
  }
  return true;
}

Status Restoration::explain_end(const Continuation& next) const {
  const Revision reached = store_->state().revision;
  const std::string highest = "; the highest revision that can be restored is " +
                              std::to_string(reached) + ": --to-revision " +
                              std::to_string(reached);
  if (!next.problems.empty()) {
    const Error& problem = next.problems.front();
    return Error{problem.code, problem.reason, problem.message + highest};
  }
  if (is_end()) {
    return Error{ErrorCode::not_found, "beyond_shipped",
                 folder_.path() + " ends before revision " + std::to_string(*options_.to_revision) +
                     highest + hint_of_replaced(folder_)};
  }
  // What would go on may also be of a kind that no name tells, a snapshot that cannot be read.
  Error missing = gap_after(folder_, reached, generations())
                      .value_or(Error{ErrorCode::not_found, "segment_missing",
                                      "nothing readable in " + folder_.path() +
                                          " goes on from revision " + std::to_string(reached)});
  missing.message += ", or restore less" + highest;
  return missing;
}

Status Restoration::settle_members() {
  if (store_->membership().revision == 0) return {};  // As named at the start.
  const std::vector<db::ClusterMember> only = {{options_.only_member, true}};
  if (!options_.only_member.empty() && store_->membership().members != only) {
    if (Status begun = store_->begin_group(); !begun.ok()) return begun;
    const auto changed = store_->set_members(only, "restore");
    if (!changed.ok()) {
      store_->roll_back_group();
      return changed.error();
    }
    if (Status committed = store_->commit_group(); !committed.ok()) return committed;
  }
  for (const db::ClusterMember& member : store_->membership().members) {
    report_.members.push_back(member.address);
  }
  return {};
}

Result<db::VerifyReport> Restoration::verify() {
  db::ReaderPool pool(partial());
  auto reader = db::SqliteReader::open(pool);
  if (!reader.ok()) return reader.error();
  auto report = db::verify_database(**reader, partial());
  if (!report.ok() || report->problems.empty()) return report;
  return Error{ErrorCode::corrupt, "restore_mismatch",
               "what was restored does not verify (" + report->problems.front() +
                   "), so it is not kept; restore an earlier revision, and report this"};
}

Result<RestoreReport> Restoration::finish() {
  if (Status set = store_->set_hard_state(position().term, ""); !set.ok()) return set.error();
  if (Status settled = settle_members(); !settled.ok()) return settled.error();
  const auto verified = verify();
  if (!verified.ok()) return verified.error();
  const Position at = position();
  store_.reset();
  const auto node_id = db::adopt_database(partial());
  if (!node_id.ok()) return node_id.error();
  const auto facts = db::inspect_database(partial());
  if (!facts.ok()) return facts.error();
  report_.revision = at.revision;
  report_.term = at.term;
  report_.time_ms = facts->time_ms;
  report_.rows = verified->rows_checked;
  report_.entries_checked = verified->entries_checked;
  report_.digest = db::digest_hex(at.digest);
  report_.state_digest = verified->state_digest;
  report_.node_id = *node_id;
  report_.database = options_.data_dir + "/" + db::kDatabaseFile;
  // A link, unlike a rename, never replaces what somebody put there meanwhile.
  if (::link(partial().c_str(), report_.database.c_str()) != 0) {
    return base::errno_error("could not create", report_.database, errno);
  }
  remove_work_files(options_.data_dir, kPartialFile);
  if (Status synced = base::sync_folder(options_.data_dir); !synced.ok()) return synced.error();
  return report_;
}

// Those to begin with, best first: of the newest history, and as late as possible.
std::vector<FileHeader> usable_snapshots(ShippingFolder& folder, const RestoreOptions& options) {
  std::vector<FileHeader> found;
  const std::uint64_t newest = folder.newest_generation();
  for (const FileName& name : folder.snapshots()) {
    const auto header = folder.header(name);
    if (!header.ok()) continue;
    if (options.to_revision && header->last > *options.to_revision) continue;
    // Without a revision it is about the history in force, else about whoever reaches back so far.
    if (options.to_revision || header->generation == newest) found.push_back(*header);
  }
  std::sort(found.begin(), found.end(), [](const FileHeader& a, const FileHeader& b) {
    return a.generation != b.generation ? a.generation > b.generation : a.last > b.last;
  });
  return found;
}

Error nothing_usable(ShippingFolder& folder, const RestoreOptions& options) {
  Revision oldest = 0;
  for (const FileName& name : folder.snapshots()) {
    const auto header = folder.header(name);
    if (!header.ok()) {
      if (folder.newest_generation() == 0) return header.error();
      continue;
    }
    if (oldest == 0 || header->last < oldest) oldest = header->last;
  }
  if (oldest == 0) {
    return {ErrorCode::not_found, "nothing_shipped",
            folder.path() +
                " holds no snapshot to begin with; see what it holds: etcd-server "
                "restore --list --from " +
                folder.path()};
  }
  return {ErrorCode::not_found, "too_old",
          "revision " + std::to_string(*options.to_revision) + " is older than everything in " +
              folder.path() + "; the oldest revision that can be restored is " +
              std::to_string(oldest) + hint_of_replaced(folder)};
}

Result<RestoreReport> restore_from(const std::vector<FileHeader>& snapshots,
                                   const RestoreOptions& options, ShippingFolder& folder,
                                   base::Clock& clock) {
  Restoration restoration(options, folder, clock);
  Status begun;
  for (const FileHeader& snapshot : snapshots) {
    begun = restoration.begin(snapshot);
    if (begun.ok()) break;
  }
  if (!begun.ok()) return begun.error();
  if (Status gone_on = restoration.go_on(); !gone_on.ok()) return gone_on.error();
  return restoration.finish();
}

}  // namespace

Result<RestoreReport> restore(const RestoreOptions& options, const ShippingKey& key,
                              base::Clock& clock) {
  if (!options.only_member.empty()) {
    const Status proper = check_members({{options.only_member, MemberKind::voter}});
    if (!proper.ok())
      return Error{ErrorCode::invalid_argument, "invalid_member", proper.error().message};
  }
  if (Status free = check_data_dir(options.data_dir); !free.ok()) return free.error();
  ShippingFolder folder(options.from, key);
  if (Status scanned = folder.scan(); !scanned.ok()) return scanned.error();
  const std::vector<FileHeader> snapshots = usable_snapshots(folder, options);
  if (snapshots.empty()) return nothing_usable(folder, options);
  const bool was_there = exists(options.data_dir);
  if (Status made = base::make_folders(options.data_dir, kFolderMode); !made.ok()) {
    return made.error();
  }
  Result<RestoreReport> report = restore_from(snapshots, options, folder, clock);
  if (!report.ok() && !was_there) ::rmdir(options.data_dir.c_str());
  return report;
}

// ---- What can be restored ------------------------------------------------------------------

namespace {

// Follows the segments from where the range ends as far as they go.
void extend(RestorableRange& range, ShippingFolder& folder, std::uint64_t generation,
            std::vector<Error>& problems) {
  while (true) {
    Continuation next = continue_from(folder, range.last, {.min = generation, .max = generation});
    std::move(next.problems.begin(), next.problems.end(), std::back_inserter(problems));
    if (!next.segment) break;
    range.last = end_of(next.segment->header);
    range.last_time_ms = next.segment->header.time_ms;
  }
}

RestorableGeneration ranges_of(ShippingFolder& folder, std::uint64_t generation,
                               std::vector<Error>& problems) {
  RestorableGeneration result{generation, {}};
  std::vector<FileHeader> snapshots = folder.snapshots_of(generation);
  std::reverse(snapshots.begin(), snapshots.end());
  for (const FileHeader& snapshot : snapshots) {
    if (const auto sound = folder.snapshot(name_of(snapshot), ""); !sound.ok()) {
      problems.push_back(sound.error());
      continue;
    }
    if (result.ranges.empty() || result.ranges.back().last.revision < snapshot.last) {
      result.ranges.push_back({{}, end_of(snapshot), snapshot.time_ms});
    }
    result.ranges.back().snapshots.push_back(snapshot);
    extend(result.ranges.back(), folder, generation, problems);
  }
  for (const RestorableRange& range : result.ranges) {
    const auto missing =
        gap_after(folder, range.last.revision, {.min = generation, .max = generation});
    if (missing) problems.push_back(*missing);
  }
  return result;
}

}  // namespace

Result<RestoreList> list_restorable(const std::string& from, const ShippingKey& key) {
  ShippingFolder folder(from, key);
  if (Status scanned = folder.scan(); !scanned.ok()) return scanned.error();
  RestoreList list;
  list.replaced = replaced_histories(from);
  std::vector<std::uint64_t> generations;
  for (const FileName& name : folder.snapshots()) {
    const auto header = folder.header(name);
    if (header.ok()) {
      generations.push_back(header->generation);
    } else {
      list.problems.push_back(header.error());
    }
  }
  std::sort(generations.rbegin(), generations.rend());
  generations.erase(std::unique(generations.begin(), generations.end()), generations.end());
  for (const std::uint64_t generation : generations) {
    list.generations.push_back(ranges_of(folder, generation, list.problems));
  }
  // Whatever stops one range stops the one that begins inside it as well.
  const auto by_message = [](const Error& a, const Error& b) { return a.message < b.message; };
  const auto same = [](const Error& a, const Error& b) { return a.message == b.message; };
  std::sort(list.problems.begin(), list.problems.end(), by_message);
  list.problems.erase(std::unique(list.problems.begin(), list.problems.end(), same),
                      list.problems.end());
  return list;
}

}  // namespace mlguard::replicator
