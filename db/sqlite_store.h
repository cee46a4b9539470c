// SqliteStore: the store's core. Synchronous and single-threaded: it executes commands and applies
// entries of other nodes in groups, one transaction each, and keeps the change log, the digests
// and the hybrid clock. The engine's writer thread drives it, and so do the replicator and its
// simulator.
//
// Not thread-safe. Owns its writing connection. `clock` must outlive it.
#pragma once

#include <cstdint>
#include <functional>
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
#include "db/store.h"
#include "db/store_state.h"

namespace mlguard::db {

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

  // ---- Groups: begin, any number of execute or apply_entry, then commit or roll back. ----

  base::Status begin_group();
  // A refused command changes nothing and leaves the group as it was. When the disk or SQLite
  // fails, the whole group is lost: group_failed() then holds, and commit_group() gives the error.
  base::Result<WriteResult> execute(const Write& write);
  // Appends another node's entry and applies its images. corrupt / "entry_gap",
  // "entry_digest" or "entry_changed_nothing" when it does not follow from what is here; then the
  // whole group is lost.
  base::Status apply_entry(const LogEntry& entry);
  // Durable when ok; else everything is as it was before begin_group().
  base::Status commit_group();
  void roll_back_group();
  bool group_failed() const { return group_failure_.has_value(); }
  // What the group did, to be taken after its commit.
  std::vector<base::Change> take_changes();
  GroupEffects take_effects();

  // ---- The log ----

  // Entries after `after`, at least one when there is one, else within both limits. not_found /
  // "compacted" when the log begins later.
  base::Result<std::vector<LogEntry>> entries_after(std::uint64_t after, std::size_t count_max,
                                                    std::size_t bytes_max);
  // nullopt while the log is empty.
  base::Result<std::optional<LogEntry>> last_entry();
  // Lets go of images beyond the retention's size and age, `keep_after` at the latest, at most
  // kLogTrimEntriesMax a call. True when there is more to do. Not inside a group.
  base::Result<bool> trim_log(std::uint64_t keep_after);

  // Persists the term and the vote at once. Not inside a group.
  base::Status set_hard_state(std::uint64_t term, const std::string& voted_for);

  // A write that changes nothing, to learn whether the disk takes writes again.
  base::Status probe();

  const StoreState& state() const { return state_; }
  const std::string& node_id() const { return node_id_; }
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
  std::optional<WriteResult> find_replay(const Write& write);
  base::Result<WriteResult> run_command(const Write& write);
  void append_entry(LogEntry& entry);
  base::Status check_follows(const LogEntry& entry) const;
  base::Error fail_group(base::Error error);

  const StoreConfig config_;
  base::Clock& clock_;
  HybridClock hlc_;
  std::string node_id_;
  StoreState state_;
  StoreState state_before_;  // To return to when a group fails.
  GroupEffects effects_;
  std::vector<base::Change> changes_;
  std::optional<base::Error> group_failure_;
  bool in_group_ = false;
  Connection connection_;
  ChangeCapture capture_;
};

}  // namespace mlguard::db
