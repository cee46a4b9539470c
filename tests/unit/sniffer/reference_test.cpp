// `sniffer --pcap` beside an independent reference (plain_flows.h), on real traffic: every capture
// under MLGUARD_SHARED_DIR, every packet, every flow, every feature.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "plain_flows.h"
#include "support/process.h"
#include "unit/sniffer/captures.h"

namespace mlguard::plain {
namespace {

namespace fs = std::filesystem;
using sniffer::captures_under;
using sniffer::end_to_end_captures;
using sniffer::given_captures;

constexpr double kDerivedError = 1e-9;
// Of what may be a difference of two numbers that are nearly equal.
constexpr double kFadedError = 1e-6;
// Four standard errors of the sketch (components/flow/sliding_sketch.h).
constexpr double kEstimateError = 4 * 0.023;
constexpr std::size_t kDifferencesTold = 5;

#ifdef MLGUARD_SANITIZED
constexpr std::size_t kEveryWhich = 20;
#else
constexpr std::size_t kEveryWhich = 1;
#endif

using Row = std::map<std::string, std::string>;  // by column

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',') cells.emplace_back();
    if (c != ',') cells.back().push_back(c);
  }
  return cells;
}

std::vector<Row> rows_of(const std::string& csv) {
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> columns = cells_of(line);
  std::vector<Row> rows;
  while (std::getline(lines, line)) {
    const std::vector<std::string> cells = cells_of(line);
    EXPECT_EQ(cells.size(), columns.size()) << line;
    Row row;
    for (std::size_t i = 0; i < std::min(cells.size(), columns.size()); ++i) {
      row[columns[i]] = cells[i];
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// Flows that are closed at the same time are told in an order that the reference does not know.
std::string order_of(const Row& row) {
  std::string order;
  for (const char* column : {"first_ns", "source", "destination", "source_port", "destination_port",
                             "protocol", "part"}) {
    order += row.at(column) + " ";
  }
  return order;
}

bool agrees(const std::string& cell, const Feature& feature) {
  if (cell.empty() || std::isnan(feature.value)) return cell.empty() == std::isnan(feature.value);
  const double told = std::strtod(cell.c_str(), nullptr);
  const double error = std::abs(told - feature.value);
  switch (feature.kind) {
    case Kind::exact: return error == 0;
    case Kind::derived: return error <= kDerivedError * std::abs(feature.value);
    case Kind::faded: return error <= kFadedError * std::max(1.0, std::abs(feature.value));
    case Kind::estimated: return error <= kEstimateError * feature.value;
  }
  return false;
}

std::string text_of(const Row& row) {
  std::string text = "flow ";
  for (const char* column : {"source", "source_port", "destination", "destination_port", "protocol",
                             "first_ns", "closed", "part"}) {
    text += row.at(column) + " ";
  }
  return text;
}

void compare_row(const Row& row, const Record& record, std::vector<std::string>& differences) {
  Row identity = row;
  for (const auto& [name, feature] : record.features) identity.erase(name);
  if (identity != record.identity) {
    differences.push_back("told " + text_of(row) + ", expected " + text_of(record.identity));
    return;
  }
  for (const auto& [name, feature] : record.features) {
    const auto cell = row.find(name);
    const std::string told = cell == row.end() ? "no column" : cell->second;
    if (cell != row.end() && agrees(told, feature)) continue;
    differences.push_back(text_of(row) + name + ": told " + told + ", expected " +
                          std::to_string(feature.value));
  }
}

std::vector<std::string> compare(const std::vector<Row>& rows, const std::vector<Record>& records) {
  if (rows.size() != records.size()) {
    return {std::to_string(rows.size()) + " records told, " + std::to_string(records.size()) +
            " expected"};
  }
  std::multimap<std::string, const Row*> told;
  for (const Row& row : rows) told.emplace(order_of(row), &row);
  std::multimap<std::string, const Record*> expected;
  for (const Record& record : records) expected.emplace(order_of(record.identity), &record);
  std::vector<std::string> differences;
  auto next = told.begin();
  for (const auto& [order, record] : expected) compare_row(*(next++)->second, *record, differences);
  return differences;
}

std::string joined(const std::vector<std::string>& differences) {
  std::string text = std::to_string(differences.size()) + " differences:\n";
  for (std::size_t i = 0; i < std::min(differences.size(), kDifferencesTold); ++i) {
    text += "  " + differences[i] + "\n";
  }
  return text;
}

support::CommandResult sniff(const std::string& capture) {
  support::ProcessOptions options;
  options.arguments = {std::string(MLGUARD_BIN_DIR) + "/sniffer", "--pcap", capture, "--flows",
                       "-"};
  return support::run_command(options);
}

// The line that the program must say about the packets, but for the thousands' commas.
std::string packets_line(const Capture& capture) {
  // In the order of the parser's verdicts.
  const std::vector<std::string> reasons = {
      "not IP",          "truncated",          "fragments",
      "malformed",       "too many VLAN tags", "too many IPv6 extension headers",
      "other transports"};
  std::string line = "packets  " + std::to_string(capture.seen) +
                     " seen = " + std::to_string(capture.packets.size()) + " in flows + " +
                     std::to_string(capture.seen - capture.packets.size()) + " passed over";
  bool first = true;
  for (const std::string& reason : reasons) {
    const auto count = capture.passed_over.find(reason);
    if (count == capture.passed_over.end()) continue;
    line += (first ? ": " : ", ") + std::to_string(count->second) + " " + reason;
    first = false;
  }
  return line + "\n";
}

std::string without_thousands(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool between_digits = text[i] == ',' && i + 1 < text.size() && text[i + 1] != ' ';
    if (!between_digits) plain.push_back(text[i]);
  }
  return plain;
}

double packets_in(const std::vector<Row>& rows) {
  double packets = 0;
  for (const Row& row : rows) packets += std::strtod(row.at("packets").c_str(), nullptr);
  return packets;
}

void check_capture(const std::string& path) {
  std::future<support::CommandResult> telling = std::async(std::launch::async, sniff, path);
  const Capture capture = read_capture(path);
  const Flows flows = flows_of(capture);
  const support::CommandResult told = telling.get();
  ASSERT_EQ(told.exit.ok(), capture.error.empty()) << told.err << capture.error;
  const std::string summary = without_thousands(told.err);
  EXPECT_EQ(summary.substr(0, summary.find('\n') + 1), packets_line(capture));
  std::uint64_t passed_over = 0;
  for (const auto& [reason, count] : capture.passed_over) passed_over += count;
  EXPECT_EQ(capture.seen, capture.packets.size() + passed_over);
  // What the reference leaves out of its account.
  EXPECT_EQ(summary.find(" evicted"), std::string::npos) << summary;
  const bool all_counted = summary.find("windows") == std::string::npos ||
                           summary.find(" 0 distinct values not counted") != std::string::npos;
  EXPECT_TRUE(all_counted) << summary;
  EXPECT_NE(summary.find("flows    " + std::to_string(flows.begun) + " begun, " +
                         std::to_string(flows.records.size()) + " records"),
            std::string::npos)
      << summary;
  const std::vector<Row> rows = rows_of(told.out);
  EXPECT_EQ(packets_in(rows), static_cast<double>(capture.packets.size()));
  const std::vector<std::string> differences = compare(rows, flows.records);
  EXPECT_TRUE(differences.empty()) << joined(differences);
}

void check_all(const std::vector<std::string>& captures) {
  ASSERT_FALSE(captures.empty());
  for (std::size_t i = 0; i < captures.size(); i += kEveryWhich) {
    SCOPED_TRACE(captures[i]);
    check_capture(captures[i]);
  }
}

TEST(ReferenceTest, EveryFeatureOfTheGivenCapturesIsThatOfTheReference) {
  const std::string folder = given_captures();
  if (folder.empty()) GTEST_SKIP() << "no data/pcap-given.tar.xz under " << MLGUARD_SHARED_DIR;
  check_all(captures_under(folder));
}

TEST(ReferenceTest, EveryFeatureOfTheEndToEndCapturesIsThatOfTheReference) {
  const std::string folder = end_to_end_captures();
  if (!fs::exists(folder)) GTEST_SKIP() << "no data/e2e under " << MLGUARD_SHARED_DIR;
  check_all(captures_under(folder));
}

// A cell that is wrong by little, one that is missing and one too many are each found.
TEST(ReferenceTest, TheComparisonFindsAWrongCellInEveryColumn) {
  const std::string capture =
      std::string(MLGUARD_SHARED_DIR) + "/data/e2e/benign__joy_kali-normal-ssh.pcap";
  if (!fs::exists(capture)) GTEST_SKIP() << "no " << capture;
  const std::vector<Row> rows = rows_of(sniff(capture).out);
  const std::vector<Record> records = flows_of(read_capture(capture)).records;
  ASSERT_TRUE(compare(rows, records).empty());
  for (const auto& [column, first_cell] : rows.front()) {
    std::vector<Row> wrong = rows;
    std::string& cell = wrong.front()[column];
    const double number = std::strtod(cell.c_str(), nullptr);
    std::ostringstream text;
    text.precision(17);
    text << (number == 0 ? 1 : number * (1 + 1e-8));
    cell = cell.empty() ? "1" : text.str();
    EXPECT_EQ(compare(wrong, records).size(), 1u) << column;
    wrong.front().erase(column);
    if (records.front().features.count(column) > 0) {
      EXPECT_EQ(compare(wrong, records).size(), 1u) << column << " is missing";
    }
    wrong = rows;
    wrong.front()["of nobody"] = "1";
    EXPECT_EQ(compare(wrong, records).size(), 1u) << column;
  }
  std::vector<Row> fewer(rows.begin() + 1, rows.end());
  EXPECT_EQ(compare(fewer, records).size(), 1u);
}

}  // namespace
}  // namespace mlguard::plain
