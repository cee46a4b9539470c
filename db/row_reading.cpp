#include "db/row_reading.h"

#include "db/image_apply.h"

namespace mlguard::db {

void encode_row(const Query& row, const ReplicatedTable& table, std::string& image) {
  image.clear();
  ImageWriter writer(image);
  writer.begin(ImageKind::row, table);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const int column = static_cast<int>(i);
    if (row.is_null(column)) {
      writer.null();
      continue;
    }
    switch (table.columns[i].type) {
      case ColumnType::integer: writer.integer(row.integer(column)); break;
      case ColumnType::real: writer.real(row.real(column)); break;
      case ColumnType::text: writer.text(row.bytes(column)); break;
      case ColumnType::blob: writer.blob(row.bytes(column)); break;
    }
  }
}

std::optional<std::string> read_row(Connection& connection, const ReplicatedTable& table,
                                    const std::vector<ImageValue>& key) {
  Query row = connection.query(table.select_sql.c_str());
  for (std::size_t i = 0; i < table.key_columns; ++i) bind_value(row, key[i]);
  if (!row.step()) return std::nullopt;
  std::string image;
  encode_row(row, table, image);
  return image;
}

}  // namespace mlguard::db
