#include "model_storage.h"

#include <algorithm>
#include <utility>

namespace mlguard::sim {

using replicator::ExecuteOutcome;
using replicator::ExecuteResult;
using replicator::StorageOutcome;

struct ModelStorage::ModelSnapshot : Snapshot {
  State state;
};

ModelStorage::ModelStorage(std::string self, Membership bootstrap) : self_(std::move(self)) {
  state_.membership = std::move(bootstrap);
}

Recovered ModelStorage::recover() {
  Recovered recovered;
  recovered.hard_state = hard_state_;
  if (state_.tail.term > hard_state_.term) recovered.hard_state = {state_.tail.term, {}};
  recovered.tail = state_.tail;
  recovered.committed = committed_;
  recovered.membership = state_.membership;
  return recovered;
}

StorageDone ModelStorage::run(const StorageCommand& command, std::int64_t wall_ms) {
  StorageDone done;
  done.id = command.id;
  if (const auto* vote = std::get_if<replicator::PersistVote>(&command.what)) {
    hard_state_ = vote->state;
  } else if (const auto* execute_command = std::get_if<replicator::Execute>(&command.what)) {
    execute(*execute_command, wall_ms, done);
  } else if (const auto* append_command = std::get_if<replicator::Append>(&command.what)) {
    append(*append_command, done);
  } else if (const auto* forget = std::get_if<replicator::ForgetSetAside>(&command.what)) {
    for (std::size_t i = 0; i < forget->count && !set_aside_.empty(); ++i) set_aside_.pop_front();
  }
  done.tail = state_.tail;
  return done;
}

// ---- Leading -------------------------------------------------------------------------------

void ModelStorage::execute(const replicator::Execute& execute, std::int64_t wall_ms,
                           StorageDone& done) {
  committed_ = std::max(committed_, execute.committed);
  for (const replicator::Proposal& proposal : execute.batch) {
    done.results.push_back(execute_one(proposal, execute.term, wall_ms, done));
  }
}

ExecuteResult ModelStorage::execute_one(const replicator::Proposal& proposal, Term term,
                                        std::int64_t wall_ms, StorageDone& done) {
  Record record;
  switch (proposal.kind) {
    case replicator::ProposalKind::write: return execute_write(proposal, term, wall_ms);
    case replicator::ProposalKind::empty: return append_record(record, term);
    case replicator::ProposalKind::membership: {
      record.members = proposal.members;
      const ExecuteResult result = append_record(record, term);
      done.membership = state_.membership;
      return result;
    }
    case replicator::ProposalKind::merge: break;
  }
  std::vector<Record> tail;
  for (const Entry& entry : proposal.tail) tail.push_back(decode_record(entry.payload));
  std::set<std::string> requests;
  for (const auto& [request, revision] : state_.requests) requests.insert(request);
  record.content = merge(state_.rows, requests, tail, proposal.merge_common, wall_ms);
  // What a first, unanswered attempt recorded is not recorded twice.
  std::erase_if(record.content.conflicts, [this](const Conflict& conflict) {
    return std::any_of(state_.conflicts.begin(), state_.conflicts.end(),
                       [&](const Conflict& known) { return known.row == conflict.row; });
  });
  if (record.content.rows.empty() && record.content.conflicts.empty()) {
    return {ExecuteOutcome::unchanged, state_.tail.revision, {}};
  }
  return append_record(record, term);
}

ExecuteResult ModelStorage::execute_write(const replicator::Proposal& proposal, Term term,
                                          std::int64_t wall_ms) {
  const Command command = decode_command(proposal.payload);
  const auto known = state_.requests.find(command.request);
  if (known != state_.requests.end()) {
    return {ExecuteOutcome::unchanged, known->second, "replayed"};
  }
  const std::string current = read(command.key);
  if (command.kind == CommandKind::compare_and_set && current != command.expected) {
    return {ExecuteOutcome::refused, state_.tail.revision, current};
  }
  if (command.kind == CommandKind::ensure && current == command.value) {
    return {ExecuteOutcome::unchanged, state_.tail.revision, std::string(kStandsDetail)};
  }
  Record record;
  record.content.rows.push_back({command.key, command.value, next_hlc(wall_ms), self_,
                                 command.request, command.kind == CommandKind::compare_and_set});
  return append_record(record, term);
}

ExecuteResult ModelStorage::append_record(const Record& record, Term term) {
  Entry entry;
  entry.revision = state_.tail.revision + 1;
  entry.term = term;
  entry.payload = encode_record(record);
  entry.digest = chain(state_.tail.digest, term, entry.revision, entry.payload);
  if (!apply(entry)) return {ExecuteOutcome::failed, state_.tail.revision, "does not apply"};
  return {ExecuteOutcome::appended, entry.revision, {}};
}

std::uint64_t ModelStorage::next_hlc(std::int64_t wall_ms) {
  const auto now = static_cast<std::uint64_t>(wall_ms) << kHlcCounterBits;
  return std::max(now, state_.hlc + 1);
}

// ---- Following -----------------------------------------------------------------------------

void ModelStorage::append(const replicator::Append& append, StorageDone& done) {
  const State state_before = state_;
  const std::size_t log_before = log_.size();
  bool fits = append.after == state_.tail;
  for (std::size_t i = 0; fits && i < append.entries.size(); ++i) {
    const Entry& entry = append.entries[i];
    fits = entry.digest == chain(state_.tail.digest, entry.term, entry.revision, entry.payload) &&
           apply(entry);
  }
  if (!fits) {
    state_ = state_before;
    log_.resize(log_before);
    done.outcome = StorageOutcome::mismatch;
    done.problem = "entries after " + std::to_string(append.after.revision) + " do not fit";
    return;
  }
  committed_ = std::max(committed_, append.committed);
  if (state_.membership.revision != state_before.membership.revision) {
    done.membership = state_.membership;
  }
}

bool ModelStorage::apply(const Entry& entry) {
  if (entry.revision != state_.tail.revision + 1 || entry.term < state_.tail.term) return false;
  const Record record = decode_record(entry.payload);
  for (const Row& row : record.content.rows) {
    const auto current = state_.rows.find(row.key);
    if (current != state_.rows.end() && !is_later(row, current->second)) return false;
    state_.rows[row.key] = row;
    state_.rows[row.key].revision = entry.revision;
    state_.requests[row.request] = entry.revision;
    state_.hlc = std::max(state_.hlc, row.hlc);
  }
  for (const Conflict& conflict : record.content.conflicts) state_.conflicts.push_back(conflict);
  if (!record.members.empty()) state_.membership = {record.members, entry.revision};
  state_.tail = replicator::position_of(entry);
  log_.push_back(entry);
  return true;
}

// ---- Snapshots, trimming, reading ----------------------------------------------------------

std::shared_ptr<const Snapshot> ModelStorage::snapshot() const {
  auto snapshot = std::make_shared<ModelSnapshot>();
  snapshot->position = state_.tail;
  snapshot->state = state_;
  return snapshot;
}

StorageDone ModelStorage::install(std::uint64_t command_id, const Snapshot& snapshot,
                                  Revision keep_after) {
  const auto& from = static_cast<const ModelSnapshot&>(snapshot);
  for (const Entry& entry : log_) {
    if (entry.revision > keep_after) set_aside_.emplace_back(keep_after, entry);
  }
  state_ = from.state;
  state_.base = state_.tail;
  log_.clear();
  StorageDone done;
  done.id = command_id;
  done.tail = state_.tail;
  done.membership = state_.membership;
  return done;
}

void ModelStorage::trim(Revision through) {
  const auto position = position_at(through);
  if (!position || through <= state_.base.revision) return;
  const auto count = static_cast<std::ptrdiff_t>(through - state_.base.revision);
  log_.erase(log_.begin(), log_.begin() + count);
  state_.base = *position;
  // The log's base is durable knowledge that so much was committed.
  committed_ = std::max(committed_, through);
}

std::optional<Position> ModelStorage::position_at(Revision revision) const {
  if (revision == state_.base.revision) return state_.base;
  if (revision < state_.base.revision || revision > state_.tail.revision) return std::nullopt;
  return replicator::position_of(log_[revision - state_.base.revision - 1]);
}

std::vector<Entry> ModelStorage::entries(Revision after, Revision through, std::size_t count_max,
                                         std::size_t bytes_max) const {
  std::vector<Entry> found;
  if (after < state_.base.revision) return found;
  std::size_t bytes = 0;
  const Revision last = std::min(through, state_.tail.revision);
  for (Revision at = after + 1; at <= last && found.size() < count_max; ++at) {
    const Entry& entry = log_[at - state_.base.revision - 1];
    if (!found.empty() && bytes + entry.payload.size() > bytes_max) break;
    bytes += entry.payload.size();
    found.push_back(entry);
  }
  return found;
}

replicator::SetAside ModelStorage::set_aside(std::size_t count_max, std::size_t bytes_max) const {
  replicator::SetAside found;
  std::size_t bytes = 0;
  for (const auto& [common, entry] : set_aside_) {
    if (found.entries.empty()) found.common = common;
    const bool another =
        common != found.common ||
        (!found.entries.empty() && entry.revision != found.entries.back().revision + 1);
    if (another || found.entries.size() >= count_max) break;
    if (!found.entries.empty() && bytes + entry.payload.size() > bytes_max) break;
    bytes += entry.payload.size();
    found.entries.push_back(entry);
  }
  return found;
}

std::string ModelStorage::read(const std::string& key) const {
  const auto row = state_.rows.find(key);
  return row == state_.rows.end() ? std::string() : row->second.value;
}

std::vector<Row> ModelStorage::rows() const {
  std::vector<Row> rows;
  for (const auto& [key, row] : state_.rows) rows.push_back(row);
  return rows;
}

std::vector<Conflict> ModelStorage::conflicts() const { return state_.conflicts; }

std::string ModelStorage::state_digest() const {
  std::string digest;
  for (const auto& [key, row] : state_.rows) {
    digest += key + "=" + row.value + "@" + std::to_string(row.hlc) + row.origin + ";";
  }
  return digest + std::to_string(state_.conflicts.size());
}

std::string ModelStorage::encode(const Command& command) const { return encode_command(command); }

EntryContent ModelStorage::content(const Entry& entry) const {
  return decode_record(entry.payload).content;
}

}  // namespace mlguard::sim
