// The Index in SQLite; internal to it. Written in index.cpp, read in index_read.cpp.
//
// `record` holds the exact columns, `passage` the long texts (so that exact questions read narrow
// rows), `words_TABLE` an FTS5
// table over both for each kind of record. A row's id is its table's number and a counter: within a
// table, what was put later has the higher id, and FTS5 finds one table's rows by a range of ids.
// The view `records` shows all of it to a person with `sqlite3`.
//
// Threads: one at a time. Methods turn SQLite::Exception into Error.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "rag/index.h"
#include "rag/index_rank.h"
#include "rag/index_sql.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace mlguard::rag {

class SqliteIndex final : public Index {
 public:
  // Throws SQLite::Exception when the file is no database of ours.
  explicit SqliteIndex(const std::string& path);
  ~SqliteIndex() override;

  // Error: corrupt for a file that is damaged or of another layout.
  base::Status prepare();
  void mark_rebuilt() { rebuilt_ = true; }

  std::uint64_t revision() const override { return revision_; }
  bool rebuilt() const override { return rebuilt_; }
  std::string history() const override { return history_; }
  base::Status set_history(const std::string& identity) override;
  base::Result<std::unique_ptr<IndexTransaction>> begin() override;
  base::Status put(const std::vector<Record>& records, std::uint64_t revision) override;
  base::Status remove(Table table, const std::vector<std::string>& keys) override;
  base::Status clear() override;
  base::Result<std::size_t> trim(std::int64_t oldest_ms, std::size_t records_max) override;
  base::Result<std::vector<Record>> find(const Filter& filter) const override;
  base::Result<std::uint64_t> count(const Filter& filter) const override;
  base::Result<std::vector<Count>> count_by(Column column, const Filter& filter,
                                            std::size_t limit) const override;
  base::Result<std::vector<Hit>> search(const SearchQuery& query) const override;

 private:
  class Transaction;
  struct Candidates;

  template <class Work>
  base::Status write(Work&& work);
  template <class Work>
  auto read(Work&& work) const -> decltype(work());
  base::Error error_of_exception() const;
  using Words = std::array<std::string, kRankColumns>;  // as FTS5 is given them
  SQLite::Statement& cached(const std::string& sql) const;
  Words words_of(std::int64_t id) const;

  void begin_transaction();
  void end_transaction(bool keep);
  void put_one(const Record& record);
  std::int64_t id_for(const Record& record);
  void remove_id(std::int64_t id);
  std::size_t remove_where(const std::string& condition, const std::vector<SqlValue>& values);
  void set_meta(const char* name, const std::string& value);
  std::string meta(const char* name) const;
  void load_meta();

  void weigh(const std::vector<WordGroup>& groups, std::vector<bool>& rare) const;
  void collect(const std::vector<WordGroup>& groups, const std::vector<bool>& rare,
               const SearchQuery& query, const SqlWhere& where, Table table,
               Candidates& candidates) const;
  // How many were ranked: kRankedRowsMax when there may be more.
  std::int64_t rank_matches(const MatchExpression& match, const SqlWhere& where, Table table,
                            Candidates& candidates) const;
  std::vector<Hit> best_of(const SearchQuery& query, const Candidates& candidates) const;
  std::optional<Record> record_of(std::int64_t id) const;

  const std::string path_;
  mutable RankContext rank_;  // Of the running search.
  std::unique_ptr<SQLite::Database> db_;
  mutable std::unordered_map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
  std::uint64_t revision_ = 0;
  std::string history_;
  bool rebuilt_ = false;
  bool in_transaction_ = false;
};

}  // namespace mlguard::rag
