// BackupStore: consistent copies of the database for operators to download in pieces, so that a
// database of any size needs little memory. Copies live in DATA_DIR/backups, a few at a time, and
// go when they are fetched, an hour old, or when the server starts or stops.
//
// Threads: any; make() blocks for as long as the copy takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "db/engine.h"

namespace mlguard::server {

inline constexpr std::size_t kBackupsMax = 4;
inline constexpr std::int64_t kBackupKeptMs = 3'600'000;
inline constexpr std::size_t kBackupPieceBytesMax = 4 * 1024 * 1024;

struct Backup {
  std::string id;
  std::uint64_t bytes = 0;
  std::string sha256;
  std::uint64_t revision = 0;
  std::int64_t created_at_ms = 0;
  std::string peer;  // That asked for it; empty: an operator.
};

class BackupStore {
 public:
  BackupStore(std::string folder, db::Engine& engine, const base::Clock& clock);
  ~BackupStore();
  BackupStore(const BackupStore&) = delete;
  BackupStore& operator=(const BackupStore&) = delete;

  // resource_exhausted / "too_many_backups"; the store's own errors. `peer`: the instance that
  // takes it as a snapshot; it has one at a time, the one before goes, and operators' do not count.
  base::Result<Backup> make(const std::string& peer = {});
  std::vector<Backup> list() const;
  // Up to `length` bytes from `offset`; empty at the end. not_found / "no_backup".
  base::Result<std::string> piece(const std::string& id, std::uint64_t offset,
                                  std::size_t length) const;
  base::Status remove(const std::string& id);
  // Removes those kept for too long.
  void expire();

 private:
  base::Status make_room(const std::string& peer);
  std::string path_of(const std::string& id) const;
  void remove_all_files();
  base::Result<Backup> describe(const std::string& id) const;

  const std::string folder_;
  db::Engine& engine_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::size_t being_made_ = 0;   // Guarded by mutex_.
  std::vector<Backup> backups_;  // Guarded by mutex_.
};

}  // namespace mlguard::server
