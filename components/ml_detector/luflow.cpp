#include "ml_detector/luflow.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <system_error>

#include "base/files.h"
#include "base/unique_fd.h"
#include "flow/flow_record.h"
#include "ml_detector/inputs.h"

extern char** environ;

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::string_view kPlainDay = ".csv";
constexpr std::string_view kPackedDay = ".csv.xz";
constexpr double kUsPerMs = 1e3;
constexpr double kNsPerSecond = 1e9;
constexpr double kMsPerSecond = 1e3;
constexpr double kDaySeconds = 86'400;
// Beyond it a counter of LUFlow is no counter; the products below stay within 64 bits.
constexpr double kCountMax = 1e12;

enum Column : std::size_t {
  kGapMs,
  kBytesIn,
  kBytesOut,
  kEntropy,
  kTotalEntropy,
  kPacketsOut,
  kPacketsIn,
  kProtocol,
  kLabel,
  kDuration,
  kColumns
};
constexpr std::array<std::string_view, kColumns> kColumnNames = {
    "avg_ipt",      "bytes_in",    "bytes_out", "entropy", "total_entropy",
    "num_pkts_out", "num_pkts_in", "proto",     "label",   "duration"};

std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  if (!part.empty() && part.back() == '\r') part.remove_suffix(1);
  return part;
}

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (std::size_t from = 0;;) {
    const std::size_t to = line.find(',', from);
    cells.push_back(line.substr(from, to - from));
    if (to == std::string_view::npos) return cells;
    from = to + 1;
  }
}

struct DayHeader {
  std::array<std::size_t, kColumns> places{};
  std::size_t cells = 0;
};

base::Result<DayHeader> header_of(const std::string& name, std::string_view line) {
  const std::vector<std::string_view> cells = cells_of(line);
  DayHeader header;
  header.cells = cells.size();
  std::string missing;
  for (std::size_t column = 0; column < kColumns; ++column) {
    const auto found = std::find(cells.begin(), cells.end(), kColumnNames[column]);
    header.places[column] = static_cast<std::size_t>(found - cells.begin());
    if (found == cells.end()) missing += " " + std::string(kColumnNames[column]);
  }
  if (missing.empty()) return header;
  return Error{ErrorCode::corrupt,
               name + ", line 1: no LUFlow day, it lacks the columns" + missing};
}

// Numbers of a row: false when one is no number, below zero or beyond what it may be.
using DayNumbers = std::array<double, kColumns>;
bool read_numbers(const std::vector<std::string_view>& cells, const DayHeader& header,
                  DayNumbers& numbers) {
  for (std::size_t column = 0; column < kColumns; ++column) {
    if (column == kLabel) continue;
    const std::string_view cell = cells[header.places[column]];
    double& value = numbers[column];
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc() || end != cell.data() + cell.size()) return false;
    if (!(value >= 0 && value <= kCountMax)) return false;
  }
  for (const Column column : {kBytesIn, kBytesOut, kPacketsIn, kPacketsOut, kProtocol}) {
    if (numbers[column] != std::floor(numbers[column])) return false;
  }
  return numbers[kProtocol] <= std::numeric_limits<std::uint8_t>::max() &&
         numbers[kDuration] <= kDaySeconds;
}

void fill_side(mlg_flow_side& side, double packets, double bytes, double duration_s) {
  side.packets = static_cast<std::uint64_t>(packets);
  side.bytes = side.payload_bytes = static_cast<std::uint64_t>(bytes);
  // Saturated says that they are not known.
  side.size_squares = side.gap_squares_us2 = std::numeric_limits<std::uint64_t>::max();
  if (side.packets > 0) side.last_ns = static_cast<std::uint64_t>(duration_s * kNsPerSecond);
}

// "out" is what the source sent: of flows without an answer, "in" is 0.
flow::FlowRecord record_of(const DayNumbers& numbers) {
  flow::FlowRecord record;
  record.key.protocol = static_cast<std::uint8_t>(numbers[kProtocol]);
  mlg_flow_side& forward = record.counters.side[MLG_FROM_LOW];
  mlg_flow_side& reverse = record.counters.side[MLG_FROM_HIGH];
  fill_side(forward, numbers[kPacketsOut], numbers[kBytesOut], numbers[kDuration]);
  fill_side(reverse, numbers[kPacketsIn], numbers[kBytesIn], numbers[kDuration]);
  const double gaps = numbers[kPacketsOut] + numbers[kPacketsIn] - 1;
  const bool is_gap = numbers[kGapMs] <= numbers[kDuration] * kMsPerSecond;
  if (is_gap && gaps > 0 && gaps <= std::numeric_limits<std::uint32_t>::max()) {
    forward.gaps = static_cast<std::uint32_t>(gaps);
    forward.gap_sum_us =
        static_cast<std::uint64_t>(std::llround(numbers[kGapMs] * kUsPerMs * gaps));
  }
  return record;
}

const std::array<std::size_t, kLuflowInputs.size()>& told_places() {
  static const auto places = [] {
    std::array<std::size_t, kLuflowInputs.size()> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = find_input(kLuflowInputs[i]).value();
    return all;
  }();
  return places;
}

LuflowFlow flow_of(const DayNumbers& numbers, bool malicious) {
  LuflowFlow flow;
  const InputRow row = inputs_of(record_of(numbers));
  for (std::size_t i = 0; i < flow.inputs.size(); ++i) flow.inputs[i] = row[told_places()[i]];
  flow.own = {static_cast<float>(numbers[kEntropy]), static_cast<float>(numbers[kTotalEntropy])};
  flow.malicious = malicious;
  return flow;
}

// What xz writes of the file, bounded.
base::Result<std::string> text_until_end(int fd, const std::string& path) {
  constexpr std::size_t kPieceBytes = 1U << 16U;
  std::string text;
  std::vector<char> piece(kPieceBytes);
  for (;;) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::errno_error("could not unpack", path, errno);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > kLuflowDayBytesMax) {
      return Error{ErrorCode::too_large, path + ": unpacked it has over " +
                                             std::to_string(kLuflowDayBytesMax) + " bytes"};
    }
  }
}

base::Result<std::string> unpacked_day(const std::string& path) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return base::errno_error("no pipe for", path, errno);
  base::UniqueFd from(ends[0]);
  base::UniqueFd into(ends[1]);
  std::array<std::string, 4> words = {"xz", "-dc", "--", path};
  std::array<char*, 5> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, into.get(), STDOUT_FILENO);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "xz", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  into.reset();
  if (failed != 0) return Error{ErrorCode::io, "xz could not be started: install xz-utils"};
  auto text = text_until_end(from.get(), path);
  // xz ends by itself when nobody reads any more.
  from.reset();
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (text.ok() && status != 0) return Error{ErrorCode::io, "xz could not unpack " + path};
  return text;
}

}  // namespace

base::Result<LuflowDay> parse_luflow_day(const std::string& name, std::string_view text) {
  const auto header = header_of(name, take_until(text, '\n'));
  if (!header.ok()) return header.error();
  LuflowDay day;
  day.name = name.substr(0, name.find(kPlainDay));
  for (std::size_t line_number = 2; !text.empty(); ++line_number) {
    const std::string_view line = take_until(text, '\n');
    const auto refused = [&](const std::string& why) -> Error {
      return {ErrorCode::corrupt, name + ", line " + std::to_string(line_number) + ": " + why};
    };
    const std::vector<std::string_view> cells = cells_of(line);
    if (cells.size() != header->cells) {
      return refused(std::to_string(cells.size()) + " columns, the header has " +
                     std::to_string(header->cells));
    }
    DayNumbers numbers{};
    if (!read_numbers(cells, *header, numbers)) return refused("a number is missing or absurd");
    const std::string_view label = cells[header->places[kLabel]];
    if (label == "outlier") {
      ++day.outliers;
      continue;
    }
    if (label != "benign" && label != "malicious") {
      return refused("no label: " + std::string(label));
    }
    if (day.flows.size() == kLuflowDayRowsMax) {
      return Error{ErrorCode::too_large,
                   name + ": over " + std::to_string(kLuflowDayRowsMax) + " flows"};
    }
    day.flows.push_back(flow_of(numbers, label == "malicious"));
  }
  return day;
}

base::Result<LuflowDay> read_luflow_day(const std::string& path) {
  const auto text =
      path.ends_with(kPackedDay) ? unpacked_day(path) : base::read_file(path, kLuflowDayBytesMax);
  if (!text.ok()) return text.error();
  return parse_luflow_day(std::filesystem::path(path).filename().string(), *text);
}

base::Result<std::vector<std::string>> luflow_days_in(const std::string& folder) {
  std::vector<std::string> days;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string path = at->path().string();
    if (path.ends_with(kPackedDay) || path.ends_with(kPlainDay)) days.push_back(path);
  }
  if (days.empty()) {
    return Error{ErrorCode::not_found, "data_absent", folder + ": there are no days of LUFlow"};
  }
  std::sort(days.begin(), days.end());
  return days;
}

}  // namespace mlguard::ml_detector
