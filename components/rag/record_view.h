// What answers read out of records, where no column has it. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rag/answers.h"

namespace mlguard::rag {

// A text of the record's `detail`, else the line "name: value" of its text; empty: none.
std::string told(const Record& record, std::string_view name);
// Numbers and lists of `detail` as JSON text; empty: none.
std::string detail_json_at(const Record& record, std::string_view name);

// What records_of_*.cpp put into sentences: a version's comment, what an audit record tells, the
// software version and address of a component.
std::string comment_of(const Record& version);
std::string audit_detail(const Record& audit);
std::string component_version(const Record& component);
std::string component_address(const Record& component);

// The first in the filter's order.
base::Result<std::optional<Record>> newest(const Index& index, Filter filter);

bool is_live(const Record& rule, std::int64_t now_ms);
// "blocked", "always allowed".
std::string verdict_of(const Record& rule);
// "10.0.0.5" of "10.0.0.5/32"; a network as it is.
std::string short_network(const std::string& network);
std::string plural(std::uint64_t count, const std::string& noun);
// "0.9" of 0.9.
std::string figure_text(double value);

// The question's time as part of a filter, and said: " since 2026-11-25 00:00 UTC", or "".
void put_time(const Slots& slots, Filter& filter);
std::string said_time(const Slots& slots);

// Says that something was looked for in vain, citing how; sets known.
void say_none(Draft& draft, const std::string& key, const std::string& sentence);

}  // namespace mlguard::rag
