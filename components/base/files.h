// Small files, handled whole and safely: bounded reads, atomic durable writes, exclusive creation.
// Stateless; safe from any thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::base {

// The whole file, `bytes_max` bytes at the most (too_large beyond; not_found when absent).
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

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
