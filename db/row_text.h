// Rows as text for people: their key as one word, their columns as JSON. Stateless; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "db/row_image.h"

namespace mlguard::db {

// The key columns joined by "/": "sniffer/5".
std::string row_key_text(const RowImage& image);

// The key columns' values from such a text, which they refer to. Empty when it is not one of this
// table's.
std::vector<ImageValue> parse_row_key(const ReplicatedTable& table, std::string_view text);

// A JSON object by column name; bytes in hex. All columns but a token's sealed key.
// REQUIRES: image.kind == ImageKind::row
std::string row_json(const RowImage& image);

}  // namespace mlguard::db
