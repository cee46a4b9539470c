// DataFolder: the folder of one instance, locked for as long as this object lives, so that a
// second instance cannot open the same database. Not thread-safe; the engine owns it.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace mlguard::db {

inline constexpr const char* kDatabaseFile = "control.db";
inline constexpr const char* kLockFile = "lock";

class DataFolder {
 public:
  // Makes the folder (0700) and takes its lock. conflict / "data_dir_in_use", naming the process
  // that holds it; io / "read_only"; resource_exhausted / "disk_full".
  static base::Result<DataFolder> open(const std::string& folder);

  std::string database_path() const { return folder_ + "/" + kDatabaseFile; }

 private:
  DataFolder(std::string folder, base::UniqueFd lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}

  std::string folder_;
  base::UniqueFd lock_;
};

}  // namespace mlguard::db
