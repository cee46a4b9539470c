#include "db/connection.h"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <sqlite3.h>

#include <cassert>

namespace mlguard::db {

Query::Query(SQLite::Statement& statement, bool& busy) : statement_(statement), busy_(busy) {
  assert(!busy_);
  busy_ = true;
}

Query::~Query() {
  statement_.tryReset();
  busy_ = false;
}

Query& Query::bind(const std::string& text) {
  statement_.bindNoCopy(next_parameter_++, text);
  return *this;
}

Query& Query::bind(std::string&& text) {
  statement_.bind(next_parameter_++, text);
  return *this;
}

Query& Query::bind(std::string_view text) { return bind(std::string(text)); }

Query& Query::bind(Blob blob) {
  // A null pointer would be stored as NULL, and an empty view may hold one.
  const char* data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
  statement_.bindNoCopy(next_parameter_++, data, static_cast<int>(blob.bytes.size()));
  return *this;
}

Query& Query::bind(double value) {
  statement_.bind(next_parameter_++, value);
  return *this;
}

Query& Query::bind(std::nullptr_t) {
  statement_.bind(next_parameter_++);
  return *this;
}

Query& Query::bind_integer(std::int64_t value) {
  statement_.bind(next_parameter_++, value);
  return *this;
}

bool Query::step() { return statement_.executeStep(); }

int Query::run() { return statement_.exec(); }

void Query::reset() {
  statement_.reset();
  next_parameter_ = 1;
}

bool Query::is_null(int column) const { return statement_.getColumn(column).isNull(); }

std::int64_t Query::integer(int column) const { return statement_.getColumn(column).getInt64(); }

double Query::real(int column) const { return statement_.getColumn(column).getDouble(); }

std::string_view Query::bytes(int column) const {
  const SQLite::Column value = statement_.getColumn(column);
  const void* data = value.getBlob();
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(value.getBytes())};
}

struct Connection::Cached {
  Cached(const SQLite::Database& database, const char* sql) : statement(database, sql) {}
  SQLite::Statement statement;
  bool busy = false;
};

Connection::Connection(const std::string& path, OpenMode mode, int busy_ms)
    : path_(path),
      database_(std::make_unique<SQLite::Database>(
          path,
          mode == OpenMode::create ? SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_URI
                                   : SQLite::OPEN_READONLY,
          busy_ms)) {}

Connection::~Connection() = default;

Query Connection::query(const char* sql) {
  std::unique_ptr<Cached>& cached = statements_[sql];
  if (!cached) cached = std::make_unique<Cached>(*database_, sql);
  return Query(cached->statement, cached->busy);
}

void Connection::execute(const std::string& sql) { database_->exec(sql); }

std::int64_t Connection::integer_of(const std::string& sql) {
  SQLite::Statement statement(*database_, sql);
  return statement.executeStep() ? statement.getColumn(0).getInt64() : 0;
}

std::string Connection::text_of(const std::string& sql) {
  SQLite::Statement statement(*database_, sql);
  return statement.executeStep() ? statement.getColumn(0).getString() : std::string();
}

void Connection::detach(const std::string& name) noexcept {
  roll_back();
  database_->tryExec("DETACH " + name);
}

bool Connection::autocommit() const { return sqlite3_get_autocommit(handle()) != 0; }

void Connection::roll_back() noexcept {
  if (!autocommit()) database_->tryExec("ROLLBACK");
}

sqlite3* Connection::handle() const { return database_->getHandle(); }

}  // namespace mlguard::db
