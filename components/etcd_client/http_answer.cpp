#include "http_answer.h"

#include <strings.h>

#include <charconv>

namespace mlguard::etcd_client {

namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<std::size_t> parse_size(std::string_view text) {
  std::size_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

bool parse_header_line(std::string_view line, AnswerHead& head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  if (same_name(name, "Content-Length")) {
    const auto length = parse_size(value);
    if (!length || *length > kAnswerBodyBytesMax) return false;
    head.content_length = *length;
  } else if (same_name(name, "X-Sealed")) {
    head.sealed = value == "1";
  } else if (same_name(name, "X-Original-Size")) {
    head.original_size = parse_size(value);
    if (!head.original_size) return false;
  } else if (same_name(name, "Connection")) {
    head.closes = same_name(value, "close");
  } else if (same_name(name, "Transfer-Encoding")) {
    return false;  // Our servers always say the length; nothing else is taken.
  }
  return true;
}

}  // namespace

std::optional<AnswerHead> parse_answer_head(std::string_view text) {
  AnswerHead head;
  std::size_t end = text.find("\r\n");
  const std::string_view first = text.substr(0, end);
  if (first.size() < 12 || !first.starts_with("HTTP/1.") || first[8] != ' ') return std::nullopt;
  const auto status = parse_size(first.substr(9, 3));
  if (!status || *status < 200 || *status > 599) return std::nullopt;
  head.status = static_cast<int>(*status);
  head.closes = first[7] == '0';
  while (end != std::string_view::npos) {
    text.remove_prefix(end + 2);
    end = text.find("\r\n");
    if (!parse_header_line(text.substr(0, end), head)) return std::nullopt;
  }
  return head;
}

}  // namespace mlguard::etcd_client
