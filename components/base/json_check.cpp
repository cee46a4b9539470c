#include "base/json_check.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>

namespace mlguard::base {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::optional<unsigned> hex_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// Walks the text once. Every step answers nullptr, or why the text is wrong at position at_.
class Checker {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

  Status check() {
    const char* problem = document();
    if (problem == nullptr) return {};
    return Error{ErrorCode::invalid_argument, "invalid_json", place() + problem};
  }

 private:
  using Problem = const char*;
  enum class Expect { value, value_or_end, key_or_end, key, comma_or_end };

  bool at_end() const { return at_ == text_.size(); }
  char here() const { return text_[at_]; }
  bool take(char c) {
    if (at_end() || here() != c) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (!at_end() && is_space(here())) ++at_;
  }

  std::string place() const {
    std::size_t line = 1;
    std::size_t column = 1;
    for (const char c : text_.substr(0, at_)) {
      if (c == '\n') {
        ++line;
        column = 1;
      } else if (!is_continuation(c)) {
        ++column;
      }
    }
    return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
  }

  Problem document();
  Problem step(Expect& expect);
  Problem value(Expect& expect);
  Problem key();
  Problem open(char bracket, Expect& expect);
  Problem close(Expect& expect);
  Problem comma_or_end(Expect& expect);
  Problem literal();
  Problem number();
  Problem string();
  Problem escape();
  Problem unicode_escape();
  std::optional<unsigned> four_hex_digits();
  Problem utf8_character();

  std::string_view text_;
  std::size_t at_ = 0;
  std::array<char, kJsonDepthMax> open_{};  // '{' or '[' of each level
  std::size_t depth_ = 0;
};

Checker::Problem Checker::document() {
  if (text_.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    return "the text begins with a byte order mark; save it as UTF-8 without one";
  }
  Expect expect = Expect::value;
  do {
    skip_space();
    if (const Problem problem = step(expect)) return problem;
  } while (depth_ > 0);
  skip_space();
  return at_end() ? nullptr : "the document is complete here, but more text follows";
}

Checker::Problem Checker::step(Expect& expect) {
  if (at_end() && depth_ == 0) return "the text is empty; a JSON document is expected";
  if (at_end()) {
    return open_[depth_ - 1] == '{' ? "the text ends here, but an object is not closed with '}'"
                                    : "the text ends here, but an array is not closed with ']'";
  }
  if (here() == '/' || here() == '#') return "JSON has no comments; remove it";
  switch (expect) {
    case Expect::value_or_end:
      if (here() == ']') return close(expect);
      return value(expect);
    case Expect::key_or_end:
      if (here() == '}') return close(expect);
      expect = Expect::value;
      return key();
    case Expect::key:
      if (here() == '}') return "a comma stands before '}'; remove it";
      expect = Expect::value;
      return key();
    case Expect::comma_or_end: return comma_or_end(expect);
    case Expect::value: break;
  }
  return value(expect);
}

Checker::Problem Checker::key() {
  if (here() == '\'') return "names are written in double quotes, not single ones";
  if (here() != '"') return "a name in double quotes is expected here";
  if (const Problem problem = string()) return problem;
  skip_space();
  return take(':') ? nullptr : "':' is expected after a name";
}

Checker::Problem Checker::comma_or_end(Expect& expect) {
  const bool in_object = open_[depth_ - 1] == '{';
  if (here() == (in_object ? '}' : ']')) return close(expect);
  if (take(',')) {
    expect = in_object ? Expect::key : Expect::value;
    return nullptr;
  }
  return in_object ? "',' or '}' is expected after a value"
                   : "',' or ']' is expected after a value";
}

Checker::Problem Checker::open(char bracket, Expect& expect) {
  if (depth_ == kJsonDepthMax) return "arrays and objects are nested more than 64 levels deep";
  static_assert(kJsonDepthMax == 64, "the message above names the limit");
  open_[depth_++] = bracket;
  ++at_;
  expect = bracket == '{' ? Expect::key_or_end : Expect::value_or_end;
  return nullptr;
}

Checker::Problem Checker::close(Expect& expect) {
  ++at_;
  --depth_;
  expect = Expect::comma_or_end;
  return nullptr;
}

Checker::Problem Checker::value(Expect& expect) {
  const char c = here();
  if (c == '{' || c == '[') return open(c, expect);
  expect = Expect::comma_or_end;
  if (c == '"') return string();
  if (is_digit(c) || c == '-') return number();
  if (is_letter(c)) return literal();
  if (c == '\'') return "texts are written in double quotes, not single ones";
  if (c == ']' && depth_ > 0) return "a comma stands before ']'; remove it";
  if (c == '+' || c == '.') return "a number begins with a digit or '-'";
  return "a value is expected here";
}

Checker::Problem Checker::literal() {
  for (const std::string_view word : {"true", "false", "null"}) {
    if (text_.substr(at_, word.size()) == word) {
      at_ += word.size();
      return nullptr;
    }
  }
  return "a word in the place of a value must be true, false or null; texts need double quotes";
}

Checker::Problem Checker::number() {
  const std::size_t start = at_;
  take('-');
  if (at_end() || !is_digit(here())) return "a digit is expected after '-'";
  if (take('0')) {
    if (!at_end() && is_digit(here())) return "a number must not begin with a zero";
  }
  while (!at_end() && is_digit(here())) ++at_;
  if (take('.')) {
    if (at_end() || !is_digit(here())) return "a digit is expected after the decimal point";
    while (!at_end() && is_digit(here())) ++at_;
  }
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    if (at_end() || !is_digit(here())) return "a digit is expected in the exponent";
    while (!at_end() && is_digit(here())) ++at_;
  }
  double parsed = 0;
  const auto read = std::from_chars(text_.data() + start, text_.data() + at_, parsed);
  // from_chars reports what is too close to zero the same way; strtod tells them apart.
  if (read.ec == std::errc::result_out_of_range &&
      std::isinf(std::strtod(std::string(text_.substr(start, at_ - start)).c_str(), nullptr))) {
    at_ = start;
    return "the number is too large";
  }
  return nullptr;
}

Checker::Problem Checker::string() {
  const std::size_t start = at_;
  ++at_;
  while (!at_end()) {
    const auto c = static_cast<unsigned char>(here());
    if (c == '"') {
      ++at_;
      return nullptr;
    }
    if (c == '\n') break;
    if (c < 0x20)
      return "a control character stands in a text; write it as \\u and four hex digits";
    Problem problem = nullptr;
    if (c == '\\') {
      problem = escape();
    } else if (c < 0x80) {
      ++at_;
    } else {
      problem = utf8_character();
    }
    if (problem != nullptr) return problem;
  }
  at_ = start;
  return "the text that begins here is not closed with a double quote on its line";
}

Checker::Problem Checker::escape() {
  constexpr std::string_view kSimple = "\"\\/bfnrt";
  ++at_;
  if (at_end()) return "the text ends inside an escape";
  if (here() == 'u') return unicode_escape();
  if (kSimple.find(here()) == std::string_view::npos) {
    return "unknown escape; after a backslash stand \" \\ / b f n r t or u and four hex digits";
  }
  ++at_;
  return nullptr;
}

std::optional<unsigned> Checker::four_hex_digits() {
  unsigned code = 0;
  for (int i = 0; i < 4; ++i) {
    if (at_end()) return std::nullopt;
    const std::optional<unsigned> digit = hex_value(here());
    if (!digit) return std::nullopt;
    code = code * 16 + *digit;
    ++at_;
  }
  return code;
}

Checker::Problem Checker::unicode_escape() {
  constexpr Problem kFourDigits = "four hex digits are expected after \\u";
  constexpr Problem kPair = "a \\u escape of a surrogate pair stands alone";
  ++at_;
  const std::optional<unsigned> code = four_hex_digits();
  if (!code) return kFourDigits;
  if (*code >= 0xdc00 && *code <= 0xdfff) return kPair;
  if (*code < 0xd800 || *code > 0xdbff) return nullptr;
  if (!take('\\') || !take('u')) return kPair;
  const std::optional<unsigned> second = four_hex_digits();
  if (!second) return kFourDigits;
  return *second >= 0xdc00 && *second <= 0xdfff ? nullptr : kPair;
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
Checker::Problem Checker::utf8_character() {
  constexpr Problem kNotUtf8 = "the text is not UTF-8 here; save the file as UTF-8";
  const auto first = static_cast<unsigned char>(here());
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text_.size() - at_ < length) return kNotUtf8;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text_[at_ + i])) return kNotUtf8;
  }
  const auto second = static_cast<unsigned char>(text_[at_ + 1]);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
    return kNotUtf8;
  }
  at_ += length;
  return nullptr;
}

}  // namespace

Status check_json(std::string_view text) { return Checker(text).check(); }

}  // namespace mlguard::base
