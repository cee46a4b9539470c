#include "db/backup.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Database.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/unique_fd.h"
#include "db/sqlite_error.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

constexpr mode_t kFileMode = 0600;

Error exists_error(const std::string& path) {
  return {ErrorCode::conflict, "exists",
          path + " exists already; choose another name or remove it first"};
}

Status sync_path(const std::string& path, int flags) {
  const base::UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file.valid() || ::fsync(file.get()) != 0) {
    return base::errno_error("could not sync", path, errno);
  }
  return {};
}

void copy(SqliteReader& reader, const std::string& path) {
  SQLite::Database target(path, SQLite::OPEN_READWRITE);
  SQLite::Backup(target, reader.connection().database()).executeStep(-1);
  // One self-contained file: without this it would ask for a -wal beside it.
  target.exec("PRAGMA journal_mode = DELETE");
}

// Publishes the finished copy under its name, unless somebody took that meanwhile.
Status publish(const std::string& partial, const std::string& path) {
  if (::link(partial.c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) return exists_error(path);
    return base::errno_error("could not create", path, errno);
  }
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return sync_path(folder, O_RDONLY | O_DIRECTORY);
}

}  // namespace

base::Result<std::uint64_t> backup_database(SqliteReader& reader, const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) return exists_error(path);
  const std::string partial = path + ".partial." + std::to_string(::getpid());
  {
    const base::UniqueFd file(
        ::open(partial.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
    if (!file.valid()) return base::errno_error("could not create", partial, errno);
  }
  Status done = guarded("writing the backup", path, [&]() -> Status {
    copy(reader, partial);
    return sync_path(partial, O_RDONLY);
  });
  if (done.ok()) done = publish(partial, path);
  ::unlink(partial.c_str());
  if (!done.ok()) return done.error();
  return reader.revision();
}

}  // namespace mlguard::db
