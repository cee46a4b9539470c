#include "base/bytes.h"

namespace mlguard::base {

void ByteWriter::varint(std::uint64_t value) {
  while (value >= 0x80) {
    out_ += static_cast<char>((value & 0x7fU) | 0x80U);
    value >>= 7;
  }
  out_ += static_cast<char>(value);
}

void ByteWriter::fixed64(std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out_ += static_cast<char>(value >> (8 * i));
}

void ByteWriter::counted(std::string_view bytes) {
  varint(bytes.size());
  out_ += bytes;
}

std::nullopt_t ByteReader::fail() {
  failed_ = true;
  return std::nullopt;
}

std::optional<std::uint8_t> ByteReader::byte() {
  if (failed_ || at_ >= bytes_.size()) return fail();
  return static_cast<std::uint8_t>(bytes_[at_++]);
}

std::optional<std::uint64_t> ByteReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto next = byte();
    if (!next) return std::nullopt;
    const std::uint64_t part = *next & 0x7fU;
    if (shift == 63 && part > 1) return fail();
    value |= part << shift;
    if ((*next & 0x80U) == 0) return value;
  }
  return fail();
}

std::optional<std::uint64_t> ByteReader::fixed64() {
  const auto bytes = raw(8);
  if (!bytes) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>((*bytes)[i])) << (8 * i);
  }
  return value;
}

std::optional<std::string_view> ByteReader::raw(std::size_t size) {
  if (failed_ || size > bytes_.size() - at_) return fail();
  const std::string_view part = bytes_.substr(at_, size);
  at_ += size;
  return part;
}

std::optional<std::string_view> ByteReader::counted() {
  const auto size = varint();
  if (!size) return std::nullopt;
  return raw(*size);
}

}  // namespace mlguard::base
