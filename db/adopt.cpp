#include "db/adopt.h"

#include "base/ids.h"
#include "db/connection.h"
#include "db/hybrid_clock.h"
#include "db/sqlite_error.h"

namespace mlguard::db {

namespace {

constexpr int kBusyMs = 5'000;
constexpr std::size_t kNodeIdBytes = 8;

}  // namespace

base::Result<DatabaseFacts> inspect_database(const std::string& path) {
  return guarded("reading", path, [&]() -> base::Result<DatabaseFacts> {
    Connection db(path, OpenMode::read_only, kBusyMs);
    // The entry itself may be trimmed away: then it is the base of the log.
    Query row = db.query(
        "SELECT n.revision, coalesce(c.term, n.log_base_term), coalesce(c.digest, "
        "n.log_base_digest), n.state_digest, coalesce(c.hlc, n.hlc), n.row_count, n.node_id FROM "
        "node_state n LEFT JOIN change_log c ON c.revision = n.revision WHERE n.id = 1");
    if (!row.step()) return damaged_file_error(path, "it does not say whose it is");
    DatabaseFacts facts;
    facts.revision = row.unsigned_integer(0);
    facts.term = row.unsigned_integer(1);
    facts.digest = digest_from_bytes(row.bytes(2));
    facts.state_digest = digest_from_bytes(row.bytes(3));
    facts.time_ms = hlc_wall_ms(row.unsigned_integer(4));
    facts.rows = row.unsigned_integer(5);
    facts.node_id = row.text(6);
    return facts;
  });
}

base::Result<std::string> adopt_database(const std::string& path) {
  return guarded("writing", path, [&]() -> base::Result<std::string> {
    Connection db(path, OpenMode::create, kBusyMs);
    std::string node_id = base::random_hex(kNodeIdBytes);
    db.execute("BEGIN IMMEDIATE");
    db.run(
        "UPDATE node_state SET node_id = ?, voted_for = '', committed = revision, initial_members "
        "= '' WHERE id = 1",
        node_id);
    db.execute("DELETE FROM set_aside; DELETE FROM peer; COMMIT");
    return node_id;
  });
}

}  // namespace mlguard::db
