#include "cli/input.h"

#include <array>
#include <istream>

#include "base/files.h"
#include "cli/exit_code.h"

namespace mlguard::cli {
namespace {

base::Result<std::string> read_stream(std::istream& in) {
  constexpr std::size_t kChunkBytes = 65'536;
  std::string text;
  std::array<char, kChunkBytes> chunk{};
  while (in.read(chunk.data(), chunk.size()) || in.gcount() > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > kInputBytesMax) {
      return base::Error{base::ErrorCode::too_large, "the input is larger than 64 MiB"};
    }
  }
  return text;
}

}  // namespace

base::Result<std::string> read_document(Streams& streams, const std::string& path) {
  if (path == "-") return read_stream(streams.in);
  auto content = base::read_file(path, kInputBytesMax);
  // A file that is not there is a mistake in what was typed, not an unknown component.
  if (!content.ok() && content.error().code == base::ErrorCode::not_found) {
    return usage_error(content.error().message);
  }
  return content;
}

base::Result<std::string> read_data(Streams& streams, const std::string& data) {
  if (data == "-") return read_document(streams, "-");
  if (data.starts_with('@')) return read_document(streams, data.substr(1));
  return data;
}

}  // namespace mlguard::cli
