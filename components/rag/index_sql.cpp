#include "rag/index_sql.h"

#include <algorithm>

#include "rag/index_words.h"
#include "rag/network_key.h"

namespace mlguard::rag {
namespace {

class WhereBuilder {
 public:
  void add(const std::string& condition) { where_.text += " AND " + condition; }
  void add(const std::string& condition, SqlValue value) {
    add(condition);
    where_.values.push_back(std::move(value));
    where_.only_tables = false;
  }
  void add_text(const char* condition, const std::string& value) {
    if (!value.empty()) add(condition, value);
  }
  void bind(SqlValue value) { where_.values.push_back(std::move(value)); }
  SqlWhere take() { return std::move(where_); }

 private:
  SqlWhere where_;
};

SqlBlob blob_of(const NetworkKey& key) { return {std::string(key.begin(), key.end())}; }

std::string hex_literal(const NetworkKey& key) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "x'";
  for (const std::uint8_t byte : key) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xfU];
  }
  return text + "'";
}

// The first string, by bytes, after all that begin with `prefix`; `prefix` must not end in 0xff.
std::string after_prefix(std::string prefix) {
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

void add_network(const NetworkKey& key, WhereBuilder& where) {
  std::string wider;
  for (const NetworkKey& supernet : supernets(key)) {
    wider += (wider.empty() ? "" : ",") + hex_literal(supernet);
  }
  std::string within = "SELECT id FROM record WHERE net BETWEEN ? AND ?";
  if (!is_ipv4(key)) {
    within +=
        " AND net NOT BETWEEN " + hex_literal(ipv4_first()) + " AND " + hex_literal(ipv4_last());
  }
  where.add("r.id IN (" + within + " UNION ALL SELECT id FROM record WHERE net IN (" + wider + "))",
            blob_of(key));
  where.bind(blob_of(last_within(key)));
}

void add_path_suffix(const std::string& suffix, WhereBuilder& where) {
  const std::string tail = backwards(suffix);
  where.add("(r.path_tail = ? OR (r.path_tail > ? AND r.path_tail < ?))", SqlBlob{tail});
  where.bind(SqlBlob{tail + "."});
  where.bind(SqlBlob{after_prefix(tail + ".")});
}

void add_kind_prefix(const std::string& prefix, WhereBuilder& where) {
  if (static_cast<unsigned char>(prefix.back()) == 0xff) return where.add("0", std::string());
  where.add("(r.kind >= ? AND r.kind < ?)", prefix);
  where.bind(after_prefix(prefix));
}

void add_times(const Filter& filter, WhereBuilder& where) {
  if (filter.from_ms) where.add("r.at_ms >= ?", *filter.from_ms);
  if (filter.until_ms) where.add("r.at_ms < ?", *filter.until_ms);
  if (filter.in_force_at_ms) {
    where.add("r.at_ms <= ? AND (r.ends_at_ms = 0 OR r.ends_at_ms > ?)", *filter.in_force_at_ms);
    where.bind(*filter.in_force_at_ms);
  }
}

// Letters and digits; bytes of UTF-8 beyond ASCII may be letters.
bool can_be_looked_for(const std::string& word) {
  return std::any_of(word.begin(), word.end(), [](unsigned char byte) {
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
  });
}

// As a string of FTS5: what stands inside is words, never an operator.
std::string quoted(const std::string& word) {
  std::string text = "\"";
  for (const char letter : joined_words(word.substr(0, kWordBytesMax))) {
    if (letter == '"') text += '"';
    text += static_cast<unsigned char>(letter) < 0x20 ? ' ' : letter;
  }
  return text + "\"";
}

void append_group(const WordGroup& group, int number, const char* joined_by,
                  MatchExpression& match) {
  if (!match.text.empty()) match.text += joined_by;
  match.text += "(" + group.expression() + ")";
  match.group_of_phrase.insert(match.group_of_phrase.end(), group.phrases.size(), number);
}

}  // namespace

std::string backwards(const std::string& text) { return {text.rbegin(), text.rend()}; }

std::vector<Table> tables_of(const Filter& filter) {
  if (!filter.tables.empty()) return filter.tables;
  std::vector<Table> all;
  for (std::size_t table = 0; table < kTables; ++table) all.push_back(static_cast<Table>(table));
  return all;
}

base::Result<SqlWhere> where_of(const Filter& filter) {
  WhereBuilder where;
  std::string tables;
  for (const Table table : tables_of(filter)) {
    tables += (tables.empty() ? "" : ",") + std::to_string(static_cast<int>(table));
  }
  // "+": SQLite is not to walk through a table by time where a key, path or network finds the rows.
  const bool narrow =
      !filter.path.empty() || !filter.path_suffix.empty() || !filter.address.empty();
  where.add((narrow ? "+r.tbl IN (" : "r.tbl IN (") + tables + ")");
  where.add_text("r.key = ?", filter.key);
  where.add_text("r.component = ?", filter.component);
  if (filter.version != 0) where.add("r.version = ?", static_cast<std::int64_t>(filter.version));
  if (!filter.path.empty()) where.add("r.path_tail = ?", SqlBlob{backwards(filter.path)});
  if (!filter.path_suffix.empty()) add_path_suffix(filter.path_suffix, where);
  where.add_text("r.kind = ?", filter.kind);
  if (!filter.kind_prefix.empty()) add_kind_prefix(filter.kind_prefix, where);
  where.add_text("r.actor = ?", filter.actor);
  if (!filter.address.empty()) {
    const auto key = parse_network_key(filter.address);
    if (!key) {
      return base::Error{base::ErrorCode::invalid_argument, "invalid_address",
                         "\"" + filter.address + "\" is not an address or network"};
    }
    add_network(*key, where);
  }
  add_times(filter, where);
  return where.take();
}

std::string WordGroup::expression() const {
  std::string text;
  for (const std::string& phrase : phrases) text += (text.empty() ? "" : " OR ") + phrase;
  return text;
}

std::vector<WordGroup> word_groups(const std::vector<std::vector<std::string>>& groups) {
  std::vector<WordGroup> made;
  for (const std::vector<std::string>& words : groups) {
    WordGroup group;
    for (const std::string& word : words) {
      if (group.phrases.size() == kGroupWordsMax) break;
      if (can_be_looked_for(word)) group.phrases.push_back(quoted(word));
    }
    if (!group.phrases.empty()) made.push_back(std::move(group));
    if (made.size() == kGroupsMax) break;
  }
  return made;
}

MatchExpression match_any(const std::vector<WordGroup>& groups) {
  MatchExpression match;
  for (std::size_t index = 0; index < groups.size(); ++index) {
    append_group(groups[index], static_cast<int>(index), " OR ", match);
  }
  return match;
}

MatchExpression match_all(const std::vector<WordGroup>& groups, int but) {
  MatchExpression match;
  for (std::size_t index = 0; index < groups.size(); ++index) {
    const int number = static_cast<int>(index);
    if (number != but) append_group(groups[index], number, " AND ", match);
  }
  return match;
}

MatchExpression match_rare(const std::vector<WordGroup>& groups, const std::vector<bool>& rare) {
  MatchExpression any_rare;
  MatchExpression common;
  for (std::size_t index = 0; index < groups.size(); ++index) {
    append_group(groups[index], static_cast<int>(index), " OR ", rare[index] ? any_rare : common);
  }
  if (any_rare.text.empty() || common.text.empty()) return any_rare;
  // What matches the second arm matches the first; it is there so that FTS5 tells where the common
  // words stand.
  MatchExpression match;
  match.text = "(" + any_rare.text + ") OR ((" + any_rare.text + ") AND (" + common.text + "))";
  match.group_of_phrase = any_rare.group_of_phrase;
  match.group_of_phrase.insert(match.group_of_phrase.end(), any_rare.group_of_phrase.size(),
                               kNoGroup);
  match.group_of_phrase.insert(match.group_of_phrase.end(), common.group_of_phrase.begin(),
                               common.group_of_phrase.end());
  return match;
}

}  // namespace mlguard::rag
