// JSON answers of the API as rows and fields of text, so that commands need no JSON library of
// their own. Stateless.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mlguard::cli {

using TextRow = std::vector<std::string>;

// The rows of the array `list` in the answer; one text per key, empty where the key is missing or
// null. Text as it is, true and false as "yes" and "no", all else as JSON. A key may be a path
// ("heads.rules"). Error: corrupt / "bad_answer" when there is no such array.
base::Result<std::vector<TextRow>> rows_of(std::string_view json, std::string_view list,
                                           const std::vector<std::string>& keys);

// Members of the object at `path` (empty: the answer itself), in order: name and one text per key.
base::Result<std::vector<std::pair<std::string, TextRow>>> members_of(
    std::string_view json, std::string_view path, const std::vector<std::string>& keys);

// One field of the answer; empty when it is missing.
std::string field_of(std::string_view json, std::string_view path);

// Every field of the object, in its order.
std::vector<std::pair<std::string, std::string>> fields_of(std::string_view json);

// A number as field_of() gives it; 0 when it is missing.
std::uint64_t to_number(const std::string& text);

// Each element of the array `list` as one line of JSON.
std::vector<std::string> json_lines_of(std::string_view json, std::string_view list);

// Two spaces of indentation; the text itself when it is not JSON. Ends in a line break.
std::string pretty_json(std::string_view json);

// {"a": 1} from fields, in their order.
struct JsonField {
  enum class Kind { text, literal };  // literal: number, true, false, array: already JSON
  std::string key;
  std::string value;
  Kind kind = Kind::text;
};
std::string json_object(const std::vector<JsonField>& fields);

}  // namespace mlguard::cli
