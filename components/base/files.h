// Files, handled safely: bounded reads, atomic durable writes, exclusive creation. The functions
// are stateless and safe from any thread; an AtomicFile belongs to one thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mlguard::base {

// The whole file, `bytes_max` bytes at the most (too_large beyond; not_found when absent).
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

// What stands between a file's name and the rest of its temporary's.
inline constexpr std::string_view kTemporaryMark = ".tmp-";

// A file that appears under its name whole and durable, or not at all: it is written piece by piece
// under a temporary name beside it, which goes when the object does.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path, mode_t mode);
  AtomicFile(AtomicFile&&) = default;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status append(std::string_view bytes);
  // fsync, rename over whatever has the name, fsync of the folder.
  Status replace();
  // The same under a name that is free: conflict / "exists" when it is not.
  Status publish_new();

 private:
  AtomicFile(std::string path, std::string temporary, UniqueFd fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}
  Status sync();

  std::string path_;
  std::string temporary_;
  UniqueFd fd_;  // Open until the file is published.
};

// Makes names that were added to or taken from a folder durable.
Status sync_folder(const std::string& folder);

// "a/b" → "a", "b" → ".", "/b" → "/".
std::string folder_of(const std::string& path);

// Replaces the file: temporary beside it, write, fsync, rename, fsync of the folder.
Status write_file_atomic(const std::string& path, std::string_view content, mode_t mode);

// Creates the file with the whole content or not at all; conflict / "exists" when it is there
// already. Of several processes that race, one wins and no reader ever sees half a file.
Status create_file_exclusive(const std::string& path, std::string_view content, mode_t mode);

// mkdir -p; new folders get `mode`.
Status make_folders(const std::string& path, mode_t mode);

// "could not open /x/y: Permission denied" as an io (or not_found, or resource_exhausted for a
// full disk) error.
Error errno_error(std::string_view what, const std::string& path, int errno_value);

// $XDG_STATE_HOME/ml-guard where that is set, else /var/lib/ml-guard as root, else
// ~/.local/state/ml-guard. Servers keep PORT/ and the cluster's keys below it.
std::string state_home();

}  // namespace mlguard::base
