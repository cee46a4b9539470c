#include "tidy/source_text.h"

#include <algorithm>
#include <cctype>

namespace mlguard::tidy {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// Blanks out, one construct at a time. Comments go first and directives last, because a directive
// line can only be told once the comments around it are gone.
class Blanker {
 public:
  explicit Blanker(std::string_view text) : text_(text), out_(text) {}

  std::string literals_and_comments_blanked() {
    while (at_ < text_.size()) step();
    return out_;
  }
  std::string comments_blanked() {
    keep_literals_ = true;
    return literals_and_comments_blanked();
  }

 private:
  void step() {
    if (starts("//")) return blank_to(line_end(), false);
    if (starts("/*")) return blank_to(after("*/", at_ + 2), false);
    if (text_[at_] == '"') {
      if (at_ > 0 && text_[at_ - 1] == 'R') return raw_string();
      return quoted('"');
    }
    // A quote between digits is a separator (1'000'000), not a character.
    if (text_[at_] == '\'' && (at_ == 0 || !is_word(text_[at_ - 1]))) return quoted('\'');
    ++at_;
  }

  bool starts(std::string_view what) const { return text_.substr(at_, what.size()) == what; }

  std::size_t after(std::string_view what, std::size_t from) const {
    const std::size_t found = text_.find(what, from);
    return found == std::string_view::npos ? text_.size() : found + what.size();
  }

  // A line comment goes on over an escaped line break.
  std::size_t line_end() const {
    std::size_t end = text_.find('\n', at_);
    while (end != std::string_view::npos && end > 0 && text_[end - 1] == '\\') {
      end = text_.find('\n', end + 1);
    }
    return end == std::string_view::npos ? text_.size() : end;
  }

  void quoted(char quote) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
      end += text_[end] == '\\' ? 2u : 1u;
    }
    blank_to(std::min(end + 1, text_.size()), true);
  }

  void raw_string() {
    const std::size_t open = text_.find('(', at_);
    if (open == std::string_view::npos) return quoted('"');
    const std::string close = ")" + std::string(text_.substr(at_ + 1, open - at_ - 1)) + "\"";
    blank_to(after(close, open), true);
  }

  void blank_to(std::size_t end, bool literal) {
    for (; at_ < end; ++at_) {
      if (out_[at_] != '\n' && !(literal && keep_literals_)) out_[at_] = ' ';
    }
  }

  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
  bool keep_literals_ = false;
};

std::string without_directives(std::string code) {
  std::size_t begin = 0;
  while (begin < code.size()) {
    std::size_t first = begin;
    while (first < code.size() && (code[first] == ' ' || code[first] == '\t')) ++first;
    const bool directive = first < code.size() && code[first] == '#';
    std::size_t end = std::min(code.find('\n', begin), code.size());
    while (directive && end > 0 && end < code.size() && code[end - 1] == '\\') {
      end = std::min(code.find('\n', end + 1), code.size());
    }
    for (std::size_t i = begin; directive && i < end; ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
    begin = end + 1;
  }
  return code;
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

// What stands behind the last parenthesis that is closed at the outermost level.
struct HeadShape {
  bool has_parentheses = false;
  std::string behind;
  bool has_initialisers = false;  // "…) : member(…)"
};

HeadShape shape_of(const std::string& head) {
  HeadShape shape;
  int depth = 0;
  std::size_t last_close = std::string::npos;
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '(') ++depth;
    if (head[i] == ')' && --depth == 0) last_close = i;
    const bool single_colon = head[i] == ':' && (i + 1 == head.size() || head[i + 1] != ':') &&
                              (i == 0 || head[i - 1] != ':');
    if (single_colon && depth == 0 && last_close != std::string::npos) {
      shape.has_initialisers = true;
    }
  }
  shape.has_parentheses = last_close != std::string::npos;
  if (shape.has_parentheses) shape.behind = trimmed(head.substr(last_close + 1));
  return shape;
}

// "const", "noexcept override", "-> Type", "&&", "requires X": what may follow a parameter list.
bool only_specifiers(const std::string& behind) {
  static const std::vector<std::string> known = {
      "const", "noexcept", "override", "final", "volatile", "try", "mutable", "&", "&&"};
  if (behind.rfind("->", 0) == 0 || behind.rfind("requires", 0) == 0) return true;
  std::size_t at = 0;
  while (at < behind.size()) {
    const std::size_t end = std::min(behind.find_first_of(" \n\t", at), behind.size());
    const std::string word = behind.substr(at, end - at);
    if (!word.empty() && std::find(known.begin(), known.end(), word) == known.end()) return false;
    at = end + 1;
  }
  return true;
}

enum class Brace { scope, function, initialiser };

Brace kind_of(const std::string& head) {
  const HeadShape shape = shape_of(head);
  if (shape.has_parentheses && shape.has_initialisers) {
    // In `Foo() : a_{1}, b_(2) {` only a brace behind ')' or '}' opens the body.
    const char last = head.back();
    const bool body = last == ')' || last == '}' || only_specifiers(shape.behind);
    return body ? Brace::function : Brace::initialiser;
  }
  if (shape.has_parentheses && only_specifiers(shape.behind)) return Brace::function;
  for (const std::string_view word : {"namespace", "class", "struct", "union", "enum", "extern"}) {
    for (std::size_t at = head.find(word); at != std::string::npos; at = head.find(word, at + 1)) {
      const std::size_t end = at + word.size();
      const bool begins = at == 0 || !is_word(head[at - 1]);
      if (begins && (end == head.size() || !is_word(head[end]))) return Brace::scope;
    }
  }
  return Brace::initialiser;
}

// Walks the code at namespace and class level and jumps over bodies.
class FunctionFinder {
 public:
  explicit FunctionFinder(std::string code) : code_(std::move(code)) {}

  std::vector<Function> find() {
    while (at_ < code_.size()) step();
    return std::move(found_);
  }

 private:
  void step() {
    const char c = code_[at_];
    if (c == '\n') ++line_;
    if (c == '(') ++parentheses_;
    if (c == ')') --parentheses_;
    if (parentheses_ <= 0 && (c == ';' || c == '}')) {
      parentheses_ = 0;
      forget_head();
    } else if (c == '{') {
      return open_brace();
    } else {
      append(c);
    }
    ++at_;
  }

  void append(char c) {
    if (head_.empty() && is_space(c)) return;
    if (head_.empty()) head_line_ = line_;
    head_ += is_space(c) ? ' ' : c;
    // "public:" and the like begin nothing.
    const std::string label = trimmed(head_);
    if (label == "public:" || label == "private:" || label == "protected:") forget_head();
  }

  void open_brace() {
    const std::string head = trimmed(head_);
    const Brace kind = parentheses_ > 0 ? Brace::initialiser : kind_of(head);
    const std::size_t first_line = head.empty() ? line_ : head_line_;
    if (kind == Brace::scope) {
      forget_head();
      ++at_;
      return;
    }
    skip_body();
    if (kind == Brace::function) {
      constexpr std::size_t kHeadCharsShown = 60;
      found_.push_back({head.substr(0, kHeadCharsShown), first_line, line_});
      forget_head();
    } else {
      head_ += "{}";
    }
  }

  // From '{' to behind its '}'.
  void skip_body() {
    int depth = 0;
    for (; at_ < code_.size(); ++at_) {
      if (code_[at_] == '\n') ++line_;
      if (code_[at_] == '{') ++depth;
      if (code_[at_] == '}' && --depth == 0) break;
    }
    ++at_;
  }

  void forget_head() { head_.clear(); }

  std::string code_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  int parentheses_ = 0;
  std::string head_;
  std::size_t head_line_ = 1;
  std::vector<Function> found_;
};

}  // namespace

std::string code_only(std::string_view text) {
  return without_directives(Blanker(text).literals_and_comments_blanked());
}

std::vector<Include> includes(std::string_view text) {
  const std::string code = Blanker(text).comments_blanked();
  std::vector<Include> result;
  std::size_t number = 0;
  for (const std::string_view line : split_lines(code)) {
    ++number;
    const std::string directive = trimmed(line);
    if (directive.rfind('#', 0) != 0) continue;
    const std::string rest = trimmed(directive.substr(1));
    if (rest.rfind("include", 0) != 0) continue;
    const std::size_t open = rest.find_first_of("\"<");
    if (open == std::string::npos) continue;
    const bool quoted = rest[open] == '"';
    const std::size_t close = rest.find(quoted ? '"' : '>', open + 1);
    if (close == std::string::npos) continue;
    result.push_back({number, rest.substr(open + 1, close - open - 1), quoted});
  }
  return result;
}

std::vector<Function> functions(std::string_view text) {
  return FunctionFinder(code_only(text)).find();
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace mlguard::tidy
