#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/ids.h"
#include "base/unique_fd.h"

namespace mlguard::base {

namespace {

Status write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t wrote = ::write(fd, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno_error("could not write", path, errno);
    content.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

}  // namespace

Error errno_error(std::string_view what, const std::string& path, int errno_value) {
  ErrorCode code = ErrorCode::io;
  if (errno_value == ENOENT) code = ErrorCode::not_found;
  if (errno_value == ENOSPC || errno_value == EDQUOT) code = ErrorCode::resource_exhausted;
  return {code, std::string(what) + " " + path + ": " + std::strerror(errno_value)};
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error("could not open", path, errno);
  constexpr std::size_t kChunkBytes = 64 * 1024;
  std::string content;
  while (true) {
    const std::size_t had = content.size();
    content.resize(had + kChunkBytes);
    const ssize_t got = ::read(fd.get(), content.data() + had, kChunkBytes);
    if (got < 0 && errno != EINTR) return errno_error("could not read", path, errno);
    content.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got == 0) return content;
    if (content.size() > bytes_max) {
      return Error{ErrorCode::too_large,
                   path + " is larger than the limit of " + std::to_string(bytes_max) + " bytes"};
    }
  }
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_folder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) {
    return errno_error("could not sync the folder", folder, errno);
  }
  return {};
}

Result<AtomicFile> AtomicFile::create(const std::string& path, mode_t mode) {
  constexpr std::size_t kSuffixBytes = 8;
  std::string temporary = path + std::string(kTemporaryMark) + random_hex(kSuffixBytes);
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.valid()) return errno_error("could not create", path, errno);
  return AtomicFile(path, std::move(temporary), std::move(fd));
}

AtomicFile::~AtomicFile() {
  if (fd_.valid()) ::unlink(temporary_.c_str());
}

Status AtomicFile::append(std::string_view bytes) {
  // Named by what it is to become: a temporary has another name each time.
  return write_all(fd_.get(), bytes, path_);
}

Status AtomicFile::sync() {
  if (::fsync(fd_.get()) != 0) return errno_error("could not sync", path_, errno);
  return {};
}

Status AtomicFile::replace() {
  if (Status synced = sync(); !synced.ok()) return synced;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return errno_error("could not replace", path_, errno);
  }
  fd_.reset();
  return sync_folder(folder_of(path_));
}

Status AtomicFile::publish_new() {
  if (Status synced = sync(); !synced.ok()) return synced;
  if (::link(temporary_.c_str(), path_.c_str()) != 0) {
    if (errno == EEXIST) return Error{ErrorCode::conflict, "exists", path_ + " exists already"};
    return errno_error("could not create", path_, errno);
  }
  ::unlink(temporary_.c_str());
  fd_.reset();
  return sync_folder(folder_of(path_));
}

Status write_file_atomic(const std::string& path, std::string_view content, mode_t mode) {
  Result<AtomicFile> file = AtomicFile::create(path, mode);
  if (!file.ok()) return file.error();
  if (Status written = file->append(content); !written.ok()) return written;
  return file->replace();
}

Status create_file_exclusive(const std::string& path, std::string_view content, mode_t mode) {
  Result<AtomicFile> file = AtomicFile::create(path, mode);
  if (!file.ok()) return file.error();
  if (Status written = file->append(content); !written.ok()) return written;
  return file->publish_new();
}

Status make_folders(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  if (errno == ENOENT && folder_of(path) != path) {
    Status parent = make_folders(folder_of(path), mode);
    if (!parent.ok()) return parent;
    if (::mkdir(path.c_str(), mode) == 0) return {};
  }
  struct stat info {};
  if (errno == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return errno_error("could not create the folder", path, errno);
}

std::string state_home() {
  if (const char* xdg = std::getenv("XDG_STATE_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::string(xdg) + "/ml-guard";
  }
  if (::geteuid() == 0) return "/var/lib/ml-guard";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/state/ml-guard";
}

}  // namespace mlguard::base
