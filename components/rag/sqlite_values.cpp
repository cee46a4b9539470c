#include "rag/sqlite_values.h"

#include <SQLiteCpp/SQLiteCpp.h>

namespace mlguard::rag {
namespace {

constexpr int kTableShift = 40;  // A table holds 2^40 rows at most: more than a disk does.

}  // namespace

IdRange ids_of(Table table) {
  const auto number = static_cast<std::int64_t>(table);
  return {number << kTableShift, ((number + 1) << kTableShift) - 1};
}

Table table_of_id(std::int64_t id) { return static_cast<Table>(id >> kTableShift); }

std::string words_table(Table table) { return std::string("words_") + to_string(table); }

void bind_value(SQLite::Statement& statement, int position, const SqlValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    statement.bind(position, *number);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    statement.bind(position, *text);
  } else {
    const std::string& bytes = std::get_if<SqlBlob>(&value)->bytes;
    statement.bind(position, bytes.data(), static_cast<int>(bytes.size()));
  }
}

int bind_values(SQLite::Statement& statement, int position, const std::vector<SqlValue>& values) {
  for (const SqlValue& value : values) bind_value(statement, position++, value);
  return position;
}

}  // namespace mlguard::rag
