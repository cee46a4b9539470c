// The rules of the house that a machine can check: which folder may include which (design.md
// section 2), sizes, and the form of headers. Each check takes one file's text and its path
// relative to the repository's root. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mlguard::tidy {

inline constexpr std::size_t kFileLinesMax = 500;
inline constexpr std::size_t kFunctionLinesMax = 70;
inline constexpr std::size_t kLineColumnsMax = 100;

struct Violation {
  std::string path;
  std::size_t line = 0;  // 0: the whole file
  std::string what;

  std::string text() const { return path + ":" + std::to_string(line) + ": " + what; }
};
using Violations = std::vector<Violation>;

// Paths of all our source files, to tell which includes are ours.
using Tree = std::set<std::string>;

Violations check_dependencies(const std::string& path, std::string_view text, const Tree& tree);
Violations check_sizes(const std::string& path, std::string_view text);
// Headers: an opening comment, #pragma once (or a guard), no third-party header.
Violations check_header(const std::string& path, std::string_view text);
// Any text file: no white space at the ends of lines, no unfinished-work marks, a last line break.
Violations check_text(const std::string& path, std::string_view text);
// Tests: nothing disabled, and a skip only where the reason stands in its own message.
Violations check_tests(const std::string& path, std::string_view text);

bool is_source(const std::string& path);  // .h .hpp .c .cpp
bool is_header(const std::string& path);

// All of the above that apply to the file.
Violations check_file(const std::string& path, std::string_view text, const Tree& tree);

}  // namespace mlguard::tidy
