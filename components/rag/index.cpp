#include "rag/index.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <algorithm>
#include <charconv>

#include "rag/index_words.h"
#include "rag/network_key.h"
#include "rag/sqlite_index.h"
#include "rag/sqlite_values.h"

namespace mlguard::rag {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr int kLayout = 1;  // PRAGMA user_version; another one is rebuilt.
constexpr std::size_t kKeyBytesMax = 512;
constexpr std::size_t kTitleBytesMax = 400;
constexpr std::size_t kColumnBytesMax = 1'024;
constexpr std::size_t kDetailBytesMax = 8 * 1024;
constexpr const char* kCutMark = " … (cut)";
constexpr std::size_t kTrimBatch = 10'000;  // Rows of one statement.

constexpr const char* kSchema = R"sql(
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE record(
  id INTEGER PRIMARY KEY,
  tbl INTEGER NOT NULL,
  key TEXT NOT NULL,
  revision INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  ends_at_ms INTEGER NOT NULL,
  ages_ms INTEGER,          -- when it became history; NULL: it is none
  component TEXT NOT NULL,
  version INTEGER NOT NULL,
  path_tail BLOB,           -- the path, backwards
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  address TEXT NOT NULL,
  net BLOB,                 -- the address, to be compared
  destination TEXT NOT NULL,
  score REAL NOT NULL
);
CREATE UNIQUE INDEX record_key ON record(tbl, key);
CREATE INDEX record_at ON record(tbl, at_ms, revision);
CREATE INDEX record_component ON record(tbl, component, at_ms);
CREATE INDEX record_kind ON record(tbl, kind, at_ms);
CREATE INDEX record_actor ON record(tbl, actor, at_ms);
CREATE INDEX record_address ON record(tbl, address, at_ms);
CREATE INDEX record_destination ON record(tbl, destination, at_ms) WHERE destination > '';
CREATE INDEX record_net ON record(net) WHERE net IS NOT NULL;
CREATE INDEX record_path ON record(path_tail) WHERE path_tail IS NOT NULL;
CREATE INDEX record_ages ON record(ages_ms) WHERE ages_ms IS NOT NULL;
CREATE TABLE passage(
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  place TEXT NOT NULL,
  text TEXT NOT NULL,
  path TEXT NOT NULL,
  value TEXT NOT NULL,
  related TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE TABLE table_name(tbl INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE VIEW records AS
  SELECT t.name AS "table", r.key, r.revision,
    CASE r.at_ms WHEN 0 THEN '' ELSE
      strftime('%Y-%m-%dT%H:%M:%SZ', r.at_ms / 1000, 'unixepoch') END AS at,
    CASE r.ends_at_ms WHEN 0 THEN '' ELSE
      strftime('%Y-%m-%dT%H:%M:%SZ', r.ends_at_ms / 1000, 'unixepoch') END AS ends_at,
    p.title, p.text, r.component, r.version, p.path, p.value, r.address, r.destination, r.kind,
    r.actor, r.score, p.related, p.detail
  FROM record r JOIN passage p USING(id) JOIN table_name t USING(tbl);
)sql";

// A table of words for each table: the newest of one table are found without passing by all others.
std::string words_schema(Table table) {
  return "CREATE VIRTUAL TABLE " + words_table(table) +
         " USING fts5(title, place, text, content='passage', content_rowid='id', "
         "tokenize=\"porter unicode61\")";
}

// Cut at a character of UTF-8, and marked as cut.
std::string cut(const std::string& text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  const std::string mark = kCutMark;
  std::size_t end = bytes_max - std::min(bytes_max, mark.size());
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end) + mark;
}

// What is looked for by name, in one text: weighs more than the passage.
std::string place_of(const Record& record) {
  std::string place;
  for (const std::string* part : {&record.component, &record.path, &record.kind, &record.address,
                                  &record.destination, &record.actor, &record.key}) {
    if (part->empty()) continue;
    if (!place.empty()) place += '\n';
    place += *part;
  }
  return cut(place, kColumnBytesMax);
}

// When a record became history, if it is.
std::optional<std::int64_t> ages_of(const Record& record) {
  switch (record.table) {
    case Table::detection:
    case Table::audit:
    case Table::change: return record.at_ms;
    case Table::health:
      if (record.key.find('@') != std::string::npos) return record.at_ms;
      return std::nullopt;
    case Table::rule:
    case Table::config:
    case Table::config_version:
      if (record.ends_at_ms != 0) return record.ends_at_ms;
      return std::nullopt;
    case Table::component:
    case Table::doc: break;
  }
  return std::nullopt;
}

std::uint64_t number_of(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

class SqliteIndex::Transaction final : public IndexTransaction {
 public:
  explicit Transaction(SqliteIndex& index) : index_(index) {}
  ~Transaction() override {
    if (open_) index_.end_transaction(false);
  }
  Status commit() override {
    open_ = false;
    try {
      index_.end_transaction(true);
      return {};
    } catch (const SQLite::Exception&) {
      Error error = index_.error_of_exception();
      index_.end_transaction(false);
      return error;
    }
  }

 private:
  SqliteIndex& index_;
  bool open_ = true;
};

SqliteIndex::SqliteIndex(const std::string& path)
    : path_(path),
      db_(std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)) {
  db_->exec("PRAGMA journal_mode = WAL");
  db_->exec("PRAGMA synchronous = OFF");
  db_->exec("PRAGMA temp_store = MEMORY");
  db_->exec("PRAGMA cache_size = -32768");
  db_->exec("PRAGMA mmap_size = 268435456");
  db_->exec("PRAGMA journal_size_limit = 67108864");  // what building anew leaves of the WAL
}

SqliteIndex::~SqliteIndex() = default;

Status SqliteIndex::prepare() {
  const Status registered = register_rank(db_->getHandle(), "mlguard_rank", &rank_);
  if (!registered.ok()) return registered;
  const int layout = db_->execAndGet("PRAGMA user_version").getInt();
  const bool empty = db_->execAndGet("SELECT COUNT(*) FROM sqlite_master").getInt() == 0;
  if (empty) {
    SQLite::Transaction made(*db_);
    db_->exec(kSchema);
    for (const Table table : tables_of({})) db_->exec(words_schema(table));
    for (const Table table : tables_of({})) {
      db_->exec("INSERT INTO table_name VALUES(" + std::to_string(static_cast<int>(table)) + ", '" +
                to_string(table) + "')");
    }
    db_->exec("PRAGMA user_version = " + std::to_string(kLayout));
    made.commit();
  } else if (layout != kLayout) {
    return Error{ErrorCode::corrupt, "index_layout",
                 "the index " + path_ + " has layout " + std::to_string(layout) + ", not " +
                     std::to_string(kLayout) + ": it is built anew"};
  } else if (db_->execAndGet("PRAGMA quick_check(1)").getString() != "ok") {
    return Error{ErrorCode::corrupt, "index_damaged", "the index " + path_ + " is damaged"};
  }
  load_meta();
  return {};
}

Error SqliteIndex::error_of_exception() const {
  try {
    throw;
  } catch (const SQLite::Exception& problem) {
    const std::string text = "the index " + path_ + ": " + problem.what();
    switch (problem.getErrorCode() & 0xff) {
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
        // So that the next start sets it aside: its structure may look whole to quick_check.
        sqlite3_exec(db_->getHandle(), "PRAGMA user_version = 0", nullptr, nullptr, nullptr);
        return {ErrorCode::corrupt, "index_damaged", text + "; it is built anew at the next start"};
      case SQLITE_FULL: return {ErrorCode::io, "disk_full", text + "; make room"};
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        return {ErrorCode::io, "index_in_use", text + "; does another rag of this name run here?"};
      default: return {ErrorCode::io, text};
    }
  }
}

SQLite::Statement& SqliteIndex::cached(const std::string& sql) const {
  auto& statement = statements_[sql];
  if (!statement) statement = std::make_unique<SQLite::Statement>(*db_, sql);
  statement->reset();
  statement->clearBindings();
  return *statement;
}

namespace {

void bind_words(SQLite::Statement& statement, std::int64_t id,
                const std::array<std::string, kRankColumns>& words) {
  statement.bind(1, id);
  for (int column = 0; column < kRankColumns; ++column) {
    statement.bind(column + 2, words[static_cast<std::size_t>(column)]);
  }
}

}  // namespace

template <class Work>
Status SqliteIndex::write(Work&& work) {
  const bool own = !in_transaction_;
  try {
    if (own) begin_transaction();
    work();
    if (own) end_transaction(true);
    return {};
  } catch (const SQLite::Exception&) {
    Error error = error_of_exception();
    if (own) end_transaction(false);
    return error;
  }
}

void SqliteIndex::begin_transaction() {
  db_->exec("BEGIN IMMEDIATE");
  in_transaction_ = true;
}

void SqliteIndex::end_transaction(bool keep) {
  for (auto& [sql, statement] : statements_) statement->tryReset();
  if (keep) {
    db_->exec("COMMIT");
    in_transaction_ = false;
    return;
  }
  in_transaction_ = false;
  sqlite3_exec(db_->getHandle(), "ROLLBACK", nullptr, nullptr, nullptr);
  try {
    load_meta();
  } catch (const SQLite::Exception&) {
    revision_ = 0;  // Unreadable: the next sync begins from nothing.
  }
}

Result<std::unique_ptr<IndexTransaction>> SqliteIndex::begin() {
  try {
    begin_transaction();
    return Result<std::unique_ptr<IndexTransaction>>(std::make_unique<Transaction>(*this));
  } catch (const SQLite::Exception&) {
    return error_of_exception();
  }
}

void SqliteIndex::set_meta(const char* name, const std::string& value) {
  SQLite::Statement& put = cached("INSERT OR REPLACE INTO meta(name, value) VALUES (?, ?)");
  put.bind(1, name);
  put.bind(2, value);
  put.exec();
}

std::string SqliteIndex::meta(const char* name) const {
  SQLite::Statement& select = cached("SELECT value FROM meta WHERE name = ?");
  select.bind(1, name);
  std::string value = select.executeStep() ? select.getColumn(0).getString() : std::string();
  select.reset();
  return value;
}

void SqliteIndex::load_meta() {
  revision_ = number_of(meta("revision"));
  history_ = meta("history");
}

Status SqliteIndex::set_history(const std::string& identity) {
  const Status written = write([&] { set_meta("history", identity); });
  if (written.ok()) history_ = identity;
  return written;
}

std::int64_t SqliteIndex::id_for(const Record& record) {
  const auto table = static_cast<int>(record.table);
  SQLite::Statement& known = cached("SELECT id FROM record WHERE tbl = ? AND key = ?");
  known.bind(1, table);
  known.bind(2, record.key);
  if (known.executeStep()) {
    const std::int64_t id = known.getColumn(0).getInt64();
    known.reset();
    remove_id(id);
    return id;
  }
  known.reset();
  const IdRange range = ids_of(record.table);
  SQLite::Statement& last = cached("SELECT max(id) FROM record WHERE id BETWEEN ? AND ?");
  last.bind(1, range.first);
  last.bind(2, range.last);
  const std::int64_t highest = last.executeStep() && !last.getColumn(0).isNull()
                                   ? last.getColumn(0).getInt64()
                                   : range.first;
  last.reset();
  return highest + 1;
}

SqliteIndex::Words SqliteIndex::words_of(std::int64_t id) const {
  Words words;
  SQLite::Statement& passage = cached("SELECT title, place, text FROM passage WHERE id = ?");
  passage.bind(1, id);
  if (passage.executeStep()) {
    for (int column = 0; column < kRankColumns; ++column) {
      words[static_cast<std::size_t>(column)] = joined_words(passage.getColumn(column).getString());
    }
  }
  passage.reset();
  return words;
}

void SqliteIndex::remove_id(std::int64_t id) {
  // An external-content table forgets a row when it is told the words that it was given.
  const Words words = words_of(id);
  const std::string table = words_table(table_of_id(id));
  SQLite::Statement& forget = cached("INSERT INTO " + table + "(" + table +
                                     ", rowid, title, place, text) VALUES ('delete', ?, ?, ?, ?)");
  bind_words(forget, id, words);
  forget.exec();
  for (const char* sql : {"DELETE FROM passage WHERE id = ?", "DELETE FROM record WHERE id = ?"}) {
    SQLite::Statement& row = cached(sql);
    row.bind(1, id);
    row.exec();
  }
}

void SqliteIndex::put_one(const Record& record) {
  const std::int64_t id = id_for(record);
  SQLite::Statement& row = cached(
      "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
      "?15, ?16)");
  row.bind(1, id);
  row.bind(2, static_cast<int>(record.table));
  row.bind(3, record.key);
  row.bind(4, static_cast<std::int64_t>(record.revision));
  row.bind(5, record.at_ms);
  row.bind(6, record.ends_at_ms);
  const auto ages = ages_of(record);
  if (ages) row.bind(7, *ages);
  row.bind(8, cut(record.component, kColumnBytesMax));
  row.bind(9, static_cast<std::int64_t>(record.version));
  const std::string path = cut(record.path, kColumnBytesMax);
  if (!path.empty()) bind_value(row, 10, SqlBlob{backwards(path)});
  row.bind(11, cut(record.kind, kColumnBytesMax));
  row.bind(12, cut(record.actor, kColumnBytesMax));
  row.bind(13, cut(record.address, kColumnBytesMax));
  const auto net = parse_network_key(record.address);
  if (net) bind_value(row, 14, SqlBlob{std::string(net->begin(), net->end())});
  row.bind(15, cut(record.destination, kColumnBytesMax));
  row.bind(16, record.score);
  row.exec();
  SQLite::Statement& passage =
      cached("INSERT INTO passage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  passage.bind(1, id);
  passage.bind(2, cut(record.title, kTitleBytesMax));
  passage.bind(3, place_of(record));
  passage.bind(4, cut(record.text, kRecordTextBytesMax));
  passage.bind(5, path);
  passage.bind(6, cut(record.value, kRecordTextBytesMax));
  passage.bind(7, cut(record.related, kColumnBytesMax));
  passage.bind(8, cut(record.detail, kDetailBytesMax));
  passage.exec();
  SQLite::Statement& learn = cached("INSERT INTO " + words_table(record.table) +
                                    "(rowid, title, place, text) VALUES (?, ?, ?, ?)");
  bind_words(learn, id, words_of(id));
  learn.exec();
}

Status SqliteIndex::put(const std::vector<Record>& records, std::uint64_t revision) {
  for (const Record& record : records) {
    if (!record.key.empty() && record.key.size() <= kKeyBytesMax) continue;
    return Error{ErrorCode::invalid_argument, "bad_key",
                 "a record's key has 1 to " + std::to_string(kKeyBytesMax) + " bytes"};
  }
  const Status written = write([&] {
    for (const Record& record : records) put_one(record);
    set_meta("revision", std::to_string(revision));
  });
  if (written.ok()) revision_ = revision;
  return written;
}

Status SqliteIndex::remove(Table table, const std::vector<std::string>& keys) {
  return write([&] {
    for (const std::string& key : keys) {
      SQLite::Statement& known = cached("SELECT id FROM record WHERE tbl = ? AND key = ?");
      known.bind(1, static_cast<int>(table));
      known.bind(2, key);
      if (!known.executeStep()) continue;
      const std::int64_t id = known.getColumn(0).getInt64();
      known.reset();
      remove_id(id);
    }
  });
}

Status SqliteIndex::clear() {
  const Status written = write([&] {
    while (remove_where("tbl <> ? LIMIT ?", {static_cast<std::int64_t>(Table::doc),
                                             static_cast<std::int64_t>(kTrimBatch)}) > 0) {
    }
    set_meta("revision", "0");
    set_meta("history", "");
  });
  if (written.ok()) load_meta();
  return written;
}

std::size_t SqliteIndex::remove_where(const std::string& condition,
                                      const std::vector<SqlValue>& values) {
  std::vector<std::int64_t> ids;
  SQLite::Statement select(*db_, "SELECT id FROM record WHERE " + condition);
  bind_values(select, 1, values);
  while (select.executeStep()) ids.push_back(select.getColumn(0).getInt64());
  select.reset();
  for (const std::int64_t id : ids) remove_id(id);
  return ids.size();
}

Result<std::size_t> SqliteIndex::trim(std::int64_t oldest_ms, std::size_t records_max) {
  std::size_t gone = 0;
  const auto batch = static_cast<std::int64_t>(kTrimBatch);
  const Status written = write([&] {
    for (std::size_t removed = kTrimBatch; removed == kTrimBatch; gone += removed) {
      removed = remove_where("ages_ms < ? LIMIT ?", {oldest_ms, batch});
    }
    const auto all = db_->execAndGet("SELECT COUNT(*) FROM record").getInt64();
    std::int64_t over = all - static_cast<std::int64_t>(records_max);
    // A rule that has its end before it is live until then; the newest record tells what time it
    // is.
    const std::int64_t now = db_->execAndGet("SELECT max(at_ms) FROM record").getInt64();
    while (over > 0) {
      const std::size_t removed = remove_where(
          "ages_ms <= ? ORDER BY ages_ms, revision, id LIMIT ?", {now, std::min(over, batch)});
      if (removed == 0) break;
      gone += removed;
      over -= static_cast<std::int64_t>(removed);
    }
  });
  if (!written.ok()) return written.error();
  return gone;
}

}  // namespace mlguard::rag
