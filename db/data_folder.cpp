#include "db/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/files.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

Error folder_error(const std::string& what, const std::string& path, int errno_value) {
  if (errno_value == EROFS || errno_value == EACCES || errno_value == EPERM) {
    return {ErrorCode::io, "read_only",
            what + " " + path +
                ": it cannot be written by this user (read-only disk or missing permission); "
                "make it writable, or choose another --data-dir"};
  }
  if (errno_value == ENOSPC || errno_value == EDQUOT) {
    return {ErrorCode::resource_exhausted, "disk_full",
            what + " " + path + ": the disk is full; make room on it and start again"};
  }
  return base::errno_error(what, path, errno_value);
}

std::string holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t count = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string pid(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  pid.erase(std::min(pid.find_first_not_of("0123456789"), pid.size()));
  return pid.empty() ? "another process" : "process " + pid;
}

// Made here, because SQLite would make it readable for others; its -wal and -shm take this mode.
base::Status make_database_file(const std::string& path) {
  const base::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!file.valid()) return folder_error("could not open", path, errno);
  return {};
}

}  // namespace

base::Result<DataFolder> DataFolder::open(const std::string& folder) {
  if (auto made = base::make_folders(folder, kFolderMode); !made.ok()) {
    if (made.error().code != ErrorCode::io) return made.error();
    return folder_error("could not make the data folder", folder, errno);
  }
  const std::string path = folder + "/" + kLockFile;
  base::UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!lock.valid()) return folder_error("could not open", path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return folder_error("could not lock", path, errno);
    return Error{ErrorCode::conflict, "data_dir_in_use",
                 "the data folder " + folder + " is in use by " + holder_of(lock.get()) +
                     "; stop it, or choose another --data-dir"};
  }
  // Only for people and for the message above; the lock itself holds without it.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    if (errno != ENOSPC) return folder_error("could not write", path, errno);
  }
  if (auto made = make_database_file(folder + "/" + kDatabaseFile); !made.ok()) return made.error();
  return DataFolder(folder, std::move(lock));
}

}  // namespace mlguard::db
