// Tells whether a text is one JSON document (RFC 8259), and if not, where and why, in words for the
// person who typed it. Iterative: a deeply nested document cannot overflow the stack, here or in
// whoever parses it after this check. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace mlguard::base {

inline constexpr std::size_t kJsonDepthMax = 64;  // arrays and objects inside each other

// Error: invalid_argument / "invalid_json", "line 3, column 7: …" (both count from 1, columns in
// characters). Never repeats more of the text than one character: it may hold secrets.
// Accepts exactly what strict parsers do: UTF-8 without byte order mark, no comments, no trailing
// commas, numbers that a double can hold, at most kJsonDepthMax levels.
Status check_json(std::string_view text);

}  // namespace mlguard::base
