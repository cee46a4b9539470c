#include "db/log_queries.h"

#include <algorithm>

#include "db/entry_codec.h"

namespace mlguard::db {

namespace {

// SQLite's integers are signed; no revision comes near this.
constexpr std::uint64_t kRevisionMax = 0x7fffffffffffffffULL;

LogEntry entry_of(const Query& row) {
  LogEntry entry;
  entry.revision = row.unsigned_integer(0);
  entry.term = row.unsigned_integer(1);
  entry.hlc = row.unsigned_integer(2);
  entry.author = row.text(3);
  entry.resource = row.text(4);
  entry.summary = row.text(5);
  entry.request_id = row.text(6);
  entry.result = row.text(7);
  entry.digest = digest_from_bytes(row.bytes(8));
  entry.rows = row.text(9);
  entry.compare_and_set = row.truth(10);
  return entry;
}

}  // namespace

std::optional<LogPosition> query_position(Connection& connection, const LogPosition& base,
                                          std::uint64_t revision) {
  if (revision == base.revision) return base;
  if (revision < base.revision || revision > kRevisionMax) return std::nullopt;
  Query row = connection.query("SELECT term, digest FROM change_log WHERE revision = ?");
  row.bind(revision);
  if (!row.step()) return std::nullopt;
  return LogPosition{revision, row.unsigned_integer(0), digest_from_bytes(row.bytes(1))};
}

std::vector<LogEntry> query_entries(Connection& connection, std::uint64_t after,
                                    std::uint64_t through, std::size_t count_max,
                                    std::size_t bytes_max) {
  std::vector<LogEntry> entries;
  std::size_t bytes = 0;
  Query query = connection.query(
      "SELECT revision, term, hlc, author, resource, summary, request_id, result, digest, rows, "
      "compare_and_set FROM change_log WHERE revision > ? AND revision <= ? ORDER BY revision");
  query.bind_all(std::min(after, kRevisionMax), std::min(through, kRevisionMax));
  while (entries.size() < count_max && query.step()) {
    LogEntry entry = entry_of(query);
    bytes += entry.rows.size();
    if (!entries.empty() && bytes > bytes_max) break;
    entries.push_back(std::move(entry));
  }
  return entries;
}

base::Error compacted_error(std::uint64_t base_revision) {
  return {base::ErrorCode::not_found, "compacted",
          "the log begins after revision " + std::to_string(base_revision) + "; take a snapshot"};
}

base::Result<SetAsideEntries> query_set_aside(Connection& connection, std::size_t count_max,
                                              std::size_t bytes_max) {
  SetAsideEntries found;
  std::size_t bytes = 0;
  Query row = connection.query(
      "SELECT common, revision, term, digest, payload FROM set_aside ORDER BY seq");
  while (found.entries.size() < count_max && row.step()) {
    const std::uint64_t common = row.unsigned_integer(0);
    const std::uint64_t revision = row.unsigned_integer(1);
    if (!found.entries.empty()) {
      const bool another = common != found.common || revision != found.entries.back().revision + 1;
      if (another || bytes + row.bytes(4).size() > bytes_max) break;
    }
    auto entry = decode_payload(row.bytes(4));
    if (!entry.ok()) return entry.error();
    bytes += row.bytes(4).size();
    entry->revision = revision;
    entry->term = row.unsigned_integer(2);
    entry->digest = digest_from_bytes(row.bytes(3));
    found.common = common;
    found.entries.push_back(std::move(entry).value());
  }
  return found;
}

}  // namespace mlguard::db
