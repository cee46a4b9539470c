// Applies row images to the tables, everywhere and always by the guarded upserts: the newer of
// (hlc, origin) stays, so that any order and any repetition gives the same rows.
// Throws SQLite::Exception; internal to db/. The connection belongs to the caller's thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "db/connection.h"

namespace mlguard::db {

struct ApplyReport {
  std::size_t images = 0;
  std::size_t changed = 0;  // Fewer than images: some were older than what is here.
};

// Error: corrupt / "bad_image"; then nothing was applied.
base::Result<ApplyReport> apply_images(Connection& connection, std::string_view images);

}  // namespace mlguard::db
