// Tables of labelled flows that others published, as rows of our inputs (inputs.h). What differs
// from table to table stands in a TableSource (table_sources.h): where its columns are, and what a
// row says as a flow record. Everything else is here, once.
//
// Columns are found by the names in the header. A table is one header line and rows with one
// separator, or a log of Zeek: lines that begin with '#', of which "#fields" names the columns,
// and cells between tabs (IoT-23 has three spaces between its last ones).
// Stateless; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "flow/flow_record.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kFlowTableBytesMax = 128U << 20U;
inline constexpr std::size_t kTableRowsMax = 500'000;
inline constexpr std::size_t kTablesMax = 100;
inline constexpr std::size_t kTableOwnMax = 2;
// Beyond it a counter is no counter; products of two stay within 64 bits where they are used.
inline constexpr double kTableCountMax = 1e12;

// The cells of one row, by the columns of its source. What cannot be read is noted, the first such
// thing only, and 0 returned: a source reads on and need not ask.
class TableRow {
 public:
  TableRow(std::span<const std::string_view> columns, std::vector<std::string_view> cells)
      : columns_(columns), cells_(std::move(cells)) {}

  std::string_view text(std::size_t column) const { return cells_[column]; }
  // A number from 0 to `most`.
  double number(std::size_t column, double most);
  // A whole number from 0 to `most`.
  double count(std::size_t column, double most = kTableCountMax);
  void refuse(std::size_t column, const std::string& why);
  // What is wrong with the row; empty: nothing.
  const std::string& refusal() const { return refusal_; }

 private:
  std::span<const std::string_view> columns_;
  std::vector<std::string_view> cells_;
  std::string refusal_;
};

enum class TableLabel {
  benign,
  malicious,
  unknown,     // neither one nor the other: dropped
  no_packets,  // no flow at all, whatever its label: dropped
};

struct TableReading {
  TableLabel label = TableLabel::unknown;
  flow::FlowRecord record;
  std::array<float, kTableOwnMax> own{};  // by TableSource::own
};

struct TableSource {
  std::string_view name;                      // "LUFlow"
  std::span<const std::string_view> endings;  // of the names of its files, before ".xz"
  char separator = ',';                       // in tables that are no logs of Zeek
  std::span<const std::string_view> columns;  // that are read; others may be there
  std::span<const std::string_view> inputs;   // that a row tells, of inputs.h
  std::span<const std::string_view> own;      // columns of its own that no flow of ours has
  TableReading (*read)(TableRow& row) = nullptr;

  std::size_t features() const { return inputs.size() + own.size(); }
};

struct FlowTable {
  std::string name;                     // of the file, without its ending: "2020.07.08"
  std::vector<float> values;            // by flow: the inputs of the source, then its own columns
  std::vector<std::uint8_t> malicious;  // by flow: 1 or 0
  std::size_t unknown = 0;              // rows that were dropped
  std::size_t no_packets = 0;           // likewise

  std::size_t flows() const { return malicious.size(); }
  std::size_t malicious_flows() const;
};

// `name`: the file's, for messages. Errors: corrupt, naming the columns that the header lacks, or
// the line and what is wrong with it; too_large beyond kTableRowsMax.
base::Result<FlowTable> parse_table(const TableSource& source, const std::string& name,
                                    std::string_view text);
// Errors: those of parse_table and of packed_file.h.
base::Result<FlowTable> read_table(const TableSource& source, const std::string& path);
// All tables in the folder, by name: days in their order in time. Errors: those of read_table;
// not_found / "data_absent" when there are none; too_large beyond kTablesMax.
base::Result<std::vector<FlowTable>> read_tables(const TableSource& source,
                                                 const std::string& folder);

}  // namespace mlguard::ml_detector
