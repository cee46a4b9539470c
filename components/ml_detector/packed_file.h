// Text files that may be packed by xz. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace mlguard::ml_detector {

// The text of the file, `bytes_max` bytes at the most; a name that ends in ".xz" is unpacked by the
// program xz. Errors: not_found; io when xz is missing or refuses the file; too_large.
base::Result<std::string> read_packed_file(const std::string& path, std::size_t bytes_max);

}  // namespace mlguard::ml_detector
