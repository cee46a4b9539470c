// ByteWriter and ByteReader: the primitives of our binary formats (row images, log entries, peer
// messages, segments): bytes, LEB128 varints, little-endian 64-bit numbers, counted strings.
//
// Writers append to a string of the caller's. Readers never read beyond their bytes; after the
// first thing that does not fit every read fails, so that one check at the end is enough.
// Not thread-safe; plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mlguard::base {

class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void byte(std::uint8_t value) { out_ += static_cast<char>(value); }
  void varint(std::uint64_t value);
  void fixed64(std::uint64_t value);
  void raw(std::string_view bytes) { out_ += bytes; }
  void counted(std::string_view bytes);

 private:
  std::string& out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  bool at_end() const { return !failed_ && at_ == bytes_.size(); }
  std::size_t position() const { return at_; }

  std::optional<std::uint8_t> byte();
  // At most 10 bytes; more than 64 bits fail.
  std::optional<std::uint64_t> varint();
  std::optional<std::uint64_t> fixed64();
  // Refers to the reader's bytes.
  std::optional<std::string_view> raw(std::size_t size);
  std::optional<std::string_view> counted();

 private:
  std::nullopt_t fail();

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace mlguard::base
