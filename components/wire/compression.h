// LZ4 blocks, as frames and shipped files use them: only where they come out smaller, and refused
// before anything is allocated when their size cannot be true. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mlguard::wire {

// Appends the compressed body when it is over kCompressAboveBytes and comes out smaller, and says
// whether it did. REQUIRES: body.size() <= kPlainBodyBytesMax.
bool append_compressed(std::string_view body, std::string& out);

// False for sizes that append_compressed cannot have made; then nothing need be allocated.
bool is_possible_compression(std::size_t compressed_bytes, std::size_t original_bytes);

// nullopt when it does not decompress to exactly that size. REQUIRES: is_possible_compression, and
// original_size within the caller's limit.
std::optional<std::string> decompress(std::string_view compressed, std::size_t original_bytes);

}  // namespace mlguard::wire
