// LogExecutor: the thread that owns the store. It executes the core's storage commands in their
// order, one transaction and one fsync each, tells what became of them, and keeps the leases, the
// memory of the recent log and the counters in step with what is durable.
//
// Threads: run() and the reads of counters from any; reports come on the executor's own thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "db/engine.h"
#include "db/lease_table.h"
#include "db/sqlite_store.h"
#include "replicator/durable_log.h"
#include "replicator/storage.h"

namespace mlguard::replicator {

// A client's write on its way: executed by the store's thread, answered by the core's.
struct PendingWrite {
  db::Write write;
  std::function<void(base::Result<db::WriteResult>)> done;
  std::size_t bytes = 0;
  base::Result<db::WriteResult> result = db::WriteResult{};  // Set by the store's thread.
};
using PendingWritePtr = std::shared_ptr<PendingWrite>;  // Both threads hold it for a while.

// A command of the core's with what it does not look into.
struct StoreJob {
  StorageCommand command;
  std::vector<PendingWritePtr> writes;  // Execute: one a proposal; null but for clients' writes.
  std::string snapshot_path;            // InstallSnapshot: what was fetched.
};
// Lets go of log entries beyond the retention: those that every member has, and all that are
// committed once the log is twice as large as it may be (who is away so long takes a snapshot).
struct TrimLog {
  Revision everybody_has = 0;
  Revision committed = 0;
};
// What a peer at that address calls itself; empty: forget it.
struct KeepPeerId {
  NodeId address;
  std::string node_id;
};

struct StoreReport {
  StorageDone done;
  std::vector<base::Change> changes;  // What the command did, for watchers; in order.
  bool replaced = false;              // The whole state is another now.
};

// What everybody may know of the store at any time.
struct StoreFacts {
  std::uint64_t oldest_revision = 0;
  std::string digest;        // Hex: the chain at `revision`.
  std::string state_digest;  // Hex.
  std::uint64_t revision = 0;
  bool healthy = true;
  std::string problem;
};

class LogExecutor {
 public:
  struct Listeners {
    std::function<void(StoreReport)> report;
    // Keys that were revoked: their sessions end.
    std::function<void(const std::vector<std::string>&)> revoked;
  };
  // `store` is the executor's from now on. All else must outlive it.
  LogExecutor(db::SqliteStore& store, DurableLog& log, db::LeaseTable& leases, Listeners listeners);
  ~LogExecutor();
  LogExecutor(const LogExecutor&) = delete;
  LogExecutor& operator=(const LogExecutor&) = delete;

  using Job = std::variant<StoreJob, TrimLog, KeepPeerId>;
  void run(Job job);
  // Finishes what was given to it. Idempotent.
  void stop();

  StoreFacts facts() const;
  db::EngineCounters counters() const;

 private:
  void work();
  void perform(StoreJob& job);
  void perform(const TrimLog& trim);
  void perform(const KeepPeerId& peer);

  void persist(const PersistVote& vote, StoreReport& report);
  void execute(StoreJob& job, const Execute& execute, StoreReport& report);
  ExecuteResult execute_one(const Proposal& proposal, PendingWrite* write, StoreReport& report);
  ExecuteResult merge(const Proposal& proposal);
  void append(const Append& append, StoreReport& report);
  void install(const StoreJob& job, const InstallSnapshot& install, StoreReport& report);
  void forget(const ForgetSetAside& forget, StoreReport& report);

  void commit(StoreReport& report);
  void refuse(const base::Error& error, StoreReport& report);
  void fail_writes(const StoreJob& job, const base::Error& error);
  void take_effects(StoreReport& report);
  void reload_leases();
  void publish(bool healthy, const std::string& problem);
  Position tail() const;

  db::SqliteStore& store_;
  DurableLog& log_;
  db::LeaseTable& leases_;
  const Listeners listeners_;
  bool healthy_ = true;

  std::atomic<std::uint64_t> writes_ = 0;
  std::atomic<std::uint64_t> groups_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::atomic<std::uint64_t> replayed_ = 0;

  mutable std::mutex facts_mutex_;
  StoreFacts facts_;  // Guarded by facts_mutex_.

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;   // Guarded by mutex_.
  bool stopping_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace mlguard::replicator
