// StoreReads: what every kind of instance does with its database beside the thread that writes it:
// readers, verification, backups, the stored leases. And how a store is opened under its folder's
// lock.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "db/data_folder.h"
#include "db/engine.h"
#include "db/reader_pool.h"
#include "db/sqlite_store.h"
#include "db/store.h"

namespace mlguard::replicator {

struct OpenedStore {
  db::DataFolder folder;  // Holds the lock.
  std::unique_ptr<db::SqliteStore> store;
};
// Opens or creates DATA_DIR/control.db, migrates its schema and checks it. Errors, all saying what
// to do: conflict / "data_dir_in_use"; corrupt / "database_corrupt"; unsupported /
// "schema_too_new"; io / "read_only"; resource_exhausted / "disk_full".
base::Result<OpenedStore> open_store(const db::StoreOptions& options, base::Clock& clock);

class StoreReads {
 public:
  explicit StoreReads(std::string database) : path_(database), pool_(std::move(database)) {}

  base::Result<std::unique_ptr<db::Reader>> read();
  base::Result<db::VerifyReport> verify();
  base::Result<std::uint64_t> backup_to(const std::string& path);
  // As last stored; none when the database cannot be read.
  std::vector<db::Lease> leases() const;
  std::uint64_t bytes_on_disk() const;

 private:
  const std::string path_;
  mutable db::ReaderPool pool_;
};

}  // namespace mlguard::replicator
