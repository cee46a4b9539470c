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

// Reads what ImageWriter wrote. After the first bad byte every read fails.
class ImageReader {
 public:
  explicit ImageReader(std::string_view bytes) : bytes_(bytes) {}

  bool at_end() const { return at_ == bytes_.size(); }
  std::size_t position() const { return at_; }

  std::optional<std::uint8_t> byte() {
    if (at_ >= bytes_.size()) return std::nullopt;
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }

  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto next = byte();
      if (!next) return std::nullopt;
      const std::uint64_t part = *next & 0x7fU;
      if (shift == 63 && part > 1) return std::nullopt;
      value |= part << shift;
      if ((*next & 0x80U) == 0) return value;
    }
    return std::nullopt;
  }

  std::optional<std::string_view> counted() {
    const auto length = varint();
    if (!length || *length > bytes_.size() - at_) return std::nullopt;
    const std::string_view part = bytes_.substr(at_, *length);
    at_ += *length;
    return part;
  }

  std::optional<double> real() {
    if (bytes_.size() - at_ < 8) return std::nullopt;
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) {
      bits |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes_[at_++])) << (8 * i);
    }
    return std::bit_cast<double>(bits);
  }

  bool value(ImageValue& out) {
    const auto tag = byte();
    if (!tag) return false;
    switch (static_cast<Tag>(*tag)) {
      case Tag::null: out = std::monostate(); return true;
      case Tag::integer: {
        const auto number = varint();
        if (number) out = unzigzag(*number);
        return number.has_value();
      }
      case Tag::real: {
        const auto number = real();
        if (number) out = *number;
        return number.has_value();
      }
      case Tag::text: {
        const auto part = counted();
        if (part) out = *part;
        return part.has_value();
      }
      case Tag::blob: {
        const auto part = counted();
        if (part) out = ImageBlob{*part};
        return part.has_value();
      }
    }
    return false;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

std::optional<RowImage> decode_one(ImageReader& in) {
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
    if (!in.value(value)) return std::nullopt;
    image.values.push_back(value);
  }
  return image;
}

}  // namespace

void ImageWriter::begin(ImageKind kind, const ReplicatedTable& table) {
  const std::size_t columns = kind == ImageKind::row ? table.columns.size() : table.key_columns;
  out_ += static_cast<char>(kind);
  out_ += static_cast<char>(table.id);
  out_ += static_cast<char>(columns);
}

void ImageWriter::null() { out_ += static_cast<char>(Tag::null); }

void ImageWriter::integer(std::int64_t value) {
  out_ += static_cast<char>(Tag::integer);
  varint(zigzag(value));
}

void ImageWriter::real(double value) {
  out_ += static_cast<char>(Tag::real);
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int i = 0; i < 8; ++i) out_ += static_cast<char>(bits >> (8 * i));
}

void ImageWriter::text(std::string_view value) {
  out_ += static_cast<char>(Tag::text);
  varint(value.size());
  out_ += value;
}

void ImageWriter::blob(std::string_view value) {
  out_ += static_cast<char>(Tag::blob);
  varint(value.size());
  out_ += value;
}

void ImageWriter::varint(std::uint64_t value) {
  while (value >= 0x80) {
    out_ += static_cast<char>((value & 0x7fU) | 0x80U);
    value >>= 7;
  }
  out_ += static_cast<char>(value);
}

Digest row_hash(std::string_view image) { return blake2b(image.substr(1)); }

base::Result<std::vector<RowImage>> decode_images(std::string_view bytes) {
  std::vector<RowImage> images;
  ImageReader in(bytes);
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
