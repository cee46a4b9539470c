// Rows read back from their tables as images. Throws SQLite::Exception; internal to db/. The
// connection belongs to the caller's thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/connection.h"
#include "db/row_image.h"

namespace mlguard::db {

// The image of the row that `row` stands on. `row` selects the table's columns in their order.
void encode_row(const Query& row, const ReplicatedTable& table, std::string& image);

// The image of the row with these key values (more may follow them); nullopt when there is none.
std::optional<std::string> read_row(Connection& connection, const ReplicatedTable& table,
                                    const std::vector<ImageValue>& key);

}  // namespace mlguard::db
