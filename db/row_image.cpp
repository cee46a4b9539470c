#include "db/row_image.h"

#include <bit>
#include <optional>

namespace mlguard::db {

namespace {

enum class Tag : std::uint8_t { null = 0, integer = 1, real = 2, text = 3, blob = 4 };

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (0 - (value & 1)));
}

bool read_text(base::ByteReader& in, ImageValue& out) {
  const auto part = in.counted();
  if (part) out = *part;
  return part.has_value();
}

bool read_blob(base::ByteReader& in, ImageValue& out) {
  const auto part = in.counted();
  if (part) out = ImageBlob{*part};
  return part.has_value();
}

bool read_value(base::ByteReader& in, ImageValue& out) {
  const auto tag = in.byte();
  if (!tag) return false;
  switch (static_cast<Tag>(*tag)) {
    case Tag::null: out = std::monostate(); return true;
    case Tag::integer: {
      const auto number = in.varint();
      if (number) out = unzigzag(*number);
      return number.has_value();
    }
    case Tag::real: {
      const auto bits = in.fixed64();
      if (bits) out = std::bit_cast<double>(*bits);
      return bits.has_value();
    }
    case Tag::text: return read_text(in, out);
    case Tag::blob: return read_blob(in, out);
  }
  return false;
}

std::optional<RowImage> decode_one(base::ByteReader& in) {
  const auto kind = in.byte();
  const auto table_id = in.byte();
  const auto columns = in.byte();
  if (!kind || !table_id || !columns) return std::nullopt;

  RowImage image;
  image.table = find_table(*table_id);
  if (image.table == nullptr) return std::nullopt;
  if (*kind == static_cast<std::uint8_t>(ImageKind::row)) {
    image.kind = ImageKind::row;
    if (*columns != image.table->columns.size()) return std::nullopt;
  } else if (*kind == static_cast<std::uint8_t>(ImageKind::purge)) {
    image.kind = ImageKind::purge;
    if (*columns != image.table->key_columns) return std::nullopt;
  } else {
    return std::nullopt;
  }
  image.values.reserve(*columns);
  for (unsigned i = 0; i < *columns; ++i) {
    ImageValue value;
    if (!read_value(in, value)) return std::nullopt;
    image.values.push_back(value);
  }
  return image;
}

}  // namespace

void ImageWriter::begin(ImageKind kind, const ReplicatedTable& table) {
  const std::size_t columns = kind == ImageKind::row ? table.columns.size() : table.key_columns;
  out_.byte(static_cast<std::uint8_t>(kind));
  out_.byte(static_cast<std::uint8_t>(table.id));
  out_.byte(static_cast<std::uint8_t>(columns));
}

void ImageWriter::null() { out_.byte(static_cast<std::uint8_t>(Tag::null)); }

void ImageWriter::integer(std::int64_t value) {
  out_.byte(static_cast<std::uint8_t>(Tag::integer));
  out_.varint(zigzag(value));
}

void ImageWriter::real(double value) {
  out_.byte(static_cast<std::uint8_t>(Tag::real));
  out_.fixed64(std::bit_cast<std::uint64_t>(value));
}

void ImageWriter::text(std::string_view value) {
  out_.byte(static_cast<std::uint8_t>(Tag::text));
  out_.counted(value);
}

void ImageWriter::blob(std::string_view value) {
  out_.byte(static_cast<std::uint8_t>(Tag::blob));
  out_.counted(value);
}

std::uint64_t hlc_of(const RowImage& image) {
  const auto* hlc = std::get_if<std::int64_t>(&image.values[image.values.size() - 3]);
  return hlc == nullptr ? 0 : static_cast<std::uint64_t>(*hlc);
}

std::string_view origin_of(const RowImage& image) {
  const auto* origin = std::get_if<std::string_view>(&image.values[image.values.size() - 2]);
  return origin == nullptr ? std::string_view() : *origin;
}

Digest row_hash(std::string_view image) { return blake2b(image.substr(1)); }

base::Result<std::vector<RowImage>> decode_images(std::string_view bytes) {
  std::vector<RowImage> images;
  base::ByteReader in(bytes);
  while (!in.at_end()) {
    const std::size_t start = in.position();
    auto image = decode_one(in);
    if (!image) {
      return base::Error{base::ErrorCode::corrupt, "bad_image",
                         "the row image at byte " + std::to_string(start) +
                             " of a change log entry cannot be read"};
    }
    images.push_back(std::move(*image));
  }
  return images;
}

}  // namespace mlguard::db
