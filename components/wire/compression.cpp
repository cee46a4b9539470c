#include "wire/compression.h"

#include <lz4.h>

#include <algorithm>

#include "wire/channel.h"

namespace mlguard::wire {

namespace {

// One byte of an LZ4 block stands for 255 bytes of output at the very most, besides the last few
// literals: whoever announces more than that lies.
constexpr std::size_t kLz4RatioMax = 255;
static_assert(kPlainBodyBytesMax <= LZ4_MAX_INPUT_SIZE);

}  // namespace

bool append_compressed(std::string_view body, std::string& out) {
  if (body.size() <= kCompressAboveBytes) return false;
  const std::size_t start = out.size();
  // LZ4 gives up by itself once it would need as much room as the body.
  out.resize(start + body.size() - 1);
  const int written =
      LZ4_compress_default(body.data(), out.data() + start, static_cast<int>(body.size()),
                           static_cast<int>(body.size() - 1));
  out.resize(start + static_cast<std::size_t>(std::max(written, 0)));
  return written > 0;
}

bool is_possible_compression(std::size_t compressed_bytes, std::size_t original_bytes) {
  return original_bytes > kCompressAboveBytes && original_bytes > compressed_bytes &&
         original_bytes / kLz4RatioMax <= compressed_bytes;
}

std::optional<std::string> decompress(std::string_view compressed, std::size_t original_bytes) {
  std::string body(original_bytes, '\0');
  const int written =
      LZ4_decompress_safe(compressed.data(), body.data(), static_cast<int>(compressed.size()),
                          static_cast<int>(original_bytes));
  if (written < 0 || static_cast<std::size_t>(written) != original_bytes) return std::nullopt;
  return body;
}

}  // namespace mlguard::wire
