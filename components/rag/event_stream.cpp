#include "rag/event_stream.h"

namespace mlguard::rag {

base::Status EventStream::feed(std::string_view bytes,
                               const std::function<base::Status(std::string_view)>& take) {
  constexpr std::string_view kData = "data:";
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() > kEventLineBytesMax) {
      return base::Error{base::ErrorCode::too_large, "endpoint_garbage",
                         "the endpoint sends lines without an end"};
    }
    if (end == std::string_view::npos) return {};
    bytes.remove_prefix(end + 1);
    std::string line = std::move(line_);
    line_.clear();
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::string_view data = line;
    if (!data.starts_with(kData)) continue;
    data.remove_prefix(kData.size());
    if (data.starts_with(' ')) data.remove_prefix(1);
    if (const base::Status taken = take(data); !taken.ok()) return taken;
  }
  return {};
}

}  // namespace mlguard::rag
