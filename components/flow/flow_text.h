// Flow records as lines of text, for people, scripts and training: CSV with a header, or one JSON
// object a line. Columns: kIdentityColumns (who, when, why closed), then the features in the order
// of the table (features.h). NaN is an empty cell in CSV and null in JSON; numbers are written with
// as many digits as it takes to read the same number back. Stateless; safe from any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "flow/flow_record.h"

namespace mlguard::flow {

enum class FlowFormat { csv, jsonl };

// source, destination: addresses, IPv4 in its usual form; ports: of ICMP its identifier (packet.h);
// protocol: the IP number; first_ns, last_ns: since 1970; closed: a CloseReason; part: 0, 1 ...
inline constexpr std::array<std::string_view, 9> kIdentityColumns = {
    "source",  "destination", "source_port", "destination_port", "protocol", "first_ns",
    "last_ns", "closed",      "part"};

std::string address_text(const std::uint8_t* address);
// The line that stands first, with its line break; empty for JSON.
std::string flow_header(FlowFormat format);
// Appends one line with its line break.
void append_flow(const FlowRecord& record, FlowFormat format, std::string& text);

}  // namespace mlguard::flow
