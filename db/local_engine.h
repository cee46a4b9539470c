// LocalEngine: the Engine of one instance over one SQLite file.
//
// Threads: one writer thread owns the SqliteStore from the constructor on; it drains the queue in
// groups of one transaction and one fsync each, flushes leases and runs maintenance. Everything
// else may be called from any thread. Readers have their own connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "db/data_folder.h"
#include "db/engine.h"
#include "db/lease_table.h"
#include "db/reader_pool.h"
#include "db/sqlite_store.h"
#include "db/store.h"
#include "db/watch_list.h"
#include "db/write_queue.h"

namespace mlguard::db {

inline constexpr std::int64_t kMaintainEveryMs = 1'000;

class LocalEngine final : public Engine {
 public:
  static base::Result<std::unique_ptr<Engine>> open(const StoreOptions& options,
                                                    base::Clock& clock);
  ~LocalEngine() override;
  LocalEngine(const LocalEngine&) = delete;
  LocalEngine& operator=(const LocalEngine&) = delete;

  void transact(Write write, std::function<void(base::Result<WriteResult>)> done) override;
  base::Result<std::unique_ptr<Reader>> read() override;
  std::unique_ptr<Watch> watch(WatchCallback callback) override;
  base::Result<base::ResourceHeads> renew_lease(const base::Heartbeat& heartbeat) override;
  std::vector<Lease> leases() const override;
  EngineStatus status() const override;
  EngineCounters counters() const override;
  base::Result<VerifyReport> verify() override;
  base::Result<std::uint64_t> backup_to(const std::string& path) override;
  void stop() override;

 private:
  LocalEngine(DataFolder folder, std::unique_ptr<SqliteStore> store, base::Clock& clock);

  base::Status load_leases();
  void run();
  std::int64_t wait_ms() const;
  void run_group(std::vector<PendingWrite>& group);
  // One write of the engine's own, in a group of its own.
  base::Result<WriteResult> run_own(Command command);
  void after_commit();
  void refresh_leases(const GroupEffects& effects);
  void note_failure(const base::Error& error);
  void publish_state(bool healthy, const std::string& problem);
  void run_due_work(bool stopping);
  void flush_leases();
  void maintain();

  base::Clock& clock_;
  DataFolder folder_;  // Outlives the store: the lock goes last.
  std::unique_ptr<SqliteStore> store_;
  ReaderPool readers_;
  LeaseTable leases_;
  WatchList watches_;
  WriteQueue queue_;

  mutable std::mutex status_mutex_;
  EngineStatus status_;  // GUARDED_BY(status_mutex_)

  std::atomic<std::uint64_t> writes_ = 0;
  std::atomic<std::uint64_t> write_groups_ = 0;
  std::atomic<std::uint64_t> writes_failed_ = 0;
  std::atomic<std::uint64_t> writes_replayed_ = 0;

  // The writer thread's own.
  std::int64_t flushed_at_ms_ = 0;     // Monotonic.
  std::int64_t maintained_at_ms_ = 0;  // Monotonic.
  bool flush_again_ = false;
  bool maintain_again_ = false;
  bool healthy_ = true;

  std::mutex stop_mutex_;
  std::thread writer_;  // GUARDED_BY(stop_mutex_) once started
};

}  // namespace mlguard::db
