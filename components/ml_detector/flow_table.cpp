#include "ml_detector/flow_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <system_error>

#include "ml_detector/inputs.h"
#include "ml_detector/packed_file.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::string_view kPacked = ".xz";
constexpr std::string_view kLogFields = "#fields\t";
constexpr std::string_view kLogGlue = "   ";
constexpr const char* kWhatToDo = "; correct the line or take it out, or fetch the file anew";

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

void split_into(std::vector<std::string_view>& cells, std::string_view line,
                std::string_view separator) {
  for (std::size_t from = 0;;) {
    const std::size_t to = line.find(separator, from);
    cells.push_back(line.substr(from, to - from));
    if (to == std::string_view::npos) return;
    from = to + separator.size();
  }
}

// Reads the lines of one table: header first, then rows.
class TableParser {
 public:
  TableParser(const TableSource& source, const std::string& name, std::string_view text)
      : source_(source), name_(name), rest_(text) {
    for (const std::string_view input : source.inputs) places_.push_back(find_input(input).value());
    for (const std::string_view ending : source.endings) {
      const std::size_t end = name.find(ending);
      if (end != std::string::npos) table_.name = name.substr(0, end);
    }
  }

  base::Result<FlowTable> run() {
    if (auto done = read_header(); !done.ok()) return done.error();
    while (!rest_.empty()) {
      ++line_number_;
      const std::string_view line = take_line(rest_);
      if (is_log_ && line.starts_with('#')) continue;
      if (auto done = read_row(line); !done.ok()) return done.error();
    }
    return std::move(table_);
  }

 private:
  Error refused(const std::string& why) const {
    return {ErrorCode::corrupt, name_ + ", line " + std::to_string(line_number_) + ": " + why};
  }

  std::vector<std::string_view> cells_of(std::string_view line) const {
    std::vector<std::string_view> cells;
    if (!is_log_) {
      split_into(cells, line, std::string_view(&source_.separator, 1));
      return cells;
    }
    split_into(cells, line, "\t");
    const std::string_view last = cells.back();
    cells.pop_back();
    split_into(cells, last, kLogGlue);
    return cells;
  }

  base::Status read_header() {
    is_log_ = rest_.starts_with('#');
    std::string_view line;
    do {
      ++line_number_;
      line = take_line(rest_);
    } while (is_log_ && !line.starts_with(kLogFields) && !rest_.empty());
    if (is_log_ && line.starts_with(kLogFields)) line.remove_prefix(kLogFields.size());
    const std::vector<std::string_view> cells = cells_of(line);
    cells_ = cells.size();
    std::string missing;
    for (const std::string_view column : source_.columns) {
      const auto found = std::find(cells.begin(), cells.end(), column);
      columns_.push_back(static_cast<std::size_t>(found - cells.begin()));
      if (found == cells.end()) missing += " " + std::string(column);
    }
    if (missing.empty()) return {};
    return refused("no table of " + std::string(source_.name) + ", it lacks the columns" + missing);
  }

  base::Status read_row(std::string_view line) {
    const std::vector<std::string_view> cells = cells_of(line);
    if (cells.size() != cells_) {
      return refused(std::to_string(cells.size()) + " columns, the header has " +
                     std::to_string(cells_) + kWhatToDo);
    }
    std::vector<std::string_view> chosen;
    for (const std::size_t column : columns_) chosen.push_back(cells[column]);
    TableRow row(source_.columns, std::move(chosen));
    const TableReading reading = source_.read(row);
    if (!row.refusal().empty()) return refused(row.refusal() + kWhatToDo);
    if (reading.label == TableLabel::unknown) ++table_.unknown;
    if (reading.label == TableLabel::no_packets) ++table_.no_packets;
    if (reading.label != TableLabel::benign && reading.label != TableLabel::malicious) return {};
    if (table_.flows() == kTableRowsMax) {
      return Error{ErrorCode::too_large,
                   name_ + ": over " + std::to_string(kTableRowsMax) + " flows; split the file"};
    }
    append(reading);
    return {};
  }

  void append(const TableReading& reading) {
    const InputRow inputs = inputs_of(reading.record);
    for (const std::size_t place : places_) table_.values.push_back(inputs[place]);
    const auto own = reading.own.begin();
    table_.values.insert(table_.values.end(), own,
                         own + static_cast<std::ptrdiff_t>(source_.own.size()));
    table_.malicious.push_back(reading.label == TableLabel::malicious ? 1 : 0);
  }

  const TableSource& source_;
  const std::string& name_;
  std::string_view rest_;
  bool is_log_ = false;
  std::size_t line_number_ = 0;
  std::size_t cells_ = 0;             // in every line
  std::vector<std::size_t> columns_;  // by column of the source: its cell
  std::vector<std::size_t> places_;   // by input of the source: its place among all inputs
  FlowTable table_;
};

bool is_table_of(const TableSource& source, std::string_view name) {
  if (name.ends_with(kPacked)) name.remove_suffix(kPacked.size());
  return std::any_of(source.endings.begin(), source.endings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace

double TableRow::number(std::size_t column, double most) {
  const std::string_view cell = cells_[column];
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size()) {
    refuse(column, "is no number");
    return 0;
  }
  if (value >= 0 && value <= most) return value;
  refuse(column, "is absurd");
  return 0;
}

double TableRow::count(std::size_t column, double most) {
  const double value = number(column, most);
  if (value == std::floor(value)) return value;
  refuse(column, "is not whole");
  return 0;
}

void TableRow::refuse(std::size_t column, const std::string& why) {
  constexpr std::size_t kShownBytesMax = 40;
  if (!refusal_.empty()) return;
  refusal_ = std::string(columns_[column]) + " " + why + ": \"" +
             std::string(cells_[column].substr(0, kShownBytesMax)) + "\"";
}

std::size_t FlowTable::malicious_flows() const {
  return static_cast<std::size_t>(std::count(malicious.begin(), malicious.end(), 1));
}

base::Result<FlowTable> parse_table(const TableSource& source, const std::string& name,
                                    std::string_view text) {
  return TableParser(source, name, text).run();
}

base::Result<FlowTable> read_table(const TableSource& source, const std::string& path) {
  const auto text = read_packed_file(path, kFlowTableBytesMax);
  if (!text.ok()) return text.error();
  return parse_table(source, std::filesystem::path(path).filename().string(), *text);
}

base::Result<std::vector<FlowTable>> read_tables(const TableSource& source,
                                                 const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (is_table_of(source, at->path().string())) paths.push_back(at->path().string());
  }
  if (paths.empty()) {
    return Error{ErrorCode::not_found, "data_absent",
                 folder + ": there are no tables of " + std::string(source.name)};
  }
  if (paths.size() > kTablesMax) {
    return Error{ErrorCode::too_large,
                 folder + ": over " + std::to_string(kTablesMax) + " tables; leave some out"};
  }
  std::sort(paths.begin(), paths.end());
  std::vector<FlowTable> tables;
  for (const std::string& path : paths) {
    auto table = read_table(source, path);
    if (!table.ok()) return table.error();
    tables.push_back(std::move(*table));
  }
  return tables;
}

}  // namespace mlguard::ml_detector
