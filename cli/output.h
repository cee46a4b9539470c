// What people read: tables that fit 80 columns, colours that only ever add to words, times beside
// their ages. Text from the network is made harmless here: control characters never reach a
// terminal from a table. Stateless but for Table, which is plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::cli {

enum class OutputMode { table, json, raw };
enum class ColorChoice { automatic, always, never };
enum class Color { off, on };
enum class Tone { plain, good, warning, bad, faint, strong };

base::Result<OutputMode> parse_output_mode(std::string_view text);
base::Result<ColorChoice> parse_color_choice(std::string_view text);

std::string paint(std::string_view text, Tone tone, Color color);
// healthy, ok, active: good; late, degraded, starting: warning; stale, dead, revoked: bad.
Tone tone_of_word(std::string_view word);

// Control characters become "\n", "\x1b" and so on; broken UTF-8 becomes '?'.
std::string harmless(std::string_view text);
// Columns that the text takes on a terminal, one per code point.
std::size_t display_width(std::string_view text);

struct Cell {
  Cell(std::string text_in, Tone tone_in = Tone::plain)  // NOLINT(google-explicit-constructor)
      : text(std::move(text_in)), tone(tone_in) {}
  std::string text;
  Tone tone;
};

struct Column {
  enum class Fit { whole, shrinks };  // shrinks: cut when the terminal is too narrow
  enum class Side { left, right };
  enum class Where { everywhere, table_only };  // table_only: said in other words elsewhere (age)
  std::string header;
  Fit fit = Fit::whole;
  Side side = Side::left;
  Where where = Where::everywhere;
};

inline constexpr std::size_t kNoColumnLimit = 0;

// Columns by what is in them.
Column text_column(std::string header);
Column shrinking_column(std::string header);
Column number_column(std::string header);
Column age_column(std::string header);

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // REQUIRES: as many cells as columns.
  void add_row(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  // Rows that come later (--follow) line up with those before: `widths` holds each column's widest
  // cell so far, and is widened by this table's.
  void line_up(std::vector<std::size_t>& widths);

  // With a header, columns two spaces apart; shrinking columns are cut with ".." so that no line
  // is wider than `columns_max`.
  std::string render(std::size_t columns_max, Color color) const;
  // One row a line, tab between cells, no header, nothing cut.
  std::string render_raw() const;
  std::string render_header(std::size_t columns_max, Color color) const;
  std::string render_rows(std::size_t columns_max, Color color) const;

 private:
  std::vector<std::size_t> widths(std::size_t columns_max) const;
  std::string render_line(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths,
                          Color color) const;

  std::size_t natural_width(std::size_t column) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::size_t> least_widths_;
};

// "2026-11-23T23:05:28Z" (or with .123) as milliseconds; 0 for empty text and for what is no time.
std::int64_t parse_iso_ms(std::string_view text);
// Without the fraction of a second, for tables.
std::string short_time(std::string_view iso);
// "3 s ago", "in 4 h", "now", "never".
std::string age(std::int64_t at_ms, std::int64_t now_ms);
std::string age(std::string_view iso, std::int64_t now_ms);

// "4.0 KiB", "37 B".
std::string human_bytes(std::uint64_t bytes);
// 12345678 as "12,345,678".
std::string grouped(std::uint64_t number);
std::string plural(std::uint64_t count, std::string_view one, std::string_view many);

}  // namespace mlguard::cli
