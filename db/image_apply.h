// Applies row images to the tables, everywhere and always by the guarded upserts: the newer of
// (hlc, origin) stays, so that any order and any repetition gives the same rows.
// Throws SQLite::Exception; internal to db/. The connection belongs to the caller's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "db/connection.h"
#include "db/row_image.h"

namespace mlguard::db {

struct ApplyReport {
  std::size_t images = 0;
  std::size_t changed = 0;    // Fewer than images: some were older than what is here.
  std::uint64_t hlc_max = 0;  // Of the rows.
};

// The value must outlive the query.
void bind_value(Query& query, const ImageValue& value);

// Writes one image: a row where it is newer than what stands, or a purge. How many rows changed.
int write_image(Connection& connection, const RowImage& image);

// Error: corrupt / "bad_image"; then nothing was applied.
base::Result<ApplyReport> apply_images(Connection& connection, std::string_view images);

}  // namespace mlguard::db
