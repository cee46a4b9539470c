#include "replicator/store_reads.h"

#include <sys/stat.h>

#include <utility>

#include "base/logging.h"
#include "db/backup.h"
#include "db/lease_load.h"
#include "db/sqlite_reader.h"
#include "db/verify.h"

namespace mlguard::replicator {

namespace {

using base::Result;

std::uint64_t size_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

}  // namespace

Result<OpenedStore> open_store(const db::StoreOptions& options, base::Clock& clock) {
  Result<db::DataFolder> folder = db::DataFolder::open(options.folder);
  if (!folder) return folder.error();
  db::StoreConfig config;
  config.path = folder->database_path();
  config.retention = options.retention;
  Result<std::unique_ptr<db::SqliteStore>> store = db::SqliteStore::open(config, clock);
  if (!store) return store.error();
  return OpenedStore{std::move(*folder), std::move(*store)};
}

Result<std::unique_ptr<db::Reader>> StoreReads::read() {
  Result<std::unique_ptr<db::SqliteReader>> reader = db::SqliteReader::open(pool_);
  if (!reader) return reader.error();
  return std::unique_ptr<db::Reader>(std::move(*reader));
}

Result<db::VerifyReport> StoreReads::verify() {
  Result<std::unique_ptr<db::SqliteReader>> reader = db::SqliteReader::open(pool_);
  if (!reader) return reader.error();
  return db::verify_database(**reader, path_);
}

Result<std::uint64_t> StoreReads::backup_to(const std::string& path) {
  Result<std::unique_ptr<db::SqliteReader>> reader = db::SqliteReader::open(pool_);
  if (!reader) return reader.error();
  return db::backup_database(**reader, path);
}

std::vector<db::Lease> StoreReads::leases() const {
  Result<std::unique_ptr<db::Connection>> connection = pool_.acquire();
  if (!connection) return {};
  Result<std::vector<db::Lease>> leases = db::stored_leases(**connection);
  pool_.give_back(std::move(*connection));
  if (leases) return std::move(*leases);
  base::log_error("the components cannot be read", {{"error", leases.error().message}});
  return {};
}

std::uint64_t StoreReads::bytes_on_disk() const { return size_of(path_) + size_of(path_ + "-wal"); }

}  // namespace mlguard::replicator
