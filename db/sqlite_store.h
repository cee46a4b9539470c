// SqliteStore: the store's core. Synchronous and single-threaded: it executes commands and applies
// entries of other nodes in groups, one transaction each, and keeps the change log, the digests
// and the hybrid clock. The engine's writer thread drives it, and so do the replicator and its
// simulator.
//
// Not thread-safe. Owns its writing connection. `clock` must outlive it.
#pragma once

#include <cassert>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"
#include "db/change_capture.h"
#include "db/connection.h"
#include "db/engine.h"
#include "db/hybrid_clock.h"
#include "db/log_entry.h"
#include "db/membership.h"
#include "db/merge.h"
#include "db/sqlite_error.h"
#include "db/store.h"
#include "db/store_state.h"

namespace mlguard::db {

struct CommandContext;

inline constexpr std::size_t kLogTrimEntriesMax = 1'000;  // per step

struct StoreConfig {
  std::string path;  // A file or ":memory:".
  Retention retention;
  std::string node_id;  // For a new database; empty: a random one.
};

class SqliteStore {
 public:
  // Opens or creates the database, checks and migrates it. Errors as of open_store().
  static base::Result<std::unique_ptr<SqliteStore>> open(const StoreConfig& config,
                                                         base::Clock& clock);
  ~SqliteStore();
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  // ---- Groups: begin, any number of writes and entries, then commit or roll back. ----

  // What is written in the group carries `term` (a leader's own), or the node's current term.
  // REQUIRES: term is not below that of the last entry.
  base::Status begin_group(std::uint64_t term);
  base::Status begin_group();
  // A refused command changes nothing and leaves the group as it was. When the disk or SQLite
  // fails, the whole group is lost: group_failed() then holds, and commit_group() gives the error.
  base::Result<WriteResult> execute(const Write& write);
  // An entry without rows: a leader's first of its term. Watchers hear of it as of any change.
  base::Result<WriteResult> append_marker(const std::string& resource, const std::string& summary,
                                          const std::string& author);
  // Makes `members` the members in one entry; whoever is not named is removed. invalid_argument /
  // "invalid_member" when one is named twice or without address, or when there is no voter.
  base::Result<WriteResult> set_members(const std::vector<ClusterMember>& members,
                                        const std::string& author);
  // Merges what only another node held, last write wins by row: one entry for each of the tail's
  // that changes something. Done again it changes nothing. corrupt / "bad_image" when an entry
  // cannot be read; then nothing of the request is done, and the group goes on.
  base::Result<MergeReport> merge(const MergeRequest& request);
  // Appends another node's entry and applies its images. corrupt / "entry_gap",
  // "entry_digest" or "entry_changed_nothing" when it does not follow from what is here; then the
  // whole group is lost.
  base::Status apply_entry(const LogEntry& entry);
  // Durable when ok; else everything is as it was before begin_group().
  base::Status commit_group();
  void roll_back_group();
  bool group_failed() const { return group_failure_.has_value(); }
  // So much is committed, as far as this node knows. Never goes back, also when a group fails;
  // written with the next entry. Inside a group or outside.
  void note_committed(std::uint64_t revision);
  // What the group (or install_snapshot) did, to be taken after its commit.
  std::vector<base::Change> take_changes();
  GroupEffects take_effects();
  // The entries of the group, whole.
  std::vector<LogEntry> take_entries();

  // ---- The log ----

  // The entry at `revision`, or the log's base (the last entry that was trimmed). nullopt below the
  // base and beyond the end.
  base::Result<std::optional<LogPosition>> position_at(std::uint64_t revision);
  // Entries after `after` up to `through`, at least one when there is one, else within both limits.
  // not_found / "compacted" when the log begins later.
  base::Result<std::vector<LogEntry>> entries(std::uint64_t after, std::uint64_t through,
                                              std::size_t count_max, std::size_t bytes_max);
  // Entries after `after`, at least one when there is one, else within both limits. not_found /
  // "compacted" when the log begins later.
  base::Result<std::vector<LogEntry>> entries_after(std::uint64_t after, std::size_t count_max,
                                                    std::size_t bytes_max);
  // nullopt while the log is empty.
  base::Result<std::optional<LogEntry>> last_entry();
  // Lets go of images beyond the retention's size and age, `keep_after` at the latest, at most
  // kLogTrimEntriesMax a call. True when there is more to do. Not inside a group.
  base::Result<bool> trim_log(std::uint64_t keep_after);

  // The oldest entries set aside and not forgotten, within both limits but at least one; those of
  // one call parted at one point and stood next to each other.
  base::Result<SetAsideEntries> set_aside(std::size_t count_max, std::size_t bytes_max);
  // The oldest `count` are merged and committed. Durable when ok. Not inside a group.
  base::Status forget_set_aside(std::size_t count);

  // Replaces rows, log and totals by those of the database at `path` (a backup of another node), in
  // one transaction that first sets own entries after `keep_after` aside. What belongs to this node
  // (id, term, vote, peers, what is set aside, the initial members) stays. A failure changes
  // nothing: conflict / "foreign_database"; unsupported / "schema_mismatch"; corrupt /
  // "snapshot_damaged"; conflict / "snapshot_behind" when it ends before what is committed here; io
  // and resource_exhausted as of writes. Afterwards take_effects() has `replaced` set and holds
  // every component and configuration. Not inside a group.
  base::Status install_snapshot(const std::string& path, std::uint64_t keep_after);

  // ---- The cluster ----

  // As of the last commit: the members in the table, or the initial ones while it is empty.
  const Membership& membership() const { return membership_; }
  // The voters that the cluster begins with; they hold until the members are changed for the first
  // time. invalid_argument / "invalid_member" for an empty or doubled address or one with a comma.
  // Not inside a group.
  base::Status set_initial_members(const std::vector<std::string>& addresses);
  // The node id first seen behind a peer's address; nullopt: not seen yet.
  base::Result<std::optional<std::string>> peer_node_id(const std::string& address);
  // Durable when ok; keeps the first id: conflict / "peer_changed" when another is known. Not
  // inside a group.
  base::Status set_peer_node_id(const std::string& address, const std::string& node_id);
  base::Status forget_peer(const std::string& address);
  // By address, all that are known.
  base::Result<std::map<std::string, std::string>> peer_node_ids();

  // Effects that tell of every component and configuration, for who begins to keep them.
  base::Result<GroupEffects> all_effects();

  // Persists the term and the vote at once. Not inside a group.
  base::Status set_hard_state(std::uint64_t term, const std::string& voted_for);

  // A write that changes nothing, to learn whether the disk takes writes again.
  base::Status probe();

  const StoreState& state() const { return state_; }
  const std::string& node_id() const { return node_id_; }
  const Retention& retention() const { return config_.retention; }
  std::uint64_t last_hlc() const { return hlc_.last(); }
  Connection& connection() { return connection_; }

 private:
  // Throws SQLite::Exception when the file cannot be opened.
  SqliteStore(const StoreConfig& config, base::Clock& clock);

  base::Status prepare();
  void set_pragmas();
  void load_state();
  void create_state();
  void recount();
  void save_state();
  bool write_trim(const StoreState& next, std::uint64_t forget_before_hlc);
  std::optional<WriteResult> find_replay(const std::string& request_id);
  base::Result<WriteResult> run_command(const Write& write);
  // For a write of this node that makes the next entry; stamps it.
  CommandContext new_context(const std::string& author);
  // Appends what was captured since begin_write as the next entry, of the group's term.
  WriteResult append_captured(LogEntry& entry);
  void append_entry(LogEntry entry);
  base::Status check_follows(const LogEntry& entry) const;
  base::Error fail_group(base::Error error);
  Membership read_membership();
  LogPosition log_base() const;
  base::Status replace_by_snapshot(const std::string& path, std::uint64_t keep_after);
  // What a group that wrote everything would have done.
  GroupEffects read_everything();

  // Runs a write of the group; when SQLite fails, the group is lost.
  template <class Function>
  auto in_group(Function&& function) -> decltype(function()) {
    assert(in_group_);
    if (group_failure_) return *group_failure_;
    try {
      return function();
    } catch (const std::exception&) {
      return fail_group(current_exception_error("writing", config_.path));
    }
  }

  const StoreConfig config_;
  base::Clock& clock_;
  HybridClock hlc_;
  std::string node_id_;
  StoreState state_;
  StoreState state_before_;  // To return to when a group fails.
  GroupEffects effects_;
  std::vector<base::Change> changes_;
  std::vector<LogEntry> entries_;
  std::optional<base::Error> group_failure_;
  Membership membership_;
  std::uint64_t group_term_ = 0;
  bool in_group_ = false;
  Connection connection_;
  ChangeCapture capture_;
};

}  // namespace mlguard::db
