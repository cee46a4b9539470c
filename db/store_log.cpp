// The log side of the store's core: reading entries, trimming, and the node's own state.
#include <algorithm>
#include <cassert>

#include "db/log_queries.h"
#include "db/sqlite_error.h"
#include "db/sqlite_store.h"

namespace mlguard::db {

LogPosition SqliteStore::log_base() const {
  return {state_.log_base_revision, state_.log_base_term, state_.log_base_digest};
}

base::Result<std::optional<LogPosition>> SqliteStore::position_at(std::uint64_t revision) {
  return guarded("reading", config_.path, [&]() -> base::Result<std::optional<LogPosition>> {
    return query_position(connection_, log_base(), revision);
  });
}

base::Result<std::vector<LogEntry>> SqliteStore::entries(std::uint64_t after, std::uint64_t through,
                                                         std::size_t count_max,
                                                         std::size_t bytes_max) {
  if (after < state_.log_base_revision) return compacted_error(state_.log_base_revision);
  return guarded("reading", config_.path, [&]() -> base::Result<std::vector<LogEntry>> {
    return query_entries(connection_, after, through, count_max, bytes_max);
  });
}

base::Result<std::vector<LogEntry>> SqliteStore::entries_after(std::uint64_t after,
                                                               std::size_t count_max,
                                                               std::size_t bytes_max) {
  return entries(after, state_.revision, count_max, bytes_max);
}

base::Result<SetAsideEntries> SqliteStore::set_aside(std::size_t count_max, std::size_t bytes_max) {
  return guarded("reading", config_.path,
                 [&] { return query_set_aside(connection_, count_max, bytes_max); });
}

base::Status SqliteStore::forget_set_aside(std::size_t count) {
  assert(!in_group_);
  return guarded("writing", config_.path, [&]() -> base::Status {
    connection_.run(
        "DELETE FROM set_aside WHERE seq IN (SELECT seq FROM set_aside ORDER BY seq LIMIT ?)",
        count);
    return {};
  });
}

base::Result<std::optional<LogEntry>> SqliteStore::last_entry() {
  if (state_.revision == state_.log_base_revision) return std::optional<LogEntry>();
  auto entries = entries_after(state_.revision - 1, 1, 0);
  if (!entries.ok()) return entries.error();
  if (entries->empty()) {
    return damaged_file_error(config_.path, "the last entry of its change log is missing");
  }
  return std::optional<LogEntry>(std::move(entries->front()));
}

base::Result<bool> SqliteStore::trim_log(std::uint64_t keep_after) {
  assert(!in_group_);
  const Retention& limits = config_.retention;
  const std::int64_t age_ms = std::max(limits.change_log_ms, kRequestIdMemoryMs);
  const std::int64_t now_ms = clock_.wall_ms();
  StoreState next = state_;
  std::size_t steps = 0;
  try {
    {
      Query query = connection_.query(
          "SELECT revision, term, hlc, digest, length(rows) FROM change_log WHERE revision > ? AND "
          "revision <= ? ORDER BY revision LIMIT ?");
      query.bind_all(state_.log_base_revision, keep_after, kLogTrimEntriesMax);
      while (query.step()) {
        const bool too_old = now_ms - hlc_wall_ms(query.unsigned_integer(2)) > age_ms;
        if (!too_old && next.log_bytes <= limits.change_log_bytes_max) break;
        next.log_base_revision = query.unsigned_integer(0);
        next.log_base_term = query.unsigned_integer(1);
        next.log_base_digest = digest_from_bytes(query.bytes(3));
        next.log_bytes -= std::min(next.log_bytes, query.unsigned_integer(4));
        ++steps;
      }
    }
    const std::int64_t forget_ms = std::max<std::int64_t>(now_ms - kRequestIdMemoryMs, 0);
    const bool trimmed = write_trim(next, static_cast<std::uint64_t>(forget_ms) << kHlcCounterBits);
    return trimmed && steps == kLogTrimEntriesMax;
  } catch (const std::exception&) {
    connection_.roll_back();
    return current_exception_error("trimming the log of", config_.path);
  }
}

bool SqliteStore::write_trim(const StoreState& next, std::uint64_t forget_before_hlc) {
  std::uint64_t last_forgotten = 0;
  {
    // Entries below the base are kept without their images while a repeated request may still
    // come; those older than that go.
    Query query = connection_.query(
        "SELECT revision, hlc FROM change_log WHERE revision <= ? ORDER BY revision LIMIT ?");
    query.bind_all(next.log_base_revision, kLogTrimEntriesMax);
    while (query.step() && query.unsigned_integer(1) < forget_before_hlc) {
      last_forgotten = query.unsigned_integer(0);
    }
  }
  if (next.log_base_revision == state_.log_base_revision && last_forgotten == 0) return false;

  connection_.run("BEGIN IMMEDIATE");
  connection_.run("DELETE FROM change_log WHERE revision <= ?", last_forgotten);
  connection_.run("UPDATE change_log SET rows = NULL WHERE revision > ? AND revision <= ?",
                  state_.log_base_revision, next.log_base_revision);
  state_before_ = state_;
  state_ = next;
  // Only what is committed is trimmed, so that the base tells so much from now on.
  if (next.log_base_revision != state_before_.log_base_revision) {
    note_committed(next.log_base_revision);
  }
  try {
    save_state();
    connection_.run("COMMIT");
  } catch (...) {
    state_ = state_before_;
    throw;
  }
  return true;
}

base::Status SqliteStore::set_hard_state(std::uint64_t term, const std::string& voted_for) {
  assert(!in_group_);
  try {
    connection_.run("UPDATE node_state SET term = ?, voted_for = ? WHERE id = 1", term, voted_for);
  } catch (const std::exception&) {
    return current_exception_error("writing", config_.path);
  }
  state_.term = term;
  state_.voted_for = voted_for;
  return {};
}

base::Status SqliteStore::probe() {
  try {
    connection_.run("UPDATE node_state SET hlc = ? WHERE id = 1", hlc_.last());
  } catch (const std::exception&) {
    return current_exception_error("writing", config_.path);
  }
  return {};
}

}  // namespace mlguard::db
