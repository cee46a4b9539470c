// Small helpers of the index between its plain data and SQLite. Internal to the index; as the
// connection for threads. bind_* throw SQLite::Exception.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rag/index_sql.h"

namespace SQLite {
class Statement;
}  // namespace SQLite

namespace mlguard::rag {

struct IdRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};
// The ids of a table's rows.
IdRange ids_of(Table table);
Table table_of_id(std::int64_t id);
// The FTS5 table of a table's words.
std::string words_table(Table table);

void bind_value(SQLite::Statement& statement, int position, const SqlValue& value);
// From `position` on; says which is the next.
int bind_values(SQLite::Statement& statement, int position, const std::vector<SqlValue>& values);

}  // namespace mlguard::rag
