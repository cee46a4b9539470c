// Row images: the bytes that stand in change_log.rows, travel to followers and are hashed into the
// state digest. The format is fixed in docs/store.md ("Row images"). Stateless; any thread.
//
//   image  = kind:u8  table:u8  columns:u8  value*
//   value  = 0                      NULL
//          | 1  zigzag varint       INTEGER
//          | 2  8 bytes LE IEEE 754 REAL
//          | 3  varint length bytes TEXT
//          | 4  varint length bytes BLOB
// kind 1 is a whole row (all columns), kind 2 a purge (key columns only).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "db/digest.h"
#include "db/tables.h"

namespace mlguard::db {

enum class ImageKind : std::uint8_t { row = 1, purge = 2 };

struct ImageBlob {
  std::string_view bytes;
  friend bool operator==(const ImageBlob&, const ImageBlob&) = default;
};
using ImageValue = std::variant<std::monostate, std::int64_t, double, std::string_view, ImageBlob>;

// A decoded image. Its text refers to the decoded bytes.
struct RowImage {
  ImageKind kind = ImageKind::row;
  const ReplicatedTable* table = nullptr;
  std::vector<ImageValue> values;
};

class ImageWriter {
 public:
  explicit ImageWriter(std::string& out) : out_(out) {}
  void begin(ImageKind kind, const ReplicatedTable& table);
  void null();
  void integer(std::int64_t value);
  void real(double value);
  void text(std::string_view value);
  void blob(std::string_view value);

 private:
  base::ByteWriter out_;
};

// The stamp of a whole row: its third and second column from the end. 0 and "" when the image was
// made by somebody who puts other types there.
// REQUIRES: image.kind == ImageKind::row
std::uint64_t hlc_of(const RowImage& image);
std::string_view origin_of(const RowImage& image);

// The hash of one row for the state digest: BLAKE2b-256 of its image without the kind byte.
Digest row_hash(std::string_view image);

// Decodes a whole change_log.rows. Error: corrupt / "bad_image", saying at which byte.
base::Result<std::vector<RowImage>> decode_images(std::string_view bytes);

}  // namespace mlguard::db
