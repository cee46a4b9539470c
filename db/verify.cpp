#include "db/verify.h"

#include "base/model.h"
#include "db/sqlite_error.h"
#include "db/state_scan.h"

namespace mlguard::db {

namespace {

constexpr std::size_t kProblemsMax = 20;  // listed; a damaged file may have thousands

struct Report {
  VerifyReport report;
  void problem(const std::string& what) {
    if (report.problems.size() < kProblemsMax) report.problems.push_back(what);
  }
};

void check_chain(Connection& db, Report& out) {
  std::uint64_t revision = 0;
  std::uint64_t last_revision = 0;
  Digest digest{};
  {
    Query base = db.query(
        "SELECT log_base_revision, log_base_digest, revision FROM node_state WHERE id = 1");
    base.step();
    revision = base.unsigned_integer(0);
    digest = digest_from_bytes(base.bytes(1));
    last_revision = base.unsigned_integer(2);
  }
  out.report.first_revision = revision + 1;
  Query row = db.query(
      "SELECT revision, term, digest, rows FROM change_log WHERE revision > ? ORDER BY revision");
  row.bind(revision);
  while (row.step()) {
    const std::uint64_t found = row.unsigned_integer(0);
    if (found != revision + 1) {
      out.problem("the change log jumps from revision " + std::to_string(revision) + " to " +
                  std::to_string(found));
    }
    digest = chain_digest(digest, row.unsigned_integer(1), found, row.bytes(3));
    const Digest stored = digest_from_bytes(row.bytes(2));
    if (digest != stored) {
      out.problem("the digest of revision " + std::to_string(found) +
                  " does not follow from the one before");
      digest = stored;  // So that one damaged entry is reported once.
    }
    revision = found;
    ++out.report.entries_checked;
  }
  out.report.last_revision = revision;
  if (revision != last_revision) {
    out.problem("the change log ends at revision " + std::to_string(revision) + ", the state at " +
                std::to_string(last_revision));
  }
}

void check_totals(Connection& db, Report& out) {
  const StateTotals totals = scan_state(db);
  out.report.rows_checked = totals.row_count;
  out.report.state_digest = digest_hex(totals.state_digest);
  Query kept = db.query(
      "SELECT state_digest, rules_digest, rules_live, detections, row_count FROM node_state WHERE "
      "id = 1");
  kept.step();
  if (digest_from_bytes(kept.bytes(0)) != totals.state_digest) {
    out.problem("the rows do not give the state digest: a row was changed outside the server");
  }
  if (kept.unsigned_integer(1) != totals.rules_digest) {
    out.problem("the live rules do not give the rules digest");
  }
  if (kept.unsigned_integer(2) != totals.rules_live ||
      kept.unsigned_integer(3) != totals.detections ||
      kept.unsigned_integer(4) != totals.row_count) {
    out.problem("the counts of rows differ from those kept");
  }
}

void check_structure(Connection& db, Report& out) {
  Query row = db.query("PRAGMA integrity_check(20)");
  while (row.step()) {
    if (row.bytes(0) != "ok") out.problem("SQLite: " + row.text(0));
  }
}

}  // namespace

VerifyReport verify_state(Connection& db) {
  Report out;
  check_chain(db, out);
  check_totals(db, out);
  return out.report;
}

base::Result<VerifyReport> verify_database(SqliteReader& reader, const std::string& path) {
  return guarded("verifying", path, [&]() -> base::Result<VerifyReport> {
    Report out{verify_state(reader.connection())};
    check_structure(reader.connection(), out);
    return out.report;
  });
}

}  // namespace mlguard::db
