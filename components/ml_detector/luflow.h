// LUFlow: days of labelled flows of a university (../shared/data/flows/luflow; its README.md has
// the protocol), one CSV a day, as .csv or .csv.xz (unpacked by xz). What a row tells goes into a
// flow record and through components/flow and inputs.h like any other flow; what it does not tell
// is NaN. Columns are found by the names in the header; addresses and ports are never looked at.
//
// Two things are not what our inputs are elsewhere, so that a model of these rows judges these rows
// only: bytes are those of the payload (LUFlow counts no headers), and the one mean gap, of both
// directions, stands where that of the initiator does. A mean gap that is longer than its flow (an
// underflow of whoever counted it) is not told.
//
// Windows of hosts and pairs stay empty: LUFlow gives the number of an autonomous system where an
// address would be. Stateless; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::ml_detector {

// Inputs (inputs.h) that a row tells.
inline constexpr std::array<const char*, 15> kLuflowInputs = {
    "is_tcp",      "is_udp",         "is_icmp",       "duration",      "packets",
    "packet_rate", "byte_rate",      "fwd_packets",   "rev_packets",   "fwd_bytes",
    "rev_bytes",   "rev_byte_share", "fwd_size_mean", "rev_size_mean", "fwd_gap_mean"};
// LUFlow's own, which no flow of ours has: looked at by a second figure only.
inline constexpr std::array<const char*, 2> kLuflowOwnColumns = {"entropy", "total_entropy"};

struct LuflowFlow {
  std::array<float, kLuflowInputs.size()> inputs{};
  std::array<float, kLuflowOwnColumns.size()> own{};
  bool malicious = false;
};

struct LuflowDay {
  std::string name;  // "2020.07.08"
  std::vector<LuflowFlow> flows;
  std::size_t outliers = 0;  // rows with this label: neither one nor the other, dropped
};

inline constexpr std::size_t kLuflowDayBytesMax = 128U << 20U;
inline constexpr std::size_t kLuflowDayRowsMax = 500'000;

// `name`: the file's, for messages. Errors: corrupt, naming the columns that the header lacks or
// the line that cannot be read; too_large beyond kLuflowDayRowsMax.
base::Result<LuflowDay> parse_luflow_day(const std::string& name, std::string_view text);
// Errors: those of parse_luflow_day; not_found; io when xz failed; too_large.
base::Result<LuflowDay> read_luflow_day(const std::string& path);
// The files of days in the folder, in their order in time. Error: not_found / "data_absent" when
// there are none.
base::Result<std::vector<std::string>> luflow_days_in(const std::string& folder);

}  // namespace mlguard::ml_detector
