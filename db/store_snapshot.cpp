// Installing a snapshot: this node's rows, log and totals are replaced by another's, in one
// transaction, and what only this node held is set aside to be merged.
#include <algorithm>
#include <cctype>

#include "db/entry_codec.h"
#include "db/log_queries.h"
#include "db/migrations.h"
#include "db/row_mapping.h"
#include "db/sqlite_error.h"
#include "db/sqlite_store.h"
#include "db/tables.h"
#include "db/verify.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

constexpr std::size_t kAsideEntriesMax = 256;  // in memory at a time
constexpr std::size_t kAsideBytesMax = 8 * 1024 * 1024;

Error damaged_snapshot(const std::string& path, const std::string& what) {
  return {ErrorCode::corrupt, "snapshot_damaged",
          "the snapshot " + path + " is damaged (" + what +
              "); nothing was changed. Fetch it again; if that comes out alike, run 'ml-guard "
              "verify' on the instance that it was taken from"};
}

// A path as SQLite's URI file names want it.
std::string uri_of(const std::string& path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '/' || c == '.' || c == '_' || c == '-') {
      uri += c;
    } else {
      uri += {'%', kHex[byte >> 4], kHex[byte & 0xf]};
    }
  }
  return uri + "?mode=ro&immutable=1";
}

Status check_schema(Connection& db, const std::string& path) {
  if (db.integer_of("PRAGMA snapshot.application_id") != kApplicationId) {
    return Error{ErrorCode::conflict, "foreign_database",
                 path +
                     " is no database of ml-guard, so it cannot be installed; nothing was "
                     "changed. Take the snapshot from an instance of this cluster"};
  }
  const std::int64_t version = db.integer_of("PRAGMA snapshot.user_version");
  if (version != latest_schema_version()) {
    return Error{ErrorCode::unsupported, "schema_mismatch",
                 "the snapshot " + path + " has schema " + std::to_string(version) +
                     ", this instance has " + std::to_string(latest_schema_version()) +
                     "; nothing was changed. Run the same release on all instances"};
  }
  return {};
}

Status check_content(Connection& db, const std::string& path, std::uint64_t committed) {
  if (auto schema = check_schema(db, path); !schema.ok()) return schema;
  if (const std::string problem = db.text_of("PRAGMA snapshot.quick_check(1)"); problem != "ok") {
    return damaged_snapshot(path, problem);
  }
  const std::int64_t revision = db.integer_of("SELECT revision FROM snapshot.node_state");
  if (revision < static_cast<std::int64_t>(committed)) {
    return Error{ErrorCode::conflict, "snapshot_behind",
                 "the snapshot " + path + " ends at revision " + std::to_string(revision) +
                     ", but here revision " + std::to_string(committed) +
                     " is committed; nothing was changed. Take a newer one"};
  }
  return {};
}

// The file under the name "snapshot" beside ours, as long as this lives.
class Attached {
 public:
  explicit Attached(Connection& connection) : connection_(connection) {}
  Status open(const std::string& path, std::uint64_t committed) {
    Status opened = guarded("reading", path, [&] {
      connection_.run("ATTACH ? AS snapshot", uri_of(path));
      return check_content(connection_, path, committed);
    });
    // What is said of a damaged database is about our own.
    if (opened.ok() || opened.error().reason != "database_corrupt") return opened;
    return damaged_snapshot(path, "SQLite cannot read it");
  }
  ~Attached() { connection_.detach("snapshot"); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  Connection& connection_;
};

// The last revision at which both logs agree, or `known` if that is later. The chain makes all
// before it equal.
std::uint64_t last_common(Connection& db, std::uint64_t known) {
  Query row = db.query(
      "SELECT max(ours.revision) FROM main.change_log ours JOIN snapshot.change_log theirs ON "
      "theirs.revision = ours.revision AND theirs.digest = ours.digest WHERE ours.revision > ?");
  row.bind(known);
  return row.step() && !row.is_null(0) ? row.unsigned_integer(0) : known;
}

void set_entries_aside(Connection& db, std::uint64_t common, std::uint64_t after) {
  for (;;) {
    const auto entries = query_entries(db, after, UINT64_MAX, kAsideEntriesMax, kAsideBytesMax);
    if (entries.empty()) return;
    for (const LogEntry& entry : entries) {
      const std::string payload = encode_payload(entry);
      db.run(
          "INSERT INTO set_aside(common, revision, term, digest, payload) VALUES (?, ?, ?, ?, ?)",
          common, entry.revision, entry.term, Blob{digest_bytes(entry.digest)}, Blob{payload});
    }
    after = entries.back().revision;
  }
}

// Keys that were welcome here and are not any more.
std::vector<std::string> keys_to_revoke(Connection& db) {
  std::vector<std::string> keys;
  Query row = db.query(
      "SELECT public_key FROM main.identity ours WHERE revoked = 0 AND deleted = 0 AND NOT EXISTS "
      "(SELECT 1 FROM snapshot.identity theirs WHERE theirs.public_key = ours.public_key AND "
      "theirs.revoked = 0 AND theirs.deleted = 0)");
  while (row.step()) keys.push_back(row.text(0));
  return keys;
}

// Row by row: without the WHERE SQLite may copy the entries of a table's indexes as they are, and
// nobody has checked those.
void replace_table(Connection& db, const std::string& table) {
  db.execute("DELETE FROM main." + table + "; INSERT INTO main." + table +
             " SELECT * FROM snapshot." + table + " WHERE true");
}

void replace_everything(Connection& db) {
  std::uint64_t hlc = 0;
  for (const ReplicatedTable& table : replicated_tables()) {
    replace_table(db, table.name);
    const std::int64_t highest = db.integer_of(std::string("SELECT max(hlc) FROM ") + table.name);
    hlc = std::max(hlc, static_cast<std::uint64_t>(highest));
  }
  replace_table(db, "change_log");
  db.run(
      "UPDATE main.node_state SET (revision, state_digest, rules_digest, rules_revision, "
      "rules_floor, rules_live, detections, row_count, log_base_revision, log_base_term, "
      "log_base_digest, log_bytes) = (SELECT revision, state_digest, rules_digest, rules_revision, "
      "rules_floor, rules_live, detections, row_count, log_base_revision, log_base_term, "
      "log_base_digest, log_bytes FROM snapshot.node_state), hlc = max(hlc, ?)",
      hlc);
}

}  // namespace

Status SqliteStore::install_snapshot(const std::string& path, std::uint64_t keep_after) {
  assert(!in_group_);
  Attached snapshot(connection_);
  if (auto opened = snapshot.open(path, state_.committed); !opened.ok()) return opened;
  state_before_ = state_;
  // Whole tables are exchanged: the totals come with them.
  capture_.look_away();
  Status installed = guarded("installing the snapshot " + path + " in", config_.path,
                             [&] { return replace_by_snapshot(path, keep_after); });
  capture_.listen();
  if (!installed.ok()) {
    connection_.roll_back();
    state_ = state_before_;
  }
  return installed;
}

Status SqliteStore::replace_by_snapshot(const std::string& path, std::uint64_t keep_after) {
  connection_.run("BEGIN IMMEDIATE");
  const std::uint64_t common = last_common(connection_, keep_after);
  set_entries_aside(connection_, common, std::max(common, state_.log_base_revision));
  std::vector<std::string> revoked_keys = keys_to_revoke(connection_);
  replace_everything(connection_);
  const VerifyReport report = verify_state(connection_);
  if (!report.problems.empty()) return damaged_snapshot(path, report.problems.front());
  load_state();
  Membership members = read_membership();
  GroupEffects effects = read_everything();
  connection_.run("COMMIT");
  membership_ = std::move(members);
  effects_ = std::move(effects);
  effects_.revoked_keys = std::move(revoked_keys);
  changes_.clear();
  return {};
}

base::Result<GroupEffects> SqliteStore::all_effects() {
  return guarded("reading", config_.path,
                 [this]() -> base::Result<GroupEffects> { return read_everything(); });
}

GroupEffects SqliteStore::read_everything() {
  GroupEffects effects;
  effects.rules_changed = true;
  effects.members_changed = true;
  effects.replaced = true;
  effects.pipeline_keys_revision = pipeline_keys_revision(connection_);
  {
    Query row = connection_.query("SELECT component, version FROM config_active WHERE deleted = 0");
    while (row.step()) effects.config_versions[row.text(0)] = row.unsigned_integer(1);
  }
  static const std::string components =
      select(kComponentColumns, "FROM component WHERE deleted = 0");
  Query row = connection_.query(components.c_str());
  while (row.step()) {
    base::Component component = component_of(row);
    effects.components[component.name] = std::move(component);
  }
  return effects;
}

}  // namespace mlguard::db
