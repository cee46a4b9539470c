// Storage over the real store: SQLite files in a folder of its own, snapshots by backup and
// install. What the simulator found here stands in docs/replication.md. One thread.
//
// A key is a component's configuration, a put is a new version of it; the document holds the value
// and the request, so that the oracle can tell writes apart.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "db/sqlite_store.h"
#include "storage.h"
#include "support/temp_dir.h"

namespace mlguard::sim {

class DbStorage final : public Storage {
 public:
  // The files are under /dev/shm where that exists, for fsync is free there, else under $TMPDIR.
  DbStorage(const std::string& self, const Membership& bootstrap);

  // Closes the database and opens it again, as a start does.
  Recovered recover() override;
  Position tail() const override;
  Revision base() const override;
  StorageDone run(const StorageCommand& command, std::int64_t wall_ms) override;
  std::shared_ptr<const Snapshot> snapshot() const override;
  StorageDone install(std::uint64_t command_id, const Snapshot& snapshot,
                      Revision keep_after) override;
  void trim(Revision through) override;
  std::string read(const std::string& key) const override;
  std::vector<Row> rows() const override;
  std::vector<Conflict> conflicts() const override;
  // Counted anew from the rows; throws Violation when the store has kept another.
  std::string state_digest() const override;
  std::string encode(const Command& command) const override;
  EntryContent content(const Entry& entry) const override;

  std::optional<Position> position_at(Revision revision) const override;
  std::vector<Entry> entries(Revision after, Revision through, std::size_t count_max,
                             std::size_t bytes_max) const override;
  replicator::SetAside set_aside(std::size_t count_max, std::size_t bytes_max) const override;

 private:
  struct File;

  void open();
  void execute(const replicator::Execute& execute, StorageDone& done);
  replicator::ExecuteResult execute_one(const replicator::Proposal& proposal);
  replicator::ExecuteResult execute_write(const replicator::Proposal& proposal);
  replicator::ExecuteResult execute_merge(const replicator::Proposal& proposal);
  void append(const replicator::Append& append, StorageDone& done);
  void commit_group(StorageDone& done);
  Row find_row(const std::string& component, std::uint64_t hlc, const std::string& origin) const;

  support::TempDir folder_;
  base::ManualClock clock_;
  db::StoreConfig config_;
  std::unique_ptr<db::SqliteStore> store_;
  mutable std::uint64_t snapshots_ = 0;
};

std::unique_ptr<Storage> make_db_storage(const std::string& self, const Membership& bootstrap);

}  // namespace mlguard::sim
