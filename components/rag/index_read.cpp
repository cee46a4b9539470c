// Reading the index: exact questions and ranked search.
#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <cmath>

#include "rag/sqlite_index.h"
#include "rag/sqlite_values.h"

namespace mlguard::rag {
namespace {

using base::Result;

// Matches that are ranked at most, of one table: the newest.
constexpr std::int64_t kRankedRowsMax = 300;
// A group that is found in more records than this is common.
constexpr std::int64_t kRareRecordsMax = 1'000;
constexpr std::size_t kLeaveOneOutGroupsMax = 5;
constexpr std::size_t kLookedAtMax = 512;  // of the best, until there are enough different ones
// How much the newest history is preferred, and how old history counts half of that.
constexpr double kRecencyShare = 0.06;
constexpr double kRecencyHalfLifeMs = 7.0 * 24 * 3'600'000;
constexpr double kEndedShare = 0.9;  // What is no longer in force, beside what is.

constexpr const char* kRecordColumns =
    "r.tbl, r.key, r.revision, r.at_ms, r.ends_at_ms, p.title, p.text, r.component, r.version, "
    "p.path, p.value, r.address, r.destination, r.kind, r.actor, r.score, p.related, p.detail";

Record record_in(SQLite::Statement& row) {
  Record record;
  record.table = static_cast<Table>(row.getColumn(0).getInt());
  record.key = row.getColumn(1).getString();
  record.revision = static_cast<std::uint64_t>(row.getColumn(2).getInt64());
  record.at_ms = row.getColumn(3).getInt64();
  record.ends_at_ms = row.getColumn(4).getInt64();
  record.title = row.getColumn(5).getString();
  record.text = row.getColumn(6).getString();
  record.component = row.getColumn(7).getString();
  record.version = static_cast<std::uint64_t>(row.getColumn(8).getInt64());
  record.path = row.getColumn(9).getString();
  record.value = row.getColumn(10).getString();
  record.address = row.getColumn(11).getString();
  record.destination = row.getColumn(12).getString();
  record.kind = row.getColumn(13).getString();
  record.actor = row.getColumn(14).getString();
  record.score = row.getColumn(15).getDouble();
  record.related = row.getColumn(16).getString();
  record.detail = row.getColumn(17).getString();
  return record;
}

const char* column_name(Column column) {
  switch (column) {
    case Column::component: return "r.component";
    case Column::address: return "r.address";
    case Column::kind: return "r.kind";
    case Column::actor: return "r.actor";
    case Column::destination: return "r.destination";
    // Turned back when it is read.
    case Column::path: return "r.path_tail";
  }
  return "r.kind";
}

std::string order_by(const Filter& filter) {
  return filter.order == Order::newest_first ? " ORDER BY r.at_ms DESC, r.revision DESC, r.id DESC"
                                             : " ORDER BY r.at_ms, r.revision, r.id";
}

std::int64_t limit_of(std::size_t limit, std::size_t most) {
  return static_cast<std::int64_t>(std::min(limit, most));
}

double with_time(double rank, const Record& record, std::int64_t now_ms) {
  if (record.at_ms > 0 && now_ms > 0) {
    const double age = static_cast<double>(std::max<std::int64_t>(0, now_ms - record.at_ms));
    rank *= 1 + kRecencyShare * std::exp2(-age / kRecencyHalfLifeMs);
  }
  const bool ended = record.ends_at_ms != 0 && record.ends_at_ms <= now_ms;
  return ended ? rank * kEndedShare : rank;
}

// Of all versions of one value the best stands for the others: they would fill the whole answer.
void add_hit(Hit hit, std::vector<Hit>& hits) {
  const Record& record = hit.record;
  for (Hit& known : hits) {
    const Record& other = known.record;
    const bool same_value = record.table == Table::config && other.table == Table::config &&
                            record.component == other.component && record.path == other.path;
    if (!same_value) continue;
    if (hit.rank > known.rank) known = std::move(hit);
    return;
  }
  hits.push_back(std::move(hit));
}

}  // namespace

struct SqliteIndex::Candidates {
  std::unordered_map<std::int64_t, double> ranks;
};

template <class Work>
auto SqliteIndex::read(Work&& work) const -> decltype(work()) {
  try {
    return work();
  } catch (const SQLite::Exception&) {
    return error_of_exception();
  }
}

Result<std::vector<Record>> SqliteIndex::find(const Filter& filter) const {
  return read([&]() -> Result<std::vector<Record>> {
    const auto where = where_of(filter);
    if (!where.ok()) return where.error();
    SQLite::Statement select(*db_, std::string("SELECT ") + kRecordColumns +
                                       " FROM (SELECT * FROM record r WHERE " + where->text +
                                       order_by(filter) +
                                       " LIMIT ?) r CROSS JOIN passage p "
                                       "ON p.id = r.id" +
                                       order_by(filter));
    const int next = bind_values(select, 1, where->values);
    select.bind(next, limit_of(filter.limit, kFindMax));
    std::vector<Record> records;
    while (select.executeStep()) records.push_back(record_in(select));
    return records;
  });
}

Result<std::uint64_t> SqliteIndex::count(const Filter& filter) const {
  return read([&]() -> Result<std::uint64_t> {
    const auto where = where_of(filter);
    if (!where.ok()) return where.error();
    SQLite::Statement select(*db_, "SELECT COUNT(*) FROM record r WHERE " + where->text);
    bind_values(select, 1, where->values);
    select.executeStep();
    return static_cast<std::uint64_t>(select.getColumn(0).getInt64());
  });
}

Result<std::vector<Count>> SqliteIndex::count_by(Column column, const Filter& filter,
                                                 std::size_t limit) const {
  return read([&]() -> Result<std::vector<Count>> {
    const auto where = where_of(filter);
    if (!where.ok()) return where.error();
    const std::string name = column_name(column);
    const std::string asked = " FROM record r WHERE " + where->text + " AND " + name;
    // In the value's order, which an index has: equal ones follow one another. SQLite's own GROUP
    // BY with ORDER BY COUNT(*) takes three times as long where most values are rare.
    SQLite::Statement values(*db_,
                             "SELECT " + name + ", r.at_ms" + asked + " > '' ORDER BY 1, r.at_ms");
    bind_values(values, 1, where->values);
    std::vector<Count> counts;
    while (values.executeStep()) {
      const SQLite::Column value = values.getColumn(0);
      const std::string_view text(static_cast<const char*>(value.getBlob()),
                                  static_cast<std::size_t>(value.getBytes()));
      if (counts.empty() || counts.back().value != text) counts.emplace_back().value = text;
      ++counts.back().records;
      counts.back().last_ms = values.getColumn(1).getInt64();
    }
    const std::size_t asked_for = std::min({limit, counts.size(), kFindMax});
    std::partial_sort(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(asked_for),
                      counts.end(), [](const Count& left, const Count& right) {
                        return left.records != right.records ? left.records > right.records
                                                             : left.value < right.value;
                      });
    counts.resize(asked_for);
    SQLite::Statement newest(
        *db_, "SELECT r.key, r.revision" + asked +
                  " = ? AND r.at_ms = ? ORDER BY r.revision DESC, r.id DESC LIMIT 1");
    for (Count& count : counts) {
      newest.reset();
      const int position = bind_values(newest, 1, where->values);
      if (column == Column::path) {
        bind_value(newest, position, SqlBlob{count.value});
        count.value = backwards(count.value);
      } else {
        newest.bind(position, count.value);
      }
      newest.bind(position + 1, count.last_ms);
      if (newest.executeStep()) {
        count.newest_key = newest.getColumn(0).getString();
        count.revision = static_cast<std::uint64_t>(newest.getColumn(1).getInt64());
      }
    }
    return counts;
  });
}

// idf: what is found in few records says more about them.
void SqliteIndex::weigh(const std::vector<WordGroup>& groups, std::vector<bool>& rare) const {
  const double all = db_->execAndGet("SELECT COUNT(*) FROM record").getDouble();
  rank_.group_weights.clear();
  rare.clear();
  for (const WordGroup& group : groups) {
    std::int64_t in = 0;
    for (const Table table : tables_of({})) {
      const std::string words = words_table(table);
      SQLite::Statement& found = cached("SELECT COUNT(*) FROM (SELECT rowid FROM " + words +
                                        " WHERE " + words + " MATCH ? LIMIT ?)");
      found.bind(1, group.expression());
      found.bind(2, kRareRecordsMax);
      found.executeStep();
      in += found.getColumn(0).getInt64();
      found.reset();
    }
    const auto many = static_cast<double>(in);
    rank_.group_weights.push_back(std::log(1 + (std::max(all, many) - many + 0.5) / (many + 0.5)));
    rare.push_back(in < kRareRecordsMax);
  }
}

std::int64_t SqliteIndex::rank_matches(const MatchExpression& match, const SqlWhere& where,
                                       Table table, Candidates& candidates) const {
  if (match.text.empty()) return 0;
  rank_.group_of_phrase = match.group_of_phrase;
  const std::string words = words_table(table);
  std::string sql = "SELECT w.rowid, mlguard_rank(" + words + ") FROM " + words + " w";
  if (!where.only_tables) sql += " CROSS JOIN record r ON r.id = w.rowid";
  sql += " WHERE w." + words + " MATCH ?";
  if (!where.only_tables) sql += " AND " + where.text;
  sql += " ORDER BY w.rowid DESC LIMIT ?";
  SQLite::Statement select(*db_, sql);
  select.bind(1, match.text);
  int position = 2;
  if (!where.only_tables) position = bind_values(select, position, where.values);
  select.bind(position, kRankedRowsMax);
  std::int64_t rows = 0;
  for (; select.executeStep(); ++rows) {
    double& rank = candidates.ranks[select.getColumn(0).getInt64()];
    rank = std::max(rank, select.getColumn(1).getDouble());
  }
  return rows;
}

// Any match is enough for most questions. Where common words match more than is ranked, the newest
// of them stand for all, and what may have been missed is looked for by narrower questions.
void SqliteIndex::collect(const std::vector<WordGroup>& groups, const std::vector<bool>& rare,
                          const SearchQuery& query, const SqlWhere& where, Table table,
                          Candidates& candidates) const {
  if (rank_matches(match_any(groups), where, table, candidates) < kRankedRowsMax) return;
  rank_matches(match_rare(groups, rare), where, table, candidates);
  const std::int64_t of_all = rank_matches(match_all(groups), where, table, candidates);
  if (of_all >= limit_of(query.filter.limit, kSearchMax) || groups.size() < 3) return;
  const std::size_t left_out = groups.size() <= kLeaveOneOutGroupsMax ? groups.size() : 0;
  for (std::size_t but = 0; but < left_out; ++but) {
    rank_matches(match_all(groups, static_cast<int>(but)), where, table, candidates);
  }
}

std::optional<Record> SqliteIndex::record_of(std::int64_t id) const {
  static const std::string sql = std::string("SELECT ") + kRecordColumns +
                                 " FROM record r JOIN passage p ON p.id = r.id WHERE r.id = ?";
  SQLite::Statement& select = cached(sql);
  select.bind(1, id);
  if (!select.executeStep()) return std::nullopt;
  Record record = record_in(select);
  select.reset();
  return record;
}

std::vector<Hit> SqliteIndex::best_of(const SearchQuery& query,
                                      const Candidates& candidates) const {
  std::vector<std::pair<double, std::int64_t>> ranked;
  ranked.reserve(candidates.ranks.size());
  for (const auto& [id, rank] : candidates.ranks) ranked.emplace_back(rank, id);
  const std::size_t looked_at = std::min(ranked.size(), kLookedAtMax);
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(looked_at),
                    ranked.end(), std::greater<>());
  const auto limit = static_cast<std::size_t>(limit_of(query.filter.limit, kSearchMax));
  std::vector<Hit> hits;
  // Time moves a rank by less than a fifth: twice as many as asked for hold nearly all that it may
  // bring forward.
  for (std::size_t index = 0; index < looked_at && hits.size() < limit * 2; ++index) {
    auto record = record_of(ranked[index].second);
    if (!record) continue;
    const double rank = with_time(ranked[index].first, *record, query.now_ms);
    add_hit({std::move(*record), rank}, hits);
  }
  std::stable_sort(hits.begin(), hits.end(),
                   [](const Hit& left, const Hit& right) { return left.rank > right.rank; });
  if (hits.size() > limit) hits.resize(limit);
  return hits;
}

Result<std::vector<Hit>> SqliteIndex::search(const SearchQuery& query) const {
  return read([&]() -> Result<std::vector<Hit>> {
    const auto where = where_of(query.filter);
    if (!where.ok()) return where.error();
    const std::vector<WordGroup> groups = word_groups(query.groups);
    if (groups.empty()) return std::vector<Hit>{};
    std::vector<bool> rare;
    weigh(groups, rare);
    Candidates candidates;
    for (const Table table : tables_of(query.filter)) {
      collect(groups, rare, query, *where, table, candidates);
    }
    return best_of(query, candidates);
  });
}

}  // namespace mlguard::rag
