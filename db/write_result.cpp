#include "db/write_result.h"

#include <charconv>

namespace mlguard::db {

namespace {
constexpr std::string_view kVersion = "version ";
constexpr std::string_view kIds = "ids ";
}  // namespace

std::string encode_result(std::uint64_t version, const std::vector<std::string>& ids) {
  if (version > 0) return std::string(kVersion) + std::to_string(version);
  std::string text;
  for (const std::string& id : ids) {
    text += text.empty() ? kIds : std::string_view(" ");
    text += id;
  }
  return text;
}

void decode_result(std::string_view text, WriteResult& result) {
  if (text.substr(0, kVersion.size()) == kVersion) {
    std::from_chars(text.data() + kVersion.size(), text.data() + text.size(), result.version);
    return;
  }
  if (text.substr(0, kIds.size()) != kIds) return;
  text.remove_prefix(kIds.size());
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    result.ids.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

}  // namespace mlguard::db
