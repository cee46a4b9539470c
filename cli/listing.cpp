#include "cli/listing.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace mlguard::cli {
namespace {

using Json = nlohmann::ordered_json;

Json parse(std::string_view text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

// The value at a dotted path, or null.
const Json* find(const Json& root, std::string_view path) {
  const Json* at = &root;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string key(path.substr(0, dot));
    if (!at->is_object()) return nullptr;
    const auto found = at->find(key);
    if (found == at->end()) return nullptr;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

std::string dump(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const Json* value) {
  if (value == nullptr || value->is_null()) return {};
  if (value->is_string()) return value->get<std::string>();
  if (value->is_boolean()) return value->get<bool>() ? "yes" : "no";
  return dump(*value);
}

TextRow row_of(const Json& item, const std::vector<std::string>& keys) {
  TextRow row;
  for (const std::string& key : keys) row.push_back(to_text(find(item, key)));
  return row;
}

base::Error bad_answer(std::string_view what) {
  return {base::ErrorCode::corrupt, "bad_answer",
          "the server's answer has no '" + std::string(what) +
              "'; is it an etcd-server of ml-guard, and of this version?"};
}

}  // namespace

base::Result<std::vector<TextRow>> rows_of(std::string_view json, std::string_view list,
                                           const std::vector<std::string>& keys) {
  const Json root = parse(json);
  const Json* items = find(root, list);
  if (items == nullptr || !items->is_array()) return bad_answer(list);
  std::vector<TextRow> rows;
  for (const Json& item : *items) rows.push_back(row_of(item, keys));
  return rows;
}

base::Result<std::vector<std::pair<std::string, TextRow>>> members_of(
    std::string_view json, std::string_view path, const std::vector<std::string>& keys) {
  const Json root = parse(json);
  const Json* object = find(root, path);
  if (object == nullptr || !object->is_object()) return bad_answer(path);
  std::vector<std::pair<std::string, TextRow>> members;
  for (const auto& [name, value] : object->items()) members.emplace_back(name, row_of(value, keys));
  return members;
}

std::string field_of(std::string_view json, std::string_view path) {
  const Json root = parse(json);
  return to_text(find(root, path));
}

std::vector<std::pair<std::string, std::string>> fields_of(std::string_view json) {
  const Json root = parse(json);
  std::vector<std::pair<std::string, std::string>> fields;
  if (!root.is_object()) return fields;
  for (const auto& [name, value] : root.items()) fields.emplace_back(name, to_text(&value));
  return fields;
}

std::uint64_t to_number(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 10);
}

std::vector<std::string> json_lines_of(std::string_view json, std::string_view list) {
  const Json root = parse(json);
  const Json* items = find(root, list);
  std::vector<std::string> lines;
  if (items == nullptr || !items->is_array()) return lines;
  for (const Json& item : *items) lines.push_back(dump(item));
  return lines;
}

std::string pretty_json(std::string_view json) {
  const Json root = parse(json);
  constexpr int kIndent = 2;
  std::string text = root.is_discarded() ? std::string(json) : dump(root, kIndent);
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

std::string json_object(const std::vector<JsonField>& fields) {
  Json object = Json::object();
  for (const JsonField& field : fields) {
    object[field.key] =
        field.kind == JsonField::Kind::literal ? parse(field.value) : Json(field.value);
  }
  return dump(object);
}

}  // namespace mlguard::cli
