// Documents from files and from the standard input, bounded. Stateless.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/cli.h"

namespace mlguard::cli {

// Larger than any document, so that the limit's own message names the real size.
inline constexpr std::size_t kInputBytesMax = 64 * 1024 * 1024;

// A file's bytes, or those of the standard input for "-".
base::Result<std::string> read_document(Streams& streams, const std::string& path);

// As curl's -d: "@FILE", "@-" or "-", else the text itself.
base::Result<std::string> read_data(Streams& streams, const std::string& data);

}  // namespace mlguard::cli
