#include "rag/proposed_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace mlguard::rag {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using Json = nlohmann::json;

constexpr std::size_t kTextBytesMax = 200;

std::optional<double> number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

// "… Values: 0 to 1."
std::optional<std::pair<double, double>> range_in(std::string_view text) {
  constexpr std::string_view kValues = "Values: ";
  const std::size_t at = text.rfind(kValues);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view said = text.substr(at + kValues.size());
  if (said.ends_with(".")) said.remove_suffix(1);
  const std::size_t to = said.find(" to ");
  if (to == std::string_view::npos) return std::nullopt;
  const auto min = number(said.substr(0, to));
  const auto max = number(said.substr(to + 4));
  if (!min || !max) return std::nullopt;
  return std::make_pair(*min, *max);
}

std::string number_said(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.15g", value);
  return text.data();
}

Error wrong(const std::string& message) { return {ErrorCode::invalid_argument, message}; }

Result<std::string> number_like(const Json& current, const std::string& typed,
                                bool allows_fraction) {
  const auto value = number(typed);
  if (!value) return wrong("it is a number now, and '" + typed + "' is none");
  // A document may have 1 where 0.9 is as good; the documented range tells.
  const bool fraction = std::floor(*value) != *value;
  if (fraction && current.is_number_integer() && !allows_fraction) {
    return wrong("it is a whole number, and " + typed + " is none");
  }
  return typed;
}

}  // namespace

Result<std::optional<KeyRange>> documented_range(const Index& index, const std::string& component,
                                                 const std::string& path) {
  Filter filter;
  filter.tables = {Table::doc};
  filter.limit = kFindMax;
  filter.path = path;
  const auto found = index.find(filter);
  if (!found.ok()) return found.error();
  for (const Record& key : *found) {
    // "sniffer-dmz" has the keys of "sniffer".
    if (key.component.empty() || !component.starts_with(key.component)) continue;
    const auto range = range_in(key.text);
    if (!range) return std::optional<KeyRange>();
    return std::optional<KeyRange>({range->first, range->second, key});
  }
  return std::optional<KeyRange>();
}

Result<std::string> value_like(const std::string& current, const std::string& typed,
                               const std::optional<KeyRange>& range) {
  if (typed.size() > kTextBytesMax) return wrong("the value is too long to be proposed here");
  const Json now = Json::parse(current, nullptr, false);
  if (now.is_number()) {
    const bool allows_fraction = range && range->max <= 1;
    auto made = number_like(now, typed, allows_fraction);
    if (!made.ok() || !range) return made;
    const double value = number(*made).value_or(0);
    if (value >= range->min && value <= range->max) return made;
    return wrong("it must be from " + number_said(range->min) + " to " + number_said(range->max));
  }
  if (now.is_boolean()) {
    const bool yes = typed == "true" || typed == "on" || typed == "yes" || typed == "enabled";
    const bool no = typed == "false" || typed == "off" || typed == "no" || typed == "disabled";
    if (!yes && !no) return wrong("it is true or false, and '" + typed + "' is neither");
    return std::string(yes ? "true" : "false");
  }
  if (now.is_string()) {
    return Json(typed).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return wrong(
      "it is a list or a group of values, which is better edited as a whole: "
      "ml-guard config edit");
}

std::string shell_quoted(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    constexpr std::string_view kPlain = "._-/:@%+=,";
    return letter || kPlain.find(c) != std::string_view::npos;
  });
  if (plain) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace mlguard::rag
