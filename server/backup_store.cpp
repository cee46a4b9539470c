#include "server/backup_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "base/ids.h"
#include "base/logging.h"
#include "base/sha256.h"
#include "base/unique_fd.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kHashBlockBytes = 64 * 1024;
constexpr mode_t kFolderMode = 0700;

Error no_backup(const std::string& id) {
  return Error{ErrorCode::not_found, "no_backup",
               "there is no backup '" + id + "': it may have expired; make a new one"};
}

}  // namespace

BackupStore::BackupStore(std::string folder, db::Engine& engine, const base::Clock& clock)
    : folder_(std::move(folder)), engine_(engine), clock_(clock) {
  remove_all_files();
}

BackupStore::~BackupStore() { remove_all_files(); }

std::string BackupStore::path_of(const std::string& id) const { return folder_ + "/" + id + ".db"; }

void BackupStore::remove_all_files() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

// A peer whose fetch broke off asks again: it must never be kept waiting by what it left behind.
Status BackupStore::make_room(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  std::erase_if(backups_, [&](const Backup& old) {
    if (peer.empty() || old.peer != peer) return false;
    unlink(path_of(old.id).c_str());
    return true;
  });
  const auto operators = static_cast<std::size_t>(std::count_if(
      backups_.begin(), backups_.end(), [](const Backup& each) { return each.peer.empty(); }));
  if (peer.empty() && operators + being_made_ >= kBackupsMax) {
    return Error{ErrorCode::resource_exhausted, "too_many_backups",
                 "there are " + std::to_string(kBackupsMax) +
                     " backups already: download or delete one first"};
  }
  ++being_made_;
  return {};
}

Result<Backup> BackupStore::make(const std::string& peer) {
  if (Status room = make_room(peer); !room) return room.error();
  const std::string id = base::random_hex(kIdBytes);
  Result<Backup> made = [&]() -> Result<Backup> {
    if (Status folder = base::make_folders(folder_, kFolderMode); !folder) return folder.error();
    Result<std::uint64_t> revision = engine_.backup_to(path_of(id));
    if (!revision) return revision.error();
    Result<Backup> backup = describe(id);
    if (!backup) return backup;
    backup->revision = *revision;
    backup->peer = peer;
    return backup;
  }();
  if (!made) unlink(path_of(id).c_str());
  const std::lock_guard lock(mutex_);
  --being_made_;
  if (made) backups_.push_back(*made);
  return made;
}

Result<Backup> BackupStore::describe(const std::string& id) const {
  const std::string path = path_of(id);
  const base::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return base::errno_error("could not open", path, errno);
  base::Sha256 hash;
  std::string block(kHashBlockBytes, '\0');
  Backup backup;
  backup.id = id;
  backup.created_at_ms = clock_.wall_ms();
  for (;;) {
    const ssize_t count = ::read(fd.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::errno_error("could not read", path, errno);
    if (count == 0) break;
    hash.update(std::string_view(block).substr(0, static_cast<std::size_t>(count)));
    backup.bytes += static_cast<std::uint64_t>(count);
  }
  backup.sha256 = hash.finish();
  return backup;
}

std::vector<Backup> BackupStore::list() const {
  const std::lock_guard lock(mutex_);
  return backups_;
}

Result<std::string> BackupStore::piece(const std::string& id, std::uint64_t offset,
                                       std::size_t length) const {
  {
    const std::lock_guard lock(mutex_);
    const bool known = std::any_of(backups_.begin(), backups_.end(),
                                   [&](const Backup& backup) { return backup.id == id; });
    if (!known) return no_backup(id);
  }
  const std::string path = path_of(id);
  const base::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return base::errno_error("could not open", path, errno);
  std::string piece(std::min(length, kBackupPieceBytesMax), '\0');
  std::size_t filled = 0;
  while (filled < piece.size()) {
    const ssize_t count = pread(fd.get(), piece.data() + filled, piece.size() - filled,
                                static_cast<off_t>(offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::errno_error("could not read", path, errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  piece.resize(filled);
  return piece;
}

Status BackupStore::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (std::erase_if(backups_, [&](const Backup& backup) { return backup.id == id; }) == 0) {
    return no_backup(id);
  }
  unlink(path_of(id).c_str());
  return {};
}

void BackupStore::expire() {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.wall_ms();
  std::erase_if(backups_, [&](const Backup& backup) {
    if (now - backup.created_at_ms < kBackupKeptMs) return false;
    base::log_info("an old backup was removed", {{"id", backup.id}});
    unlink(path_of(backup.id).c_str());
    return true;
  });
}

}  // namespace mlguard::server
