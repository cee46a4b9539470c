// How ModelStorage writes commands and entries as bytes, and the rule by which it merges.
// Stateless.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "storage.h"

namespace mlguard::sim {

inline constexpr std::int64_t kClockAheadMsMax = 60'000;  // design.md: then it is not merged.
inline constexpr unsigned kHlcCounterBits = 16;

struct Record {
  EntryContent content;
  std::vector<Member> members;  // Empty unless the entry changes them.
};

std::string encode_command(const Command& command);
Command decode_command(std::string_view bytes);
std::string encode_record(const Record& record);
Record decode_record(std::string_view bytes);

// The chained digest: any difference in history, term, revision or content shows.
replicator::Digest chain(const replicator::Digest& previous, Term term, Revision revision,
                         std::string_view payload);

// True when `row` was written after `other`.
bool is_later(const Row& row, const Row& other);

// What merging `tail` into a state does: rows that win, and everything that lost.
EntryContent merge(const std::map<std::string, Row>& state, const std::set<std::string>& requests,
                   const std::vector<Record>& tail, Revision common, std::int64_t wall_ms);

}  // namespace mlguard::sim
