#include "server/query.h"

#include <charconv>

#include "base/time_format.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error invalid(std::string_view name, const std::string& wanted) {
  return Error{ErrorCode::invalid_argument, "invalid_query",
               "the query parameter '" + std::string(name) + "' must be " + wanted};
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    std::optional<std::string> name = percent_decode(part.substr(0, equals));
    std::optional<std::string> value =
        equals == std::string_view::npos ? "" : percent_decode(part.substr(equals + 1));
    if (!name || !value || query.parameters_.size() >= kQueryParametersMax) {
      return Error{ErrorCode::invalid_argument, "invalid_query",
                   "the query is not well formed: name=value&…, percent-encoded, at most " +
                       std::to_string(kQueryParametersMax) + " parameters"};
    }
    query.parameters_.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

std::optional<std::string_view> Query::get(std::string_view name) const {
  for (const auto& [known, value] : parameters_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

Result<std::uint64_t> Query::number(std::string_view name, std::uint64_t otherwise,
                                    std::uint64_t max) const {
  const std::optional<std::string_view> text = get(name);
  if (!text) return otherwise;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || number > max) {
    return invalid(name, "a whole number up to " + std::to_string(max));
  }
  return number;
}

Result<std::int64_t> Query::duration_ms(std::string_view name, std::int64_t otherwise_ms,
                                        std::int64_t max_ms) const {
  const std::optional<std::string_view> text = get(name);
  if (!text) return otherwise_ms;
  Result<std::int64_t> duration = base::parse_duration_ms(*text);
  if (!duration || *duration < 0 || *duration > max_ms) {
    return invalid(name, "a duration like 500ms or 30s, up to " + base::human_duration(max_ms));
  }
  return duration;
}

}  // namespace mlguard::server
