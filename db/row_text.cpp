#include "db/row_text.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/ids.h"

namespace mlguard::db {

namespace {

constexpr char kBetweenKeys = '/';
// What a token rests on, and a pipeline key, leave the database for nobody, sealed as they are.
bool is_never_shown(std::string_view column) {
  return column == "sealed_psk" || column == "sealed_secret";
}

struct KeyText {
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return std::to_string(value); }
  std::string operator()(std::string_view value) const { return std::string(value); }
  std::string operator()(const ImageBlob& value) const { return base::to_hex(value.bytes); }
};

struct JsonValue {
  nlohmann::ordered_json operator()(std::monostate) const { return nullptr; }
  nlohmann::ordered_json operator()(std::int64_t value) const { return value; }
  nlohmann::ordered_json operator()(double value) const { return value; }
  nlohmann::ordered_json operator()(std::string_view value) const { return std::string(value); }
  nlohmann::ordered_json operator()(const ImageBlob& value) const {
    return base::to_hex(value.bytes);
  }
};

}  // namespace

std::string row_key_text(const RowImage& image) {
  std::string text;
  for (std::size_t i = 0; i < image.table->key_columns; ++i) {
    if (i > 0) text += kBetweenKeys;
    text += std::visit(KeyText{}, image.values[i]);
  }
  return text;
}

std::vector<ImageValue> parse_row_key(const ReplicatedTable& table, std::string_view text) {
  std::vector<ImageValue> values;
  for (std::size_t i = 0; i < table.key_columns; ++i) {
    const bool last = i + 1 == table.key_columns;
    const std::size_t end = last ? text.size() : text.find(kBetweenKeys);
    if (end == std::string_view::npos) return {};
    const std::string_view part = text.substr(0, end);
    if (table.columns[i].type == ColumnType::integer) {
      std::int64_t number = 0;
      const auto parsed = std::from_chars(part.data(), part.data() + part.size(), number);
      if (parsed.ec != std::errc() || parsed.ptr != part.data() + part.size()) return {};
      values.emplace_back(number);
    } else {
      values.emplace_back(part);
    }
    text.remove_prefix(last ? end : end + 1);
  }
  return values;
}

std::string row_json(const RowImage& image) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    if (is_never_shown(image.table->columns[i].name)) continue;
    object[image.table->columns[i].name] = std::visit(JsonValue{}, image.values[i]);
  }
  // Old texts may hold anything; whoever reads this parses strictly.
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace mlguard::db
