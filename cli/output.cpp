#include "cli/output.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>
#include <ctime>
#include <limits>
#include <unordered_map>

#include "base/time_format.h"
#include "cli/exit_code.h"

namespace mlguard::cli {
namespace {

constexpr std::int64_t kMsPerSecond = 1'000;

const char* escape_code(Tone tone) {
  switch (tone) {
    case Tone::good: return "\x1b[32m";
    case Tone::warning: return "\x1b[33m";
    case Tone::bad: return "\x1b[31m";
    case Tone::faint: return "\x1b[2m";
    case Tone::strong: return "\x1b[1m";
    case Tone::plain: break;
  }
  return "";
}

// Length of the well-formed UTF-8 sequence at the front of `text`; 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  std::size_t length = 0;
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) length = 2;
  if (lead >= 0xE0 && lead <= 0xEF) length = 3;
  if (lead >= 0xF0 && lead <= 0xF4) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) return 0;
  }
  // C1 control characters steer terminals as ESC does.
  if (lead == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0) return 0;
  return length;
}

std::string escape_control(char c) {
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  if (c == '\r') return "\\r";
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\x%02x", static_cast<unsigned char>(c));
  return text.data();
}

}  // namespace

base::Result<OutputMode> parse_output_mode(std::string_view text) {
  if (text == "table") return OutputMode::table;
  if (text == "json") return OutputMode::json;
  if (text == "raw") return OutputMode::raw;
  return usage_error("the output '" + std::string(text) + "' is not one of table, json, raw");
}

base::Result<ColorChoice> parse_color_choice(std::string_view text) {
  if (text == "auto") return ColorChoice::automatic;
  if (text == "always") return ColorChoice::always;
  if (text == "never") return ColorChoice::never;
  return usage_error("the color '" + std::string(text) + "' is not one of auto, always, never");
}

std::string paint(std::string_view text, Tone tone, Color color) {
  if (color == Color::off || tone == Tone::plain || text.empty()) return std::string(text);
  return escape_code(tone) + std::string(text) + "\x1b[0m";
}

Tone tone_of_word(std::string_view word) {
  static const std::unordered_map<std::string_view, Tone> tones = {
      {"healthy", Tone::good},     {"ok", Tone::good},           {"active", Tone::good},
      {"leader", Tone::good},      {"announced", Tone::warning}, {"retiring", Tone::faint},
      {"usable", Tone::good},      {"late", Tone::warning},      {"degraded", Tone::warning},
      {"starting", Tone::warning}, {"used", Tone::faint},        {"stale", Tone::bad},
      {"dead", Tone::bad},         {"expired", Tone::faint},     {"revoked", Tone::bad},
      {"drop", Tone::bad},         {"allow", Tone::good}};
  const auto found = tones.find(word);
  return found == tones.end() ? Tone::plain : found->second;
}

std::string harmless(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out += '?';
    } else if (first < 0x20 || first == 0x7F) {
      out += escape_control(text[0]);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++width;
  }
  return width;
}

namespace {

// The first `width` columns of the text, the last two of them ".." when something is missing.
std::string cut(const std::string& text, std::size_t width) {
  if (display_width(text) <= width) return text;
  const std::size_t keep = width > 2 ? width - 2 : 0;
  std::string out;
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size() && columns < keep; ++columns) {
    std::size_t length = utf8_length(std::string_view(text).substr(at));
    if (length == 0) length = 1;
    out += text.substr(at, length);
    at += length;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out + std::string(std::min<std::size_t>(2, width), '.');
}

constexpr std::size_t kColumnGap = 2;
constexpr std::size_t kShrunkColumnMin = 8;
constexpr std::size_t kDropped = std::numeric_limits<std::size_t>::max();  // as a column's width

}  // namespace

Column text_column(std::string header) { return {std::move(header)}; }
Column shrinking_column(std::string header) { return {std::move(header), Column::Fit::shrinks}; }
Column number_column(std::string header) {
  return {std::move(header), Column::Fit::whole, Column::Side::right};
}
Column age_column(std::string header) {
  return {std::move(header), Column::Fit::whole, Column::Side::left, Column::Where::table_only};
}

Column spare_age_column(std::string header) {
  return {std::move(header), Column::Fit::drops, Column::Side::left, Column::Where::table_only};
}

void Table::add_row(std::vector<Cell> cells) {
  assert(cells.size() == columns_.size());
  for (Cell& cell : cells) cell.text = harmless(cell.text);
  rows_.push_back(std::move(cells));
}

std::size_t Table::natural_width(std::size_t column) const {
  std::size_t width = display_width(columns_[column].header);
  for (const auto& row : rows_) width = std::max(width, display_width(row[column].text));
  return least_widths_.empty() ? width : std::max(width, least_widths_[column]);
}

void Table::line_up(std::vector<std::size_t>& widths) {
  least_widths_ = widths;
  widths.clear();
  for (std::size_t i = 0; i < columns_.size(); ++i) widths.push_back(natural_width(i));
}

std::vector<std::size_t> Table::widths(std::size_t columns_max) const {
  std::vector<std::size_t> widths;
  std::size_t total = columns_.empty() ? 0 : (columns_.size() - 1) * kColumnGap;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(natural_width(i));
    total += widths.back();
  }
  if (columns_max == kNoColumnLimit) return widths;
  for (std::size_t i = columns_.size(); i-- > 0 && total > columns_max;) {
    if (columns_[i].fit != Column::Fit::drops) continue;
    total -= widths[i] + kColumnGap;
    widths[i] = kDropped;
  }
  // The last of the shrinking columns gives first: the most important ones stand on the left.
  for (std::size_t i = columns_.size(); i-- > 0 && total > columns_max;) {
    if (columns_[i].fit != Column::Fit::shrinks) continue;
    const std::size_t least =
        std::min(widths[i], std::max(kShrunkColumnMin, display_width(columns_[i].header)));
    const std::size_t given = std::min(total - columns_max, widths[i] - least);
    widths[i] -= given;
    total -= given;
  }
  return widths;
}

std::string Table::render_line(const std::vector<Cell>& cells,
                               const std::vector<std::size_t>& widths, Color color) const {
  std::string line;
  std::size_t owed_spaces = 0;  // Written only before more text: no line ends in spaces.
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (widths[i] == kDropped) continue;
    const std::string text = cut(cells[i].text, widths[i]);
    const std::size_t padding = widths[i] - std::min(widths[i], display_width(text));
    const bool right = columns_[i].side == Column::Side::right;
    if (right) owed_spaces += padding;
    if (!text.empty()) {
      line.append(owed_spaces, ' ');
      owed_spaces = 0;
      line += paint(text, cells[i].tone, color);
    }
    owed_spaces += (right ? 0 : padding) + kColumnGap;
  }
  return line + "\n";
}

std::string Table::render_header(std::size_t columns_max, Color color) const {
  std::vector<Cell> header;
  for (const Column& column : columns_) header.emplace_back(column.header, Tone::faint);
  return render_line(header, widths(columns_max), color);
}

std::string Table::render(std::size_t columns_max, Color color) const {
  return render_header(columns_max, color) + render_rows(columns_max, color);
}

std::string Table::render_rows(std::size_t columns_max, Color color) const {
  const auto fitted = widths(columns_max);
  std::string out;
  for (const auto& row : rows_) out += render_line(row, fitted, color);
  return out;
}

std::string Table::render_raw() const {
  std::string out;
  for (const auto& row : rows_) {
    bool first = true;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (columns_[i].where == Column::Where::table_only) continue;
      if (!first) out += '\t';
      first = false;
      out += row[i].text;
    }
    out += '\n';
  }
  return out;
}

std::int64_t parse_iso_ms(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return 0;
  std::int64_t ms = 0;
  if (*rest == '.') {
    std::int64_t scale = 100;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, scale /= 10) ms += (*rest - '0') * scale;
  }
  return static_cast<std::int64_t>(timegm(&parts)) * kMsPerSecond + ms;
}

std::string short_time(std::string_view iso) {
  const std::size_t dot = iso.find('.');
  if (dot == std::string_view::npos) return std::string(iso);
  return std::string(iso.substr(0, dot)) + "Z";
}

std::string age(std::int64_t at_ms, std::int64_t now_ms) {
  if (at_ms == 0) return "never";
  const std::int64_t passed = now_ms - at_ms;
  // Clocks of two machines differ by a little: that is "now", not "in 20 ms".
  if (passed > -kMsPerSecond && passed < kMsPerSecond) return "now";
  if (passed > 0) return base::human_duration(passed) + " ago";
  // What was set to a minute a moment ago is "in 60 s", not "in 59 s".
  return "in " + base::human_duration(-passed + kMsPerSecond - 1);
}

std::string age(std::string_view iso, std::int64_t now_ms) {
  return age(parse_iso_ms(iso), now_ms);
}

std::string age_cell(std::int64_t at_ms, std::int64_t now_ms) {
  static constexpr std::string_view kAgo = " ago";
  std::string text = age(at_ms, now_ms);
  if (text.ends_with(kAgo)) text.resize(text.size() - kAgo.size());
  return text;
}

std::string age_cell(std::string_view iso, std::int64_t now_ms) {
  return age_cell(parse_iso_ms(iso), now_ms);
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr double kStep = 1024.0;
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= kStep && unit + 1 < kUnits.size(); ++unit) value /= kStep;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string grouped(std::uint64_t number) {
  constexpr std::size_t kGroupDigits = 3;
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > kGroupDigits;) {
    at -= kGroupDigits;
    digits.insert(at, ",");
  }
  return digits;
}

std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
  return grouped(count) + " " + std::string(count == 1 ? one : many);
}

}  // namespace mlguard::cli
