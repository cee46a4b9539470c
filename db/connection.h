// Connection: one open SQLite database with its cached statements; Query: one use of a statement.
// They keep SQLiteCpp out of our headers. Internal to db/: they throw SQLite::Exception, which the
// public functions of this folder turn into Errors (sqlite_error.h).
//
// Not thread-safe: one thread uses a connection at a time.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace mlguard::db {

// Bytes to bind as a BLOB. Refers to memory that outlives the query.
struct Blob {
  std::string_view bytes;
};

// A statement in use. Bind the parameters in order, then step() or run(). It is handed back when
// the Query ends. Text bound from an lvalue string is not copied and must outlive the Query.
class Query {
 public:
  Query(SQLite::Statement& statement, bool& busy);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(const std::string& text);
  Query& bind(std::string&& text);
  Query& bind(std::string_view text);
  Query& bind(const char* text) { return bind(std::string_view(text)); }
  Query& bind(Blob blob);
  Query& bind(double value);
  Query& bind(std::nullptr_t);
  template <std::integral Integer>
  Query& bind(Integer value) {
    return bind_integer(static_cast<std::int64_t>(value));
  }
  template <class... Values>
  Query& bind_all(Values&&... values) {
    (bind(std::forward<Values>(values)), ...);
    return *this;
  }

  // True: a row is there to be read. False: the statement is at its end.
  bool step();
  // Runs to the end of a statement without rows and says how many rows it changed.
  int run();
  // Makes the statement ready for another round of bind and step.
  void reset();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::uint64_t unsigned_integer(int column) const {
    return static_cast<std::uint64_t>(integer(column));
  }
  bool truth(int column) const { return integer(column) != 0; }
  double real(int column) const;
  std::string text(int column) const { return std::string(bytes(column)); }
  // TEXT or BLOB; valid until the next step.
  std::string_view bytes(int column) const;

 private:
  Query& bind_integer(std::int64_t value);

  SQLite::Statement& statement_;
  bool& busy_;
  int next_parameter_ = 1;
};

enum class OpenMode { create, read_only };

class Connection {
 public:
  // `path` may be ":memory:". Waits `busy_ms` for foreign locks.
  Connection(const std::string& path, OpenMode mode, int busy_ms);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // A cached statement. `sql` must be a literal or live as long as the connection: its address is
  // the cache's key. The same statement cannot be in use twice at a time.
  Query query(const char* sql);
  template <class... Values>
  int run(const char* sql, Values&&... values) {
    Query statement = query(sql);
    statement.bind_all(std::forward<Values>(values)...);
    return statement.run();
  }
  // One or more statements without parameters, not cached.
  void execute(const std::string& sql);
  // The first column of the first row as an integer or text; 0 or "" without a row. Not cached.
  std::int64_t integer_of(const std::string& sql);
  std::string text_of(const std::string& sql);

  // Lets go of an attached database. Never throws.
  void detach(const std::string& name) noexcept;

  // False inside a transaction.
  bool autocommit() const;
  // Rolls back if a transaction is open. Never throws: some errors have rolled back already.
  void roll_back() noexcept;

  SQLite::Database& database() { return *database_; }
  sqlite3* handle() const;
  const std::string& path() const { return path_; }

 private:
  struct Cached;

  std::string path_;
  std::unique_ptr<SQLite::Database> database_;
  std::unordered_map<const char*, std::unique_ptr<Cached>> statements_;
};

}  // namespace mlguard::db
