#include "db/sqlite_store.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "db/commands.h"
#include "db/image_apply.h"
#include "db/sqlite_error.h"
#include "db/write_result.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

Error entry_error(const char* reason, const LogEntry& entry, const std::string& why) {
  return {ErrorCode::corrupt, reason,
          "entry " + std::to_string(entry.revision) + " cannot be applied: " + why +
              "; this node needs a snapshot of the leader"};
}

bool is_compare_and_set(const Command& command) {
  return std::visit(
      [](const auto& each) {
        if constexpr (requires { each.expected_version; }) {
          return each.expected_version.has_value();
        } else {
          return false;
        }
      },
      command);
}

base::Change change_of(const LogEntry& entry) {
  return {entry.revision, entry.term,     hlc_wall_ms(entry.hlc),
          entry.author,   entry.resource, entry.summary};
}

}  // namespace

Status SqliteStore::begin_group() { return begin_group(std::max(state_.term, state_.last_term)); }

Status SqliteStore::begin_group(std::uint64_t term) {
  assert(!in_group_ && term >= state_.last_term);
  try {
    connection_.run("BEGIN IMMEDIATE");
  } catch (const std::exception&) {
    return current_exception_error("writing", config_.path);
  }
  in_group_ = true;
  group_term_ = term;
  state_before_ = state_;
  effects_ = {};
  changes_.clear();
  entries_.clear();
  group_failure_.reset();
  return {};
}

base::Result<WriteResult> SqliteStore::execute(const Write& write) {
  return in_group([&]() -> base::Result<WriteResult> {
    if (auto replayed = find_replay(write.request_id)) return *replayed;
    return run_command(write);
  });
}

base::Result<WriteResult> SqliteStore::append_marker(const std::string& resource,
                                                     const std::string& summary,
                                                     const std::string& author) {
  return in_group([&]() -> base::Result<WriteResult> {
    capture_.begin_write(state_.revision + 1);
    LogEntry entry;
    entry.hlc = hlc_.next();
    entry.author = author;
    entry.resource = resource;
    entry.summary = summary;
    return append_captured(entry);
  });
}

std::optional<WriteResult> SqliteStore::find_replay(const std::string& request_id) {
  if (request_id.empty()) return std::nullopt;
  Query query = connection_.query(
      "SELECT revision, term, result, hlc FROM change_log WHERE request_id = ? ORDER BY revision "
      "DESC LIMIT 1");
  query.bind(request_id);
  if (!query.step()) return std::nullopt;
  const std::int64_t age_ms = clock_.wall_ms() - hlc_wall_ms(query.unsigned_integer(3));
  if (age_ms > kRequestIdMemoryMs) return std::nullopt;
  WriteResult result;
  result.revision = query.unsigned_integer(0);
  result.term = query.unsigned_integer(1);
  result.replayed = true;
  decode_result(query.bytes(2), result);
  return result;
}

CommandContext SqliteStore::new_context(const std::string& author) {
  return {connection_, config_.retention,   state_,     node_id_, author, clock_.wall_ms(),
          hlc_.next(), state_.revision + 1, membership_};
}

base::Result<WriteResult> SqliteStore::run_command(const Write& write) {
  const CommandContext context = new_context(write.author);
  capture_.begin_write(context.revision);
  auto outcome =
      std::visit([&context](const auto& command) { return run(context, command); }, write.command);
  const bool changed = !capture_.images().empty();
  if (!outcome.ok()) {
    if (!changed) return outcome.error();
    return fail_group({ErrorCode::internal, "partial_write",
                       "a refused write had changed something already; please report this"});
  }

  WriteResult result;
  if (changed) {
    LogEntry entry;
    entry.hlc = context.hlc;
    entry.author = write.author;
    entry.resource = std::move(outcome->resource);
    entry.summary = std::move(outcome->summary);
    entry.request_id = write.request_id;
    entry.result = encode_result(outcome->version, outcome->ids);
    entry.compare_and_set = is_compare_and_set(write.command);
    result = append_captured(entry);
  } else {
    result.changed = false;
    result.revision = state_.revision;
    result.term = state_.last_term;
  }
  result.version = outcome->version;
  result.ids = std::move(outcome->ids);
  return result;
}

WriteResult SqliteStore::append_captured(LogEntry& entry) {
  entry.revision = state_.revision + 1;
  entry.term = group_term_;
  entry.rows = capture_.images();
  entry.digest = chain_digest(state_.digest, entry.term, entry.revision, entry.rows);
  WriteResult result;
  result.revision = entry.revision;
  result.term = entry.term;
  append_entry(std::move(entry));
  return result;
}

void SqliteStore::append_entry(LogEntry entry) {
  Query query = connection_.query(
      "INSERT INTO change_log(revision, term, hlc, author, resource, summary, request_id, result, "
      "digest, rows, compare_and_set) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  query.bind_all(entry.revision, entry.term, entry.hlc, entry.author, entry.resource,
                 entry.summary);
  if (entry.request_id.empty()) {
    query.bind(nullptr);
  } else {
    query.bind(entry.request_id);
  }
  query.bind_all(entry.result, Blob{digest_bytes(entry.digest)}, Blob{entry.rows},
                 entry.compare_and_set);
  query.run();
  state_.revision = entry.revision;
  state_.last_term = entry.term;
  state_.digest = entry.digest;
  state_.log_bytes += entry.rows.size();
  changes_.push_back(change_of(entry));
  entries_.push_back(std::move(entry));
}

Status SqliteStore::check_follows(const LogEntry& entry) const {
  if (entry.revision != state_.revision + 1 || entry.term < state_.last_term) {
    return entry_error("entry_gap", entry,
                       "the log here ends at revision " + std::to_string(state_.revision) +
                           " of term " + std::to_string(state_.last_term));
  }
  if (entry.digest != chain_digest(state_.digest, entry.term, entry.revision, entry.rows)) {
    return entry_error("entry_digest", entry, "its digest does not follow from the one before");
  }
  return {};
}

Status SqliteStore::apply_entry(const LogEntry& entry) {
  return in_group([&]() -> Status {
    if (auto follows = check_follows(entry); !follows.ok()) return fail_group(follows.error());
    capture_.begin_write(entry.revision);
    auto applied = apply_images(connection_, entry.rows);
    if (!applied.ok()) return fail_group(applied.error());
    // What was captured while applying must be what was sent, byte for byte: an upsert that lost
    // against a row here, or a row that came out otherwise, shows at once.
    if (applied->changed != applied->images || capture_.images() != entry.rows) {
      return fail_group(entry_error("entry_changed_nothing", entry,
                                    "a row of it did not take effect as it was sent"));
    }
    // A merged entry's rows carry stamps of their own.
    hlc_.observe(std::max(entry.hlc, applied->hlc_max));
    append_entry(entry);
    return {};
  });
}

Status SqliteStore::commit_group() {
  assert(in_group_);
  if (!group_failure_) {
    try {
      if (state_.revision != state_before_.revision) save_state();
      Membership members = effects_.members_changed ? read_membership() : Membership();
      connection_.run("COMMIT");
      in_group_ = false;
      if (effects_.members_changed) membership_ = std::move(members);
      return {};
    } catch (const std::exception&) {
      (void)fail_group(current_exception_error("writing", config_.path));
    }
  }
  const Error failure = *group_failure_;
  roll_back_group();
  return failure;
}

void SqliteStore::roll_back_group() {
  connection_.roll_back();
  const std::uint64_t committed = state_.committed;
  state_ = state_before_;
  state_.committed = committed;  // What others have does not depend on this group.
  effects_ = {};
  changes_.clear();
  entries_.clear();
  in_group_ = false;
}

void SqliteStore::note_committed(std::uint64_t revision) {
  state_.committed = std::max(state_.committed, revision);
}

Error SqliteStore::fail_group(Error error) {
  group_failure_ = error;
  return error;
}

std::vector<base::Change> SqliteStore::take_changes() { return std::exchange(changes_, {}); }

std::vector<LogEntry> SqliteStore::take_entries() { return std::exchange(entries_, {}); }

GroupEffects SqliteStore::take_effects() { return std::exchange(effects_, {}); }

}  // namespace mlguard::db
