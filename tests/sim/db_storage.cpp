#include "db_storage.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "db/backup.h"
#include "db/entry_codec.h"
#include "db/reader_pool.h"
#include "db/row_image.h"
#include "db/sqlite_reader.h"
#include "db/state_scan.h"
#include "records.h"
#include "world.h"

namespace mlguard::sim {

using replicator::ExecuteOutcome;
using replicator::ExecuteResult;
using replicator::StorageOutcome;

namespace {

constexpr const char* kAuthor = "client";
const std::string kComponentPrefix = "sniffer-";
constexpr const char* kMemory = "/dev/shm";
// Refused by every state, and still answered from memory when its request is known.
constexpr std::uint64_t kNoSuchVersion = 1'000'000'000;

std::string component_of(const std::string& key) { return kComponentPrefix + key; }
std::string key_of(const std::string& component) {
  return component.substr(kComponentPrefix.size());
}

std::string document_of(const Command& command) {
  return nlohmann::json{{"v", command.value}, {"r", command.request}}.dump();
}

void read_document(const std::string& document, Row& row) {
  const auto parsed = nlohmann::json::parse(document);
  row.value = parsed.at("v");
  row.request = parsed.at("r");
}

// What the store refuses here is a bug: the disk's whims are simulated outside of it.
template <class T>
T expect_ok(base::Result<T> result) {
  if (!result.ok()) throw Violation("the store refuses: " + result.error().message);
  return std::move(result).value();
}
void expect_ok(const base::Status& status) {
  if (!status.ok()) throw Violation("the store refuses: " + status.error().message);
}

Entry entry_of(const db::LogEntry& from) {
  return {from.revision, from.term, from.digest, db::encode_payload(from)};
}

db::LogEntry log_entry_of(const Entry& from) {
  db::LogEntry entry = expect_ok(db::decode_payload(from.payload));
  entry.revision = from.revision;
  entry.term = from.term;
  entry.digest = from.digest;
  return entry;
}

Membership membership_of(const db::Membership& from) {
  Membership to;
  to.revision = from.revision;
  for (const db::ClusterMember& member : from.members) {
    to.members.push_back({member.address, member.voter ? replicator::MemberKind::voter
                                                       : replicator::MemberKind::learner});
  }
  return to;
}

std::string text_at(const db::RowImage& image, std::size_t column) {
  return std::string(std::get<std::string_view>(image.values[column]));
}

}  // namespace

// A backup, removed when the last who sends or installs it is done.
struct DbStorage::File : Snapshot {
  std::string path;
  ~File() override { ::unlink(path.c_str()); }
};

DbStorage::DbStorage(const std::string& self, const Membership& bootstrap)
    : folder_(::access(kMemory, W_OK) == 0 ? kMemory : "") {
  config_.path = folder_ / "control.db";
  config_.node_id = self;
  config_.retention.change_log_bytes_max = 0;  // trim() says how much goes.
  open();
  std::vector<std::string> addresses;
  for (const Member& member : bootstrap.members) addresses.push_back(member.id);
  expect_ok(store_->set_initial_members(addresses));
}

void DbStorage::open() {
  store_.reset();
  store_ = expect_ok(db::SqliteStore::open(config_, clock_));
}

Recovered DbStorage::recover() {
  open();
  const db::StoreState& state = store_->state();
  Recovered recovered;
  recovered.hard_state = {state.term, state.voted_for};
  if (state.last_term > state.term) recovered.hard_state = {state.last_term, {}};
  recovered.tail = tail();
  recovered.committed = state.committed;
  recovered.membership = membership_of(store_->membership());
  return recovered;
}

Position DbStorage::tail() const {
  const db::StoreState& state = store_->state();
  return {state.revision, state.last_term, state.digest};
}

Revision DbStorage::base() const { return store_->state().log_base_revision; }

StorageDone DbStorage::run(const StorageCommand& command, std::int64_t wall_ms) {
  clock_.jump_wall_ms(wall_ms - clock_.wall_ms());
  StorageDone done;
  done.id = command.id;
  if (const auto* vote = std::get_if<replicator::PersistVote>(&command.what)) {
    expect_ok(store_->set_hard_state(vote->state.term, vote->state.voted_for));
  } else if (const auto* execute_command = std::get_if<replicator::Execute>(&command.what)) {
    execute(*execute_command, done);
  } else if (const auto* append_command = std::get_if<replicator::Append>(&command.what)) {
    append(*append_command, done);
  } else if (const auto* forget = std::get_if<replicator::ForgetSetAside>(&command.what)) {
    expect_ok(store_->forget_set_aside(forget->count));
  }
  done.tail = tail();
  return done;
}

// ---- Leading -------------------------------------------------------------------------------

void DbStorage::execute(const replicator::Execute& execute, StorageDone& done) {
  expect_ok(store_->begin_group(execute.term));
  store_->note_committed(execute.committed);
  for (const replicator::Proposal& proposal : execute.batch) {
    done.results.push_back(execute_one(proposal));
  }
  commit_group(done);
}

void DbStorage::commit_group(StorageDone& done) {
  expect_ok(store_->commit_group());
  if (store_->take_effects().members_changed) done.membership = membership_of(store_->membership());
}

ExecuteResult DbStorage::execute_one(const replicator::Proposal& proposal) {
  switch (proposal.kind) {
    case replicator::ProposalKind::write: return execute_write(proposal);
    case replicator::ProposalKind::merge: return execute_merge(proposal);
    case replicator::ProposalKind::empty: {
      const auto opened = expect_ok(store_->append_marker("leader", "a new leader", kAuthor));
      return {ExecuteOutcome::appended, opened.revision, {}};
    }
    case replicator::ProposalKind::membership: break;
  }
  std::vector<db::ClusterMember> members;
  for (const Member& member : proposal.members) {
    members.push_back({member.id, member.kind == replicator::MemberKind::voter});
  }
  const auto changed = expect_ok(store_->set_members(members, kAuthor));
  return {ExecuteOutcome::appended, changed.revision, {}};
}

ExecuteResult DbStorage::execute_write(const replicator::Proposal& proposal) {
  const Command command = decode_command(proposal.payload);
  const std::string component = component_of(command.key);
  const std::string current = read(command.key);
  const bool stands = command.kind == CommandKind::ensure && current == command.value;
  const bool compares = command.kind == CommandKind::compare_and_set;
  std::optional<std::uint64_t> expected;
  if (stands || (compares && current != command.expected)) {
    expected = kNoSuchVersion;
  } else if (compares) {
    expected = static_cast<std::uint64_t>(store_->connection().integer_of(
        "SELECT version FROM config_active WHERE deleted = 0 AND component = '" + component + "'"));
  }
  const auto result = store_->execute(
      {db::PutConfig{component, document_of(command), "", expected}, kAuthor, command.request});
  if (!result.ok()) {
    if (expected != kNoSuchVersion) expect_ok(base::Status(result.error()));
    if (stands) return {ExecuteOutcome::unchanged, tail().revision, std::string(kStandsDetail)};
    return {ExecuteOutcome::refused, tail().revision, current};
  }
  if (result->replayed) return {ExecuteOutcome::unchanged, result->revision, "replayed"};
  return {ExecuteOutcome::appended, result->revision, {}};
}

ExecuteResult DbStorage::execute_merge(const replicator::Proposal& proposal) {
  db::MergeRequest request;
  request.common = proposal.merge_common;
  request.from = proposal.merge_from;
  for (const Entry& entry : proposal.tail) request.entries.push_back(log_entry_of(entry));
  const db::MergeReport report = expect_ok(store_->merge(request));
  const bool changed = report.entries_appended > 0;
  return {changed ? ExecuteOutcome::appended : ExecuteOutcome::unchanged, report.revision, {}};
}

// ---- Following -----------------------------------------------------------------------------

void DbStorage::append(const replicator::Append& append, StorageDone& done) {
  bool fits = append.after == tail();
  expect_ok(store_->begin_group());
  for (std::size_t i = 0; fits && i < append.entries.size(); ++i) {
    const base::Status applied = store_->apply_entry(log_entry_of(append.entries[i]));
    fits = applied.ok();
    if (!fits) done.problem = applied.error().message;
  }
  if (!fits) {
    store_->roll_back_group();
    done.outcome = StorageOutcome::mismatch;
    return;
  }
  store_->note_committed(append.committed);
  commit_group(done);
}

// ---- Snapshots, trimming, reading ----------------------------------------------------------

std::shared_ptr<const Snapshot> DbStorage::snapshot() const {
  auto file = std::make_shared<File>();
  file->position = tail();
  file->path = folder_ / ("snapshot" + std::to_string(++snapshots_));
  db::ReaderPool pool(config_.path);
  const auto reader = expect_ok(db::SqliteReader::open(pool));
  expect_ok(db::backup_database(*reader, file->path));
  return file;
}

StorageDone DbStorage::install(std::uint64_t command_id, const Snapshot& snapshot,
                               Revision keep_after) {
  expect_ok(store_->install_snapshot(static_cast<const File&>(snapshot).path, keep_after));
  if (!store_->take_effects().replaced) throw Violation("an installed snapshot shows no effect");
  StorageDone done;
  done.id = command_id;
  done.tail = tail();
  done.membership = membership_of(store_->membership());
  return done;
}

void DbStorage::trim(Revision through) {
  while (expect_ok(store_->trim_log(through))) {
  }
}

std::optional<Position> DbStorage::position_at(Revision revision) const {
  const auto position = expect_ok(store_->position_at(revision));
  if (!position) return std::nullopt;
  return Position{position->revision, position->term, position->digest};
}

std::vector<Entry> DbStorage::entries(Revision after, Revision through, std::size_t count_max,
                                      std::size_t bytes_max) const {
  std::vector<Entry> found;
  if (after < base()) return found;
  for (const db::LogEntry& entry :
       expect_ok(store_->entries(after, through, count_max, bytes_max))) {
    found.push_back(entry_of(entry));
  }
  return found;
}

replicator::SetAside DbStorage::set_aside(std::size_t count_max, std::size_t bytes_max) const {
  const db::SetAsideEntries aside = expect_ok(store_->set_aside(count_max, bytes_max));
  replicator::SetAside found;
  found.common = aside.common;
  for (const db::LogEntry& entry : aside.entries) found.entries.push_back(entry_of(entry));
  return found;
}

std::string DbStorage::read(const std::string& key) const {
  const std::string component = component_of(key);
  db::Query row = store_->connection().query(
      "SELECT c.document FROM config_active a JOIN config c ON c.component = a.component AND "
      "c.version = a.version WHERE a.component = ? AND a.deleted = 0");
  row.bind(component);
  if (!row.step()) return {};
  Row found;
  read_document(row.text(0), found);
  return found.value;
}

std::vector<Row> DbStorage::rows() const {
  std::vector<Row> found;
  db::Query row = store_->connection().query(
      "SELECT a.component, a.hlc, a.origin, c.revision, c.document FROM config_active a JOIN "
      "config "
      "c ON c.component = a.component AND c.version = a.version WHERE a.deleted = 0");
  while (row.step()) {
    Row next;
    next.key = key_of(row.text(0));
    next.hlc = row.unsigned_integer(1);
    next.origin = row.text(2);
    next.revision = row.unsigned_integer(3);
    read_document(row.text(4), next);
    found.push_back(std::move(next));
  }
  return found;
}

std::vector<Conflict> DbStorage::conflicts() const {
  std::vector<Conflict> found;
  db::Query row = store_->connection().query(
      "SELECT row_key, lost_hlc, lost_origin, reason FROM conflict WHERE table_name = "
      "'config_active'");
  while (row.step()) {
    found.push_back({find_row(row.text(0), row.unsigned_integer(1), row.text(2)), row.text(3)});
  }
  return found;
}

// The write of a version, which stands somewhere: in force, in the history, or as a loser.
Row DbStorage::find_row(const std::string& component, std::uint64_t hlc,
                        const std::string& origin) const {
  Row found;
  found.key = key_of(component);
  found.hlc = hlc;
  found.origin = origin;
  db::Query row = store_->connection().query(
      "SELECT document FROM config WHERE component = ? AND hlc = ? AND origin = ? UNION ALL SELECT "
      "lost_row ->> 'document' FROM conflict WHERE table_name = 'config' AND row_key GLOB ? AND "
      "lost_hlc = ? AND lost_origin = ?");
  row.bind_all(component, hlc, origin, component + "/*", hlc, origin);
  if (!row.step()) throw Violation("the document of a lost version of " + component + " is gone");
  read_document(row.text(0), found);
  return found;
}

std::string DbStorage::state_digest() const {
  const db::Digest counted = db::scan_state(store_->connection()).state_digest;
  if (counted != store_->state().state_digest) {
    throw Violation("the rows do not give the state digest that was kept");
  }
  return db::digest_hex(counted);
}

std::string DbStorage::encode(const Command& command) const { return encode_command(command); }

EntryContent DbStorage::content(const Entry& entry) const {
  const db::LogEntry log_entry = log_entry_of(entry);
  EntryContent content;
  content.is_merge = log_entry.summary.find("(merged from ") != std::string::npos;
  for (const db::RowImage& image : expect_ok(db::decode_images(log_entry.rows))) {
    if (image.kind != db::ImageKind::row) continue;
    if (image.table->id == db::TableId::config_active) {
      Row row = find_row(text_at(image, 0), db::hlc_of(image), std::string(db::origin_of(image)));
      row.compared = log_entry.compare_and_set;
      row.revision = entry.revision;
      content.rows.push_back(std::move(row));
    } else if (image.table->id == db::TableId::conflict && text_at(image, 0) == "config_active") {
      const auto hlc = static_cast<std::uint64_t>(std::get<std::int64_t>(image.values[2]));
      content.conflicts.push_back(
          {find_row(text_at(image, 1), hlc, text_at(image, 3)), text_at(image, 5)});
    }
  }
  return content;
}

std::unique_ptr<Storage> make_db_storage(const std::string& self, const Membership& bootstrap) {
  return std::make_unique<DbStorage>(self, bootstrap);
}

}  // namespace mlguard::sim
