#include "db/local_engine.h"

#include <sys/stat.h>

#include <utility>

#include "base/logging.h"
#include "db/backup.h"
#include "db/sqlite_error.h"
#include "db/sqlite_reader.h"
#include "db/verify.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

std::uint64_t size_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

}  // namespace

base::Result<std::unique_ptr<Engine>> LocalEngine::open(const StoreOptions& options,
                                                        base::Clock& clock) {
  auto folder = DataFolder::open(options.folder);
  if (!folder.ok()) return folder.error();
  StoreConfig config;
  config.path = folder->database_path();
  config.retention = options.retention;
  auto store = SqliteStore::open(config, clock);
  if (!store.ok()) return store.error();
  std::unique_ptr<LocalEngine> engine(
      new LocalEngine(std::move(folder).value(), std::move(store).value(), clock));
  if (auto loaded = engine->load_leases(); !loaded.ok()) return loaded.error();
  engine->publish_state(true, "");
  engine->writer_ = std::thread([raw = engine.get()] { raw->run(); });
  return std::unique_ptr<Engine>(std::move(engine));
}

LocalEngine::LocalEngine(DataFolder folder, std::unique_ptr<SqliteStore> store, base::Clock& clock)
    : clock_(clock),
      folder_(std::move(folder)),
      store_(std::move(store)),
      readers_(folder_.database_path()),
      flushed_at_ms_(clock.monotonic_ms()),
      maintained_at_ms_(clock.monotonic_ms()) {}

LocalEngine::~LocalEngine() { stop(); }

void LocalEngine::transact(Write write, std::function<void(base::Result<WriteResult>)> done) {
  PendingWrite pending{std::move(write), std::move(done), 0};
  switch (queue_.push(pending)) {
    case PushOutcome::queued: return;
    case PushOutcome::full:
      pending.done(Error{ErrorCode::resource_exhausted, "write_queue_full",
                         "more writes are waiting than the disk keeps up with; retry in a moment"});
      return;
    case PushOutcome::closed:
      pending.done(Error{ErrorCode::unavailable, "shutting_down",
                         "the server is shutting down; retry at another, or later"});
      return;
  }
}

base::Result<std::unique_ptr<Reader>> LocalEngine::read() {
  auto reader = SqliteReader::open(readers_);
  if (!reader.ok()) return reader.error();
  return std::unique_ptr<Reader>(std::move(reader).value());
}

std::unique_ptr<Watch> LocalEngine::watch(WatchCallback callback) {
  return watches_.add(std::move(callback));
}

base::Result<base::ResourceHeads> LocalEngine::renew_lease(const base::Heartbeat& heartbeat) {
  return leases_.renew(heartbeat, clock_.wall_ms());
}

std::vector<Lease> LocalEngine::leases() const { return leases_.all(); }

EngineStatus LocalEngine::status() const {
  EngineStatus status;
  {
    const std::lock_guard lock(status_mutex_);
    status = status_;
  }
  const std::string path = folder_.database_path();
  status.bytes_on_disk = size_of(path) + size_of(path + "-wal");
  return status;
}

EngineCounters LocalEngine::counters() const {
  EngineCounters counters;
  counters.writes = writes_;
  counters.write_groups = write_groups_;
  counters.writes_failed = writes_failed_;
  counters.writes_replayed = writes_replayed_;
  counters.queue_length = queue_.size();
  return counters;
}

base::Result<VerifyReport> LocalEngine::verify() {
  auto reader = SqliteReader::open(readers_);
  if (!reader.ok()) return reader.error();
  return verify_database(**reader, folder_.database_path());
}

base::Result<std::uint64_t> LocalEngine::backup_to(const std::string& path) {
  auto reader = SqliteReader::open(readers_);
  if (!reader.ok()) return reader.error();
  return backup_database(**reader, path);
}

void LocalEngine::stop() {
  queue_.close();
  const std::lock_guard lock(stop_mutex_);
  if (writer_.joinable()) writer_.join();
}

}  // namespace mlguard::db
