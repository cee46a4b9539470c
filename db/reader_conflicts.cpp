// What a SqliteReader reads of merges: the losers, each beside the row that stands now.
#include "db/row_reading.h"
#include "db/row_text.h"
#include "db/sqlite_error.h"
#include "db/sqlite_reader.h"

namespace mlguard::db {

namespace {

// Empty when no such row stands (any more).
std::string standing_row_json(Connection& connection, const base::Conflict& conflict) {
  const ReplicatedTable* table = find_table(std::string_view(conflict.table));
  if (table == nullptr) return {};
  const std::vector<ImageValue> key = parse_row_key(*table, conflict.key);
  if (key.empty()) return {};
  const auto bytes = read_row(connection, *table, key);
  if (!bytes) return {};
  const auto image = decode_images(*bytes);
  return image.ok() && !image->empty() ? row_json(image->front()) : std::string();
}

}  // namespace

base::Result<std::vector<base::Conflict>> SqliteReader::conflicts(std::size_t offset,
                                                                  std::size_t limit) {
  return guarded("reading", pool_.path(), [&]() -> base::Result<std::vector<base::Conflict>> {
    std::vector<base::Conflict> all;
    Query row = connection_->query(
        "SELECT table_name, row_key, reason, recorded_at, lost_row, lost_hlc >> 16, lost_origin "
        "FROM conflict WHERE deleted = 0 ORDER BY recorded_at DESC, table_name, row_key, lost_hlc, "
        "lost_origin LIMIT ? OFFSET ?");
    row.bind_all(page_limit(limit), offset);
    while (row.step()) {
      base::Conflict conflict{row.text(0), row.text(1),    row.text(2), row.integer(3),
                              row.text(4), row.integer(5), row.text(6), {}};
      conflict.kept_row = standing_row_json(*connection_, conflict);
      all.push_back(std::move(conflict));
    }
    return all;
  });
}

}  // namespace mlguard::db
