#include "db/sqlite_error.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <exception>
#include <new>

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

Error from_sqlite(const SQLite::Exception& failure, std::string_view doing,
                  const std::string& path) {
  const std::string about = std::string(doing) + " " + path;
  const std::string detail = failure.what();
  switch (failure.getErrorCode() & 0xff) {
    case SQLITE_FULL:
      return {ErrorCode::resource_exhausted, "disk_full",
              "the disk is full: " + about + " failed; make room on it, nothing was changed"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return damaged_file_error(path, detail);
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {ErrorCode::io, "read_only",
              about + " failed: the file or its folder is read-only (" + detail +
                  "); make it writable for this user, or choose another --data-dir"};
    case SQLITE_CANTOPEN:
      return {ErrorCode::io, "cannot_open",
              about + " failed: " + detail + "; check the folder's owner, mode and free space"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::unavailable, "database_locked",
              about + " failed: another program holds a lock on it (" + detail +
                  "); close the program that writes to it, then retry"};
    case SQLITE_IOERR:
      // A full disk shows as an I/O error where SQLite only learns of it by a short write.
      return {ErrorCode::io, "io",
              about + " failed: " + detail + "; look at the disk and the kernel's log"};
    case SQLITE_NOMEM:
      return {ErrorCode::resource_exhausted, "out_of_memory",
              about + " failed: out of memory; stop other programs or add memory"};
    default:
      return {ErrorCode::internal, "sqlite",
              about + " failed: " + detail + " (SQLite code " +
                  std::to_string(failure.getExtendedErrorCode()) + "); please report this"};
  }
}

}  // namespace

Error current_exception_error(std::string_view doing, const std::string& path) {
  try {
    throw;
  } catch (const SQLite::Exception& failure) {
    return from_sqlite(failure, doing, path);
  } catch (const std::bad_alloc&) {
    return {ErrorCode::resource_exhausted, "out_of_memory",
            std::string(doing) + " " + path + " failed: out of memory"};
  } catch (const std::exception& failure) {
    return {
        ErrorCode::internal, "internal",
        std::string(doing) + " " + path + " failed: " + failure.what() + "; please report this"};
  }
}

Error damaged_file_error(const std::string& path, std::string_view what) {
  return {ErrorCode::corrupt, "database_corrupt",
          path + " is damaged (" + std::string(what) +
              "). It is left as it is. Stop the server, move the file and its -wal and -shm away, "
              "put a backup made by 'ml-guard backup' in its place under the name control.db, and "
              "start again"};
}

}  // namespace mlguard::db
