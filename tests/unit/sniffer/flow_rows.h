// The flow tables that `sniffer --flows FILE.csv` writes, as rows of named cells, for tests that
// compare two of them. Plain data and functions.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace mlguard::sniffer {

struct FlowRows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  const std::string& cell(std::size_t row, const std::string& column) const;
  // NaN where the cell is empty.
  double number(std::size_t row, const std::string& column) const;
};

FlowRows read_flow_rows(const std::string& path);

// Both ends, protocol, part, and the how manieth of these by time: names a row.
using FlowName = std::tuple<std::string, int>;
std::map<FlowName, std::size_t> rows_by_name(const FlowRows& table);

}  // namespace mlguard::sniffer
