// What the index asks SQLite: a Filter as a WHERE clause with its parameters, and words as FTS5
// expressions. Text only, so that it can be tested without a database; internal to the index.
// Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "rag/index.h"

namespace mlguard::rag {

inline constexpr std::size_t kGroupsMax = 24;  // of one search; those after it are not looked at
inline constexpr std::size_t kGroupWordsMax = 12;  // alike
inline constexpr std::size_t kWordBytesMax = 200;
inline constexpr std::size_t kTables = 9;

struct SqlBlob {
  std::string bytes;
};
using SqlValue = std::variant<std::int64_t, std::string, SqlBlob>;

struct SqlWhere {
  std::string text = "1";  // conditions on `r`, a row of the table record
  std::vector<SqlValue> values;
  bool only_tables = true;  // Nothing but the tables is asked for.
};

// Error: invalid_argument for an address that is none.
base::Result<SqlWhere> where_of(const Filter& filter);
std::vector<Table> tables_of(const Filter& filter);  // All of them when none is named.
// The bytes backwards: what ends alike then begins alike.
std::string backwards(const std::string& text);

// One group's words, quoted and joined by OR; empty when no word of it can be looked for.
struct WordGroup {
  std::vector<std::string> phrases;
  std::string expression() const;
};
std::vector<WordGroup> word_groups(const std::vector<std::vector<std::string>>& groups);

// An FTS5 expression, and which group each of its phrases belongs to, in the order in which FTS5
// counts them. kNoGroup: counted elsewhere already.
struct MatchExpression {
  std::string text;
  std::vector<int> group_of_phrase;
};
inline constexpr int kNoGroup = -1;
inline constexpr int kEveryGroup = -1;

// Any of the groups.
MatchExpression match_any(const std::vector<WordGroup>& groups);
// All of them, or all but one.
MatchExpression match_all(const std::vector<WordGroup>& groups, int but = kEveryGroup);
// Any of those that `rare` marks; the others count where they are found beside one.
MatchExpression match_rare(const std::vector<WordGroup>& groups, const std::vector<bool>& rare);

}  // namespace mlguard::rag
