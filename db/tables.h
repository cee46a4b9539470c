// The replicated tables as data: what the change capture records and how an image is applied.
// The SQL in data/migrations/ defines them; a test holds the two together. Constant; safe from any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlguard::db {

enum class ColumnType : std::uint8_t { integer, real, text, blob };

struct Column {
  const char* name;
  ColumnType type;
};

// Numbers that stand in row images: never give one to another table.
enum class TableId : std::uint8_t {
  component = 1,
  heartbeat = 2,
  config = 3,
  config_active = 4,
  rule = 5,
  detection = 6,
  applied = 7,
  token = 8,
  identity = 9,
  audit = 10,
  conflict = 11,
  member = 12,
  pipeline_key = 13,
  model_part = 14,
};

// Key columns come first; hlc, origin and deleted come last.
struct ReplicatedTable {
  TableId id;
  const char* name;
  std::size_t key_columns;
  std::vector<Column> columns;
  std::string insert_sql;  // A row that is new.
  std::string upsert_sql;  // The guarded upsert of one whole row.
  std::string delete_sql;  // By key.
  std::string scan_sql;    // Every row, in the columns' order.
  std::string select_sql;  // One row by key, in the columns' order.
};

inline constexpr std::size_t kColumnsMax = 32;

const std::vector<ReplicatedTable>& replicated_tables();
const ReplicatedTable& table_of(TableId id);
// nullptr for any other table.
const ReplicatedTable* find_table(std::string_view name);
const ReplicatedTable* find_table(std::uint8_t id);

}  // namespace mlguard::db
