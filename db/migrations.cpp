#include "db/migrations.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "base/embedded.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kMigrations;
}

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;

// "0001_initial.sql" → 1.
std::int64_t number_of(const base::EmbeddedFile& file) {
  return std::strtoll(file.name.c_str(), nullptr, 10);
}

void apply(Connection& connection, const base::EmbeddedFile& file, std::int64_t now_ms) {
  const std::int64_t number = number_of(file);
  connection.execute("BEGIN IMMEDIATE");
  connection.execute(file.content);
  connection.run("INSERT INTO schema_version(version, name, applied_at) VALUES (?, ?, ?)", number,
                 file.name, now_ms);
  connection.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  connection.execute("PRAGMA user_version = " + std::to_string(number));
  connection.execute("COMMIT");
}

}  // namespace

std::int64_t latest_schema_version() { return number_of(base::kMigrations.back()); }

base::Result<MigrationReport> migrate(Connection& connection, std::int64_t now_ms) {
  MigrationReport report;
  report.was_empty = connection.integer_of("SELECT count(*) FROM sqlite_schema") == 0;
  if (!report.was_empty && connection.integer_of("PRAGMA application_id") != kApplicationId) {
    return Error{ErrorCode::conflict, "foreign_database",
                 connection.path() +
                     " is an SQLite database, but not one of ml-guard; choose "
                     "another --data-dir or move the file away"};
  }
  const std::int64_t version = connection.integer_of("PRAGMA user_version");
  if (version > latest_schema_version()) {
    return Error{ErrorCode::unsupported, "schema_too_new",
                 connection.path() + " was written by a newer release (schema " +
                     std::to_string(version) + ", this build knows up to " +
                     std::to_string(latest_schema_version()) +
                     "); install that release or a later one"};
  }
  for (const base::EmbeddedFile& file : base::kMigrations) {
    if (number_of(file) <= version) continue;
    apply(connection, file, now_ms);
    ++report.applied;
  }
  return report;
}

}  // namespace mlguard::db
