#include "unit/sniffer/flow_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>

#include "support/temp_dir.h"

namespace mlguard::sniffer {
namespace {

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::string cell;
  for (const char c : line) {
    if (c == ',') {
      cells.push_back(cell);
      cell.clear();
    } else {
      cell += c;
    }
  }
  cells.push_back(cell);
  return cells;
}

}  // namespace

const std::string& FlowRows::cell(std::size_t row, const std::string& column) const {
  const auto at = std::find(columns.begin(), columns.end(), column);
  return rows.at(row).at(static_cast<std::size_t>(at - columns.begin()));
}

double FlowRows::number(std::size_t row, const std::string& column) const {
  const std::string& text = cell(row, column);
  return text.empty() ? std::numeric_limits<double>::quiet_NaN() : std::stod(text);
}

FlowRows read_flow_rows(const std::string& path) {
  FlowRows table;
  std::istringstream lines(support::read_text(path));
  std::string line;
  if (std::getline(lines, line)) table.columns = split(line);
  while (std::getline(lines, line)) table.rows.push_back(split(line));
  return table;
}

std::map<FlowName, std::size_t> rows_by_name(const FlowRows& table) {
  std::vector<std::size_t> order(table.rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::stoull(table.cell(a, "first_ns")) < std::stoull(table.cell(b, "first_ns"));
  });
  std::map<std::string, int> seen;
  std::map<FlowName, std::size_t> names;
  for (const std::size_t row : order) {
    std::string ends;
    for (const char* column :
         {"source", "destination", "source_port", "destination_port", "protocol", "part"}) {
      ends += table.cell(row, column) + " ";
    }
    names[{ends, seen[ends]++}] = row;
  }
  return names;
}

}  // namespace mlguard::sniffer
