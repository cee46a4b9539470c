#include "cli/wrapped_text.h"

#include "cli/output.h"

namespace mlguard::cli {

void WrappedText::put_word(std::string& out) {
  if (word_.empty()) return;
  const std::string text = harmless(word_);
  word_.clear();
  const std::size_t width = display_width(text);
  if (columns_ != kNoColumnLimit && column_ > 0 && column_ + spaces_ + width > columns_) {
    out += '\n';
    column_ = 0;
    spaces_ = 0;
  }
  out.append(spaces_, ' ');
  out += text;
  column_ += spaces_ + width;
  spaces_ = 0;
}

std::string WrappedText::feed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\t') {
      word_ += c;
      continue;
    }
    put_word(out);
    if (c == '\n') {
      out += '\n';
      column_ = spaces_ = 0;
    } else {
      ++spaces_;
    }
  }
  return out;
}

std::string WrappedText::finish() {
  std::string out;
  put_word(out);
  if (column_ > 0) out += '\n';
  column_ = spaces_ = 0;
  return out;
}

}  // namespace mlguard::cli
