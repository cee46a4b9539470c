// Opening the store's core: pragmas, the check of the file, migrations, and loading its totals.
#include <algorithm>

#include "base/ids.h"
#include "db/migrations.h"
#include "db/sqlite_error.h"
#include "db/sqlite_store.h"
#include "db/state_scan.h"

namespace mlguard::db {

namespace {

constexpr int kBusyMs = 5'000;  // Patience with a person's sqlite3 that holds a write lock.
constexpr std::size_t kNodeIdBytes = 8;

}  // namespace

SqliteStore::SqliteStore(const StoreConfig& config, base::Clock& clock)
    : config_(config),
      clock_(clock),
      hlc_(clock, 0),
      connection_(config.path, OpenMode::create, kBusyMs),
      capture_(connection_, state_, effects_) {}

SqliteStore::~SqliteStore() {
  if (in_group_) roll_back_group();
}

base::Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const StoreConfig& config,
                                                             base::Clock& clock) {
  try {
    std::unique_ptr<SqliteStore> store(new SqliteStore(config, clock));
    if (auto prepared = store->prepare(); !prepared.ok()) return prepared.error();
    return store;
  } catch (const std::exception&) {
    return current_exception_error("opening", config.path);
  }
}

base::Status SqliteStore::prepare() {
  set_pragmas();
  if (const std::string problem = connection_.text_of("PRAGMA quick_check(1)"); problem != "ok") {
    return damaged_file_error(config_.path, problem);
  }
  auto migrated = migrate(connection_, clock_.wall_ms());
  if (!migrated.ok()) return migrated.error();
  if (connection_.integer_of("SELECT count(*) FROM node_state") == 0) create_state();
  load_state();
  // A migration may have changed how rows look, and with them every hash.
  if (migrated->applied > 0 && !migrated->was_empty) recount();
  if (connection_.integer_of("SELECT max(revision) FROM change_log") >
      static_cast<std::int64_t>(state_.revision)) {
    return damaged_file_error(config_.path, "its change log is ahead of its state");
  }
  return {};
}

void SqliteStore::set_pragmas() {
  // Nothing is acknowledged before fsync: synchronous=FULL syncs the WAL at every commit.
  connection_.execute(
      "PRAGMA journal_mode = WAL;"
      "PRAGMA synchronous = FULL;"
      "PRAGMA wal_autocheckpoint = 4000;"
      "PRAGMA journal_size_limit = 67108864;"
      "PRAGMA cache_size = -16000;"
      "PRAGMA temp_store = MEMORY;"
      "PRAGMA secure_delete = OFF;"
      "PRAGMA trusted_schema = OFF;");
}

void SqliteStore::create_state() {
  const std::string id = config_.node_id.empty() ? base::random_hex(kNodeIdBytes) : config_.node_id;
  const Digest zero{};
  connection_.run(
      "INSERT INTO node_state VALUES (1, ?, 1, '', 0, 0, ?, 0, 0, 0, 0, 0, 0, 0, 0, ?, 0, 0, '')",
      id, Blob{digest_bytes(zero)}, Blob{digest_bytes(zero)});
}

void SqliteStore::load_state() {
  std::uint64_t last_hlc = 0;
  {
    Query row = connection_.query(
        "SELECT node_id, term, voted_for, hlc, revision, state_digest, rules_digest, "
        "rules_revision, rules_floor, rules_live, detections, row_count, log_base_revision, "
        "log_base_term, log_base_digest, log_bytes, committed FROM node_state WHERE id = 1");
    row.step();
    node_id_ = row.text(0);
    state_.term = row.unsigned_integer(1);
    state_.voted_for = row.text(2);
    last_hlc = row.unsigned_integer(3);
    state_.revision = row.unsigned_integer(4);
    state_.state_digest = digest_from_bytes(row.bytes(5));
    state_.rules_digest = row.unsigned_integer(6);
    state_.rules_revision = row.unsigned_integer(7);
    state_.rules_floor = row.unsigned_integer(8);
    state_.rules_live = row.unsigned_integer(9);
    state_.detections = row.unsigned_integer(10);
    state_.row_count = row.unsigned_integer(11);
    state_.log_base_revision = row.unsigned_integer(12);
    state_.log_base_term = row.unsigned_integer(13);
    state_.log_base_digest = digest_from_bytes(row.bytes(14));
    state_.log_bytes = row.unsigned_integer(15);
    state_.committed = std::min(row.unsigned_integer(16), state_.revision);
  }
  state_.last_term = state_.log_base_term;
  state_.digest = state_.log_base_digest;
  Query last = connection_.query("SELECT term, digest FROM change_log WHERE revision = ?");
  last.bind(state_.revision);
  if (last.step()) {
    state_.last_term = last.unsigned_integer(0);
    state_.digest = digest_from_bytes(last.bytes(1));
  }
  hlc_.observe(last_hlc);
  membership_ = read_membership();
}

void SqliteStore::recount() {
  const StateTotals totals = scan_state(connection_);
  state_.state_digest = totals.state_digest;
  state_.rules_digest = totals.rules_digest;
  state_.rules_live = totals.rules_live;
  state_.detections = totals.detections;
  state_.row_count = totals.row_count;
  save_state();
}

void SqliteStore::save_state() {
  connection_.run(
      "UPDATE node_state SET hlc = ?, revision = ?, state_digest = ?, rules_digest = ?, "
      "rules_revision = ?, rules_floor = ?, rules_live = ?, detections = ?, row_count = ?, "
      "log_base_revision = ?, log_base_term = ?, log_base_digest = ?, log_bytes = ?, "
      "committed = ? WHERE id = 1",
      hlc_.last(), state_.revision, Blob{digest_bytes(state_.state_digest)}, state_.rules_digest,
      state_.rules_revision, state_.rules_floor, state_.rules_live, state_.detections,
      state_.row_count, state_.log_base_revision, state_.log_base_term,
      Blob{digest_bytes(state_.log_base_digest)}, state_.log_bytes,
      std::min(state_.committed, state_.revision));
}

}  // namespace mlguard::db
