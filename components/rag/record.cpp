#include "rag/record.h"

#include <array>

namespace mlguard::rag {
namespace {

// In the order of Table.
constexpr std::array<const char*, 9> kTableNames = {"config",    "config_version", "rule",
                                                    "detection", "health",         "component",
                                                    "audit",     "change",         "doc"};

}  // namespace

const char* to_string(Table table) {
  const auto index = static_cast<std::size_t>(table);
  return index < kTableNames.size() ? kTableNames[index] : "unknown";
}

std::optional<Table> parse_table(std::string_view text) {
  for (std::size_t index = 0; index < kTableNames.size(); ++index) {
    if (text == kTableNames[index]) return static_cast<Table>(index);
  }
  return std::nullopt;
}

}  // namespace mlguard::rag
