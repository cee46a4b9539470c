// C and C++ source as the tidy checks see it: code without comments and literals, line by line,
// its includes, and where its functions begin and end. Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mlguard::tidy {

// The text with comments, string and character literals (raw strings too) and preprocessor lines
// blanked out by spaces; line breaks stay, so that line numbers hold.
std::string code_only(std::string_view text);

struct Include {
  std::size_t line = 0;  // from 1
  std::string path;
  bool quoted = false;  // "path" rather than <path>
};
// The #include lines that are not inside a comment.
std::vector<Include> includes(std::string_view text);

struct Function {
  std::string head;            // the beginning of its signature, for messages
  std::size_t first_line = 0;  // of the signature, from 1
  std::size_t last_line = 0;   // of the closing brace

  std::size_t lines() const { return last_line - first_line + 1; }
};
// Functions at namespace and class level, in order. Lambdas and local classes belong to the
// function around them.
std::vector<Function> functions(std::string_view text);

std::vector<std::string_view> split_lines(std::string_view text);

}  // namespace mlguard::tidy
