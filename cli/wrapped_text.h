// WrappedText: text that comes in pieces, made harmless and wrapped at words for a terminal. Line
// breaks of the text stay; nothing else of it can steer the terminal. Not for sharing between
// threads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mlguard::cli {

class WrappedText {
 public:
  // kNoColumnLimit (output.h): lines are not wrapped.
  explicit WrappedText(std::size_t columns) : columns_(columns) {}

  // What can be printed now: whole words.
  std::string feed(std::string_view text);
  // The rest, and the end of the line.
  std::string finish();

 private:
  void put_word(std::string& out);

  const std::size_t columns_;
  std::string word_;
  std::size_t column_ = 0;
  std::size_t spaces_ = 0;
};

}  // namespace mlguard::cli
