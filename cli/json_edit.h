// Changing one value in a JSON text and leaving every other byte as it was: no reformatting, no
// reordering, no number rewritten. What `ml-guard config set` stands on. Stateless.
//
// A path is dotted ("detection.threshold", "servers.0.port") or, when it begins with '/', a JSON
// pointer (RFC 6901: "/detection/threshold", "~1" for '/', "~0" for '~').
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::cli {

inline constexpr std::size_t kPathStepsMax = 64;

// The steps of a path. Error: usage, for an empty path or step.
base::Result<std::vector<std::string>> parse_path(std::string_view path);

// What was typed, as JSON: itself when it is valid JSON, else a JSON string of it.
std::string value_to_json(std::string_view typed);

// The text of the value at `path`. not_found / "no_such_path", naming the step that is missing.
// REQUIRES for both: `document` is valid JSON.
base::Result<std::string> get_value(std::string_view document,
                                    const std::vector<std::string>& path);

// The document with the value at `path` replaced by `json`, or added: missing objects on the way
// are made, and "-" or the next index appends to an array. invalid_argument / "bad_path" where the
// path leads through a value that is neither object nor array, or past an array's end.
base::Result<std::string> set_value(std::string_view document, const std::vector<std::string>& path,
                                    std::string_view json);

}  // namespace mlguard::cli
