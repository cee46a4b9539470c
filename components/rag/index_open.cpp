// Opening the index's file: for its owner only, and set aside when it is damaged.
#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstdio>

#include "base/files.h"
#include "base/logging.h"
#include "base/unique_fd.h"
#include "rag/sqlite_index.h"

namespace mlguard::rag {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;  // It knows what every component's configuration says.

Result<std::unique_ptr<SqliteIndex>> open_once(const std::string& path) {
  try {
    auto index = std::make_unique<SqliteIndex>(path);
    const Status prepared = index->prepare();
    if (!prepared.ok()) return prepared.error();
    return Result<std::unique_ptr<SqliteIndex>>(std::move(index));
  } catch (const SQLite::Exception& problem) {
    const int code = problem.getErrorCode() & 0xff;
    const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return Error{damaged ? ErrorCode::corrupt : ErrorCode::io,
                 "the index " + path + ": " + problem.what()};
  }
}

Status set_aside(const std::string& path) {
  const std::string aside = path + ".damaged";
  if (std::rename(path.c_str(), aside.c_str()) != 0) {
    return base::errno_error("could not set aside", path, errno);
  }
  std::remove((path + "-wal").c_str());
  std::remove((path + "-shm").c_str());
  return {};
}

// SQLite gives the files beside it the same mode.
Status make_private(const std::string& path) {
  const Status made = base::make_folders(base::folder_of(path), kFolderMode);
  if (!made.ok()) return made;
  const base::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode));
  if (!file.valid()) return base::errno_error("could not open", path, errno);
  return {};
}

}  // namespace

Result<std::unique_ptr<Index>> Index::open(const std::string& path) {
  const bool in_memory = path == ":memory:";
  if (!in_memory) {
    const Status made = make_private(path);
    if (!made.ok()) return made.error();
  }
  auto opened = open_once(path);
  if (!opened.ok() && opened.error().code == ErrorCode::corrupt && !in_memory) {
    base::log_warn("the index is set aside and built anew from the control plane",
                   {{"why", opened.error().message}, {"kept_as", path + ".damaged"}});
    const Status aside = set_aside(path);
    if (!aside.ok()) return aside.error();
    const Status made = make_private(path);
    if (!made.ok()) return made.error();
    opened = open_once(path);
    if (opened.ok()) (*opened)->mark_rebuilt();
  }
  if (!opened.ok()) return opened.error();
  return Result<std::unique_ptr<Index>>(std::move(*opened));
}

}  // namespace mlguard::rag
