#include "ml_detector/outbox.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "base/files.h"
#include "base/ids.h"
#include "base/logging.h"
#include "wire/messages.h"

namespace mlguard::ml_detector {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr mode_t kFolderMode = 0700;
// A rule that would end before it arrives: the control plane refuses what is past.
constexpr std::int64_t kExpiryMarginMs = 1'000;
constexpr int kRule = 0;  // item.kind
constexpr int kDetection = 1;

constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS item(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  kind INTEGER NOT NULL,
  id TEXT NOT NULL,
  request_id TEXT NOT NULL DEFAULT '',
  alone INTEGER NOT NULL DEFAULT 0,
  expires_at INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS item_waiting ON item(kind, request_id, seq);
CREATE INDEX IF NOT EXISTS item_id ON item(id);
CREATE TABLE IF NOT EXISTS offender(
  address BLOB NOT NULL PRIMARY KEY,
  blocked_until INTEGER NOT NULL,
  offences INTEGER NOT NULL,
  left_alone_until INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS offender_until ON offender(blocked_until);
CREATE TABLE IF NOT EXISTS known_server(
  address BLOB NOT NULL PRIMARY KEY,
  last_s INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

int column_of(ItemKind kind) { return kind == ItemKind::rule ? kRule : kDetection; }

Error error_of(const SQLite::Exception& problem, const std::string& path) {
  const std::string text = "the queue " + path + ": " + problem.what();
  switch (problem.getErrorCode()) {
    case SQLITE_FULL: return {ErrorCode::resource_exhausted, "disk_full", text + "; make room"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::conflict, "outbox_in_use",
              text + "; does another ml-detector of this name run here?"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return {ErrorCode::corrupt, "outbox_damaged", text};
    default: return {ErrorCode::io, text};
  }
}

flow::Address address_in(const SQLite::Column& column) {
  flow::Address address;
  const auto size = static_cast<std::size_t>(column.getBytes());
  if (size == address.bytes.size()) std::memcpy(address.bytes.data(), column.getBlob(), size);
  return address;
}

void bind_address(SQLite::Statement& statement, const flow::Address& address) {
  statement.bind(1, address.bytes.data(), static_cast<int>(address.bytes.size()));
}

class SqliteOutbox final : public Outbox {
 public:
  SqliteOutbox(const std::string& path, const OutboxLimits& limits)
      : path_(path), limits_(limits), db_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
    db_.exec("PRAGMA locking_mode = EXCLUSIVE");
    db_.exec("PRAGMA journal_mode = WAL");
    db_.exec("PRAGMA synchronous = FULL");
    db_.exec(kSchema);
    // Made before operators' removals were remembered.
    if (!has_column("left_alone_until")) {
      db_.exec("ALTER TABLE offender ADD COLUMN left_alone_until INTEGER NOT NULL DEFAULT 0");
    }
    counters_.rules_queued = count(kRule);
    counters_.detections_queued = count(kDetection);
  }

  Status add(const std::vector<base::Rule>& rules, const std::vector<base::Detection>& detections,
             const std::vector<Offender>& offenders) override {
    return write([&]() -> Status {
      if (counters_.rules_queued + rules.size() > limits_.rules_max) {
        return Error{ErrorCode::resource_exhausted, "outbox_full",
                     std::to_string(counters_.rules_queued) +
                         " rules wait for the control plane, and more are not kept"};
      }
      for (const base::Rule& rule : rules) {
        insert(kRule, rule.id, rule.expires_at_ms, wire::encode_rules({rule}));
      }
      for (const base::Detection& detection : detections) {
        insert(kDetection, detection.id, 0, wire::encode_detections({detection}));
      }
      for (const Offender& offender : offenders) remember(offender);
      drop_oldest_detections();
      return {};
    });
  }

  Result<std::optional<OutboxBatch>> next(ItemKind kind, std::int64_t now_ms) override {
    std::optional<OutboxBatch> batch;
    const Status read = write([&]() -> Status {
      if (kind == ItemKind::rule) drop_expired(now_ms);
      std::string request_id = waiting_request(column_of(kind));
      if (request_id.empty()) request_id = begin_request(column_of(kind), now_ms);
      if (request_id.empty()) return {};
      batch = read_batch(kind, request_id, now_ms);
      if (batch->size() == 0) batch.reset();
      return {};
    });
    if (!read.ok()) return read.error();
    return batch;
  }

  Status done(const OutboxBatch& batch) override {
    return write([&]() -> Status {
      const std::size_t gone = take_away(batch.request_id);
      if (batch.kind == ItemKind::rule) counters_.rules_delivered += gone;
      if (batch.kind == ItemKind::detection) counters_.detections_delivered += gone;
      return {};
    });
  }

  Status refused(const OutboxBatch& batch) override {
    return write([&]() -> Status {
      if (batch.size() <= 1) {
        counters_.refused += take_away(batch.request_id);
        return {};
      }
      SQLite::Statement split(db_,
                              "UPDATE item SET alone = 1, request_id = '' "
                              "WHERE request_id = ?");
      split.bind(1, batch.request_id);
      split.exec();
      return {};
    });
  }

  Status save_servers(const std::vector<KnownServers::Entry>& servers) override {
    return write([&]() -> Status {
      db_.exec("DELETE FROM known_server");
      SQLite::Statement insert(db_, "INSERT INTO known_server(address, last_s) VALUES (?, ?)");
      for (const KnownServers::Entry& server : servers) {
        bind_address(insert, server.address);
        insert.bind(2, static_cast<std::int64_t>(server.last_s));
        insert.exec();
        insert.reset();
      }
      return {};
    });
  }

  Result<std::vector<KnownServers::Entry>> servers() override {
    std::vector<KnownServers::Entry> servers;
    const Status read = write([&]() -> Status {
      SQLite::Statement select(db_, "SELECT address, last_s FROM known_server ORDER BY last_s");
      while (select.executeStep()) {
        servers.push_back({address_in(select.getColumn(0)),
                           static_cast<std::uint64_t>(select.getColumn(1).getInt64())});
      }
      return {};
    });
    if (!read.ok()) return read.error();
    return servers;
  }

  Result<std::vector<Offender>> offenders() override {
    std::vector<Offender> offenders;
    const Status read = write([&]() -> Status {
      SQLite::Statement select(
          db_,
          "SELECT address, blocked_until, offences, left_alone_until FROM offender "
          "ORDER BY blocked_until");
      while (select.executeStep()) {
        offenders.push_back({address_in(select.getColumn(0)), select.getColumn(1).getInt64(),
                             select.getColumn(2).getUInt(), select.getColumn(3).getInt64()});
      }
      return {};
    });
    if (!read.ok()) return read.error();
    return offenders;
  }

  Result<std::vector<std::string>> rule_ids() override {
    std::vector<std::string> ids;
    const Status read = write([&]() -> Status {
      SQLite::Statement select(db_, "SELECT id FROM item WHERE kind = ?");
      select.bind(1, kRule);
      while (select.executeStep()) ids.push_back(select.getColumn(0).getString());
      return {};
    });
    if (!read.ok()) return read.error();
    return ids;
  }

  OutboxCounters counters() const override {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

 private:
  // One transaction; the counters go back with it.
  template <class Work>
  Status write(Work&& work) {
    const std::lock_guard lock(mutex_);
    const OutboxCounters before = counters_;
    try {
      SQLite::Transaction transaction(db_);
      const Status worked = work();
      if (worked.ok()) transaction.commit();
      if (!worked.ok()) counters_ = before;
      return worked;
    } catch (const SQLite::Exception& problem) {
      counters_ = before;
      return error_of(problem, path_);
    }
  }

  bool has_column(const char* name) {
    SQLite::Statement select(db_, "SELECT 1 FROM pragma_table_info('offender') WHERE name = ?");
    select.bind(1, name);
    return select.executeStep();
  }

  std::size_t count(int kind) {
    SQLite::Statement select(db_, "SELECT COUNT(*) FROM item WHERE kind = ?");
    select.bind(1, kind);
    return select.executeStep() ? static_cast<std::size_t>(select.getColumn(0).getInt64()) : 0;
  }
  std::size_t& queued(int kind) {
    return kind == kRule ? counters_.rules_queued : counters_.detections_queued;
  }

  // What is on its way already is not changed: its request id stands for it as it is.
  void insert(int kind, const std::string& id, std::int64_t expires_at, const std::string& body) {
    SQLite::Statement replaced(db_,
                               "DELETE FROM item WHERE id = ? AND kind = ? AND request_id = ''");
    replaced.bind(1, id);
    replaced.bind(2, kind);
    queued(kind) -= static_cast<std::size_t>(replaced.exec());
    SQLite::Statement add(db_, "INSERT INTO item(kind, id, expires_at, body) VALUES (?, ?, ?, ?)");
    add.bind(1, kind);
    add.bind(2, id);
    add.bind(3, expires_at);
    add.bind(4, body);
    add.exec();
    queued(kind) += 1;
  }

  void remember(const Offender& offender) {
    SQLite::Statement put(db_,
                          "INSERT OR REPLACE INTO offender(address, blocked_until, offences, "
                          "left_alone_until) VALUES (?, ?, ?, ?)");
    bind_address(put, offender.address);
    put.bind(2, offender.blocked_until_ms);
    put.bind(3, offender.offences);
    put.bind(4, offender.left_alone_until_ms);
    put.exec();
    db_.exec(
        "DELETE FROM offender WHERE address IN (SELECT address FROM offender "
        "ORDER BY blocked_until LIMIT max(0, (SELECT COUNT(*) FROM offender) - " +
        std::to_string(kOffendersMax) + "))");
  }

  void drop_oldest_detections() {
    if (counters_.detections_queued <= limits_.detections_max) return;
    SQLite::Statement drop(db_,
                           "DELETE FROM item WHERE seq IN (SELECT seq FROM item "
                           "WHERE kind = ? AND request_id = '' ORDER BY seq LIMIT ?)");
    drop.bind(1, kDetection);
    drop.bind(2, static_cast<std::int64_t>(counters_.detections_queued - limits_.detections_max));
    const auto gone = static_cast<std::size_t>(drop.exec());
    counters_.detections_queued -= gone;
    counters_.detections_dropped += gone;
  }

  void drop_expired(std::int64_t now_ms) {
    SQLite::Statement drop(db_,
                           "DELETE FROM item WHERE kind = ? AND request_id = '' "
                           "AND expires_at > 0 AND expires_at <= ?");
    drop.bind(1, kRule);
    drop.bind(2, now_ms + kExpiryMarginMs);
    const auto gone = static_cast<std::size_t>(drop.exec());
    counters_.rules_queued -= gone;
    counters_.rules_expired += gone;
  }

  std::string waiting_request(int kind) {
    SQLite::Statement select(
        db_, "SELECT request_id FROM item WHERE kind = ? AND request_id > '' ORDER BY seq LIMIT 1");
    select.bind(1, kind);
    return select.executeStep() ? select.getColumn(0).getString() : std::string();
  }

  // Empty: nothing of this kind waits.
  std::string begin_request(int kind, std::int64_t now_ms) {
    const std::string request_id = base::request_id(now_ms);
    SQLite::Statement first(db_,
                            "SELECT alone FROM item WHERE kind = ? AND request_id = '' "
                            "ORDER BY alone DESC, seq LIMIT 1");
    first.bind(1, kind);
    if (!first.executeStep()) return {};
    const bool alone = first.getColumn(0).getInt() != 0;
    SQLite::Statement mark(db_,
                           "UPDATE item SET request_id = ? WHERE seq IN (SELECT seq FROM item "
                           "WHERE kind = ? AND request_id = '' ORDER BY alone DESC, seq "
                           "LIMIT ?)");
    mark.bind(1, request_id);
    mark.bind(2, kind);
    mark.bind(3, alone ? std::int64_t{1} : static_cast<std::int64_t>(kBatchItemsMax));
    mark.exec();
    return request_id;
  }

  OutboxBatch read_batch(ItemKind kind, const std::string& request_id, std::int64_t now_ms) {
    OutboxBatch batch;
    batch.kind = kind;
    batch.request_id = request_id;
    std::vector<std::int64_t> unreadable;
    SQLite::Statement select(db_, "SELECT seq, body FROM item WHERE request_id = ? ORDER BY seq");
    select.bind(1, request_id);
    while (select.executeStep()) {
      const std::string body = select.getColumn(1).getString();
      bool read = false;
      if (kind == ItemKind::rule) {
        auto rules = wire::decode_rules(body, now_ms);
        read = rules.ok() && !rules->empty();
        if (read) batch.rules.push_back(std::move(rules->front()));
      } else {
        auto detections = wire::decode_detections(body);
        read = detections.ok() && !detections->empty();
        if (read) batch.detections.push_back(std::move(detections->front()));
      }
      if (!read) unreadable.push_back(select.getColumn(0).getInt64());
    }
    for (const std::int64_t seq : unreadable) {
      db_.exec("DELETE FROM item WHERE seq = " + std::to_string(seq));
      --queued(column_of(kind));
      ++counters_.refused;
    }
    return batch;
  }

  std::size_t take_away(const std::string& request_id) {
    std::size_t gone_of_all = 0;
    for (const int kind : {kRule, kDetection}) {
      SQLite::Statement remove(db_, "DELETE FROM item WHERE kind = ? AND request_id = ?");
      remove.bind(1, kind);
      remove.bind(2, request_id);
      const auto gone = static_cast<std::size_t>(remove.exec());
      queued(kind) -= gone;
      gone_of_all += gone;
    }
    return gone_of_all;
  }

  const std::string path_;
  const OutboxLimits limits_;
  mutable std::mutex mutex_;
  SQLite::Database db_;  // guarded by mutex_, as the next
  OutboxCounters counters_;
};

Result<std::unique_ptr<Outbox>> try_open(const std::string& path, const OutboxLimits& limits) {
  try {
    return Result<std::unique_ptr<Outbox>>(std::make_unique<SqliteOutbox>(path, limits));
  } catch (const SQLite::Exception& problem) {
    return error_of(problem, path);
  }
}

}  // namespace

Result<std::unique_ptr<Outbox>> Outbox::open(const std::string& path, const OutboxLimits& limits) {
  const Status made = base::make_folders(base::folder_of(path), kFolderMode);
  if (!made.ok()) return made.error();
  auto opened = try_open(path, limits);
  if (opened.ok() || opened.error().code != ErrorCode::corrupt) return opened;
  const std::string aside = path + ".damaged";
  base::log_error("the queue is damaged: it is set aside and a new one begun",
                  {{"error", opened.error().message}, {"kept_as", aside}});
  if (std::rename(path.c_str(), aside.c_str()) != 0) {
    return base::errno_error("could not set aside", path, errno);
  }
  std::remove((path + "-wal").c_str());
  std::remove((path + "-shm").c_str());
  return try_open(path, limits);
}

}  // namespace mlguard::ml_detector
