#include "db/log_view.h"

#include "db/log_queries.h"
#include "db/reader_pool.h"
#include "db/sqlite_error.h"

namespace mlguard::db {

namespace {

// The log's base and what stands after it belong together: a trim may come between two statements.
class OneState {
 public:
  explicit OneState(Connection& connection) : connection_(connection) {
    connection_.run("BEGIN");
    Query row = connection_.query(
        "SELECT log_base_revision, log_base_term, log_base_digest FROM node_state WHERE id = 1");
    row.step();
    base_ = {row.unsigned_integer(0), row.unsigned_integer(1), digest_from_bytes(row.bytes(2))};
  }
  ~OneState() { connection_.roll_back(); }
  OneState(const OneState&) = delete;
  OneState& operator=(const OneState&) = delete;

  const LogPosition& base() const { return base_; }

 private:
  Connection& connection_;
  LogPosition base_;
};

}  // namespace

base::Result<std::unique_ptr<LogView>> LogView::open(const std::string& path) {
  return guarded("reading", path, [&]() -> base::Result<std::unique_ptr<LogView>> {
    return std::unique_ptr<LogView>(new LogView(open_reader(path)));
  });
}

LogView::LogView(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

LogView::~LogView() = default;

base::Result<std::optional<LogPosition>> LogView::position_at(std::uint64_t revision) {
  return guarded("reading", connection_->path(), [&]() -> base::Result<std::optional<LogPosition>> {
    const OneState state(*connection_);
    return query_position(*connection_, state.base(), revision);
  });
}

base::Result<std::vector<LogEntry>> LogView::entries(std::uint64_t after, std::uint64_t through,
                                                     std::size_t count_max, std::size_t bytes_max) {
  return guarded("reading", connection_->path(), [&]() -> base::Result<std::vector<LogEntry>> {
    const OneState state(*connection_);
    if (after < state.base().revision) return compacted_error(state.base().revision);
    return query_entries(*connection_, after, through, count_max, bytes_max);
  });
}

base::Result<SetAsideEntries> LogView::set_aside(std::size_t count_max, std::size_t bytes_max) {
  return guarded("reading", connection_->path(),
                 [&] { return query_set_aside(*connection_, count_max, bytes_max); });
}

}  // namespace mlguard::db
