#include "cli/json_edit.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/exit_code.h"

namespace mlguard::cli {
namespace {

using base::Error;
using base::ErrorCode;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// One member of an object, or element of an array (then `key` is unused).
struct Child {
  std::string key;
  Span whole;  // From the key (or the value) to the value's end.
  Span value;
};

// Walks over valid JSON without building it. Not recursive: depth costs no stack.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  std::size_t skip_spaces(std::size_t at) const {
    while (at < text_.size() && is_space(text_[at])) ++at;
    return at;
  }

  // The position after the string that begins at `at`.
  std::size_t skip_string(std::size_t at) const {
    for (++at; at < text_.size() && text_[at] != '"'; ++at) {
      if (text_[at] == '\\') ++at;
    }
    return at + 1;
  }

  // The position after the value that begins at `at`.
  std::size_t skip_value(std::size_t at) const {
    std::size_t depth = 0;
    while (at < text_.size()) {
      const char c = text_[at];
      if (c == '"') {
        at = skip_string(at);
        if (depth == 0) return at;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') {
        if (depth == 0) return at;
        ++at;
        if (--depth == 0) return at;
        continue;
      }
      if (depth == 0 && (c == ',' || is_space(c))) return at;
      ++at;
    }
    return at;
  }

  // Members or elements of the container that begins at `at`.
  std::vector<Child> children(std::size_t at) const {
    const bool is_object = text_[at] == '{';
    std::vector<Child> found;
    at = skip_spaces(at + 1);
    while (at < text_.size() && text_[at] != '}' && text_[at] != ']') {
      Child child;
      child.whole.begin = at;
      if (is_object) {
        const std::size_t key_end = skip_string(at);
        child.key = decode_key(text_.substr(at, key_end - at));
        at = skip_spaces(skip_spaces(key_end) + 1);  // over the ':'
      }
      child.value = {at, skip_value(at)};
      child.whole.end = child.value.end;
      at = skip_spaces(child.value.end);
      if (at < text_.size() && text_[at] == ',') at = skip_spaces(at + 1);
      found.push_back(std::move(child));
    }
    return found;
  }

 private:
  static std::string decode_key(std::string_view quoted) {
    const auto parsed = nlohmann::json::parse(quoted, nullptr, /*allow_exceptions=*/false);
    return parsed.is_string() ? parsed.get<std::string>() : std::string(quoted);
  }

  std::string_view text_;
};

std::string describe(const std::vector<std::string>& path, std::size_t steps) {
  std::string text;
  for (std::size_t i = 0; i < steps; ++i) text += (i == 0 ? "" : ".") + path[i];
  return text.empty() ? "the document" : "'" + text + "'";
}

std::optional<std::size_t> parse_index(const std::string& step) {
  constexpr std::size_t kIndexDigitsMax = 9;
  if (step.empty() || step.size() > kIndexDigitsMax) return std::nullopt;
  if (!std::all_of(step.begin(), step.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  return std::stoul(step);
}

// Where the walk along a path ended.
struct Found {
  Span value;             // The deepest value that exists.
  std::size_t steps = 0;  // How many steps lead to it.
};

const Child* child_at(const std::vector<Child>& children, const std::string& step, bool is_object) {
  if (is_object) {
    // The last of equal keys is the one that JSON readers use.
    const auto found = std::find_if(children.rbegin(), children.rend(),
                                    [&](const Child& child) { return child.key == step; });
    return found == children.rend() ? nullptr : &*found;
  }
  const auto index = parse_index(step);
  return index && *index < children.size() ? &children[*index] : nullptr;
}

Found walk(const Walker& walker, std::string_view document, const std::vector<std::string>& path) {
  const std::size_t begin = walker.skip_spaces(0);
  Found found{{begin, walker.skip_value(begin)}, 0};
  while (found.steps < path.size()) {
    const char first = document[found.value.begin];
    if (first != '{' && first != '[') break;
    const auto children = walker.children(found.value.begin);
    const Child* child = child_at(children, path[found.steps], first == '{');
    if (child == nullptr) break;
    found.value = child->value;
    ++found.steps;
  }
  return found;
}

std::string quote(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// {"b":{"c":json}} for the steps that do not exist yet.
std::string wrap_missing(const std::vector<std::string>& path, std::size_t from,
                         std::string_view json) {
  std::string text(json);
  for (std::size_t i = path.size(); i > from; --i) {
    text = "{" + quote(path[i - 1]) + ": " + text + "}";
  }
  return text;
}

// Adds `item` behind the last child, laid out as the children before it are.
std::string append_child(std::string_view document, const Walker& walker, Span container,
                         const std::string& item) {
  const auto children = walker.children(container.begin);
  std::string out;
  if (children.empty()) {
    out = document.substr(0, container.begin + 1);
    out += item;
    out += document.substr(container.end - 1);
    return out;
  }
  const std::size_t first = children.front().whole.begin;
  const std::string_view indent = document.substr(container.begin + 1, first - container.begin - 1);
  const std::size_t end = children.back().whole.end;
  out = document.substr(0, end);
  out += ",";
  out += indent.empty() && children.size() > 1 && is_space(document[children[1].whole.begin - 1])
             ? std::string_view(" ")
             : indent;
  out += item;
  out += document.substr(end);
  return out;
}

}  // namespace

base::Result<std::vector<std::string>> parse_path(std::string_view path) {
  const bool is_pointer = path.starts_with('/');
  const char separator = is_pointer ? '/' : '.';
  std::string_view rest = is_pointer ? path.substr(1) : path;
  std::vector<std::string> steps;
  while (true) {
    const std::size_t end = rest.find(separator);
    std::string step(rest.substr(0, end));
    if (is_pointer) {
      for (std::size_t at = 0; (at = step.find('~', at)) != std::string::npos; ++at) {
        if (step.compare(at, 2, "~1") == 0) {
          step.replace(at, 2, "/");
        } else if (step.compare(at, 2, "~0") == 0) {
          step.replace(at, 2, "~");
        }
      }
    }
    if (step.empty() && !is_pointer) {
      return usage_error("the path '" + std::string(path) +
                         "' has an empty step; write it as detection.threshold");
    }
    steps.push_back(std::move(step));
    if (steps.size() > kPathStepsMax) {
      return usage_error("the path has more than " + std::to_string(kPathStepsMax) + " steps");
    }
    if (end == std::string_view::npos) return steps;
    rest.remove_prefix(end + 1);
  }
}

std::string value_to_json(std::string_view typed) {
  if (nlohmann::json::accept(typed)) return std::string(typed);
  return quote(std::string(typed));
}

base::Result<std::string> get_value(std::string_view document,
                                    const std::vector<std::string>& path) {
  const Walker walker(document);
  const Found found = walk(walker, document, path);
  if (found.steps < path.size()) {
    return Error{ErrorCode::not_found, "no_such_path",
                 describe(path, found.steps) + " has no '" + path[found.steps] + "'"};
  }
  return std::string(document.substr(found.value.begin, found.value.end - found.value.begin));
}

base::Result<std::string> set_value(std::string_view document, const std::vector<std::string>& path,
                                    std::string_view json) {
  const Walker walker(document);
  const Found found = walk(walker, document, path);
  if (found.steps == path.size()) {
    std::string out(document.substr(0, found.value.begin));
    out += json;
    out += document.substr(found.value.end);
    return out;
  }
  const std::string& step = path[found.steps];
  const std::string value = wrap_missing(path, found.steps + 1, json);
  switch (document[found.value.begin]) {
    case '{': return append_child(document, walker, found.value, quote(step) + ": " + value);
    case '[': {
      const std::size_t size = walker.children(found.value.begin).size();
      if (step == "-" || parse_index(step) == size) {
        return append_child(document, walker, found.value, value);
      }
      return Error{ErrorCode::invalid_argument, "bad_path",
                   describe(path, found.steps) + " is an array of " + std::to_string(size) + "; '" +
                       step + "' is not an index in it ('-' appends)"};
    }
    default:
      return Error{ErrorCode::invalid_argument, "bad_path",
                   describe(path, found.steps) + " is neither an object nor an array, so '" + step +
                       "' cannot stand in it"};
  }
}

}  // namespace mlguard::cli
