#include "oracle.h"

#include <algorithm>
#include <tuple>

namespace mlguard::sim {
namespace {

// One execution of a request.
std::string instance_of(const Row& row) {
  return row.request + "@" + row.origin + "/" + std::to_string(row.hlc);
}

std::string at(const Position& position) {
  return std::to_string(position.revision) + " (term " + std::to_string(position.term) + ")";
}

}  // namespace

void add(Coverage& sum, const Coverage& more) {
  sum.elections += more.elections;
  sum.committed += more.committed;
  sum.merges += more.merges;
  sum.merged_rows += more.merged_rows;
  sum.conflicts += more.conflicts;
  sum.snapshots += more.snapshots;
  sum.member_changes += more.member_changes;
  sum.refused_by_disk += more.refused_by_disk;
  sum.operations += more.operations;
  sum.unknown_operations += more.unknown_operations;
  sum.undecided_histories += more.undecided_histories;
}

void Oracle::check(const Node& node) {
  const replicator::CoreStatus status = node.core().status();
  Seen& seen = seen_[node.id()];
  if (seen.incarnation != node.incarnation()) {
    // The commit is written down lazily, so a restart may know of less. Its state may not.
    seen.incarnation = node.incarnation();
    seen.committed = 0;
    seen.install_ordered = false;
  }
  check_committed(node, status, seen);
  check_leader(node, status, seen);
  check_shown(node, seen);
}

void Oracle::check_leader(const Node& node, const replicator::CoreStatus& status, Seen& seen) {
  if (status.role != replicator::Role::leader || seen.led == status.term) return;
  seen.led = status.term;
  ++coverage_.elections;
  const auto [it, first] = leaders_.insert({status.term, node.id()});
  if (!first && it->second != node.id()) {
    throw Violation("two leaders in term " + std::to_string(status.term) + ": " + it->second +
                    " and " + node.id());
  }
  trace_.line(0, "* " + node.id() + " leads term " + std::to_string(status.term));
  // Leader completeness: nothing committed in an earlier term is missing. (A leader that learns of
  // its votes late may lack what was committed in later terms; it will commit nothing.)
  Revision committed = truth_.size();
  while (committed > 0 && truth_[committed - 1].committed_in >= status.term) --committed;
  if (committed == 0) return;
  const Position& last = truth_[committed - 1].position;
  const auto here = node.storage().position_at(committed);
  if (status.tail.revision < committed || (here && !(*here == last))) {
    throw Violation(node.id() + " leads term " + std::to_string(status.term) + " with tail " +
                    at(status.tail) + " and lacks committed " + at(last));
  }
}

void Oracle::check_committed(const Node& node, const replicator::CoreStatus& status, Seen& seen) {
  if (status.committed < seen.committed) {
    throw Violation(node.id() + " takes its committed revision back from " +
                    std::to_string(seen.committed) + " to " + std::to_string(status.committed));
  }
  if (status.committed > status.tail.revision) {
    throw Violation(node.id() + " reports " + std::to_string(status.committed) +
                    " committed beyond its tail " + at(status.tail));
  }
  if (status.committed > truth_.size()) commit_through_snapshot(node, status.term);
  const Revision from = std::max(seen.committed, node.storage().base());
  for (Revision revision = from + 1; revision <= status.committed; ++revision) {
    const auto position = node.storage().position_at(revision);
    if (!position) throw Violation(node.id() + " cannot read " + std::to_string(revision));
    commit(node, *position, status.term);
  }
  seen.committed = status.committed;
}

// A node that began with a snapshot of what was not committed yet lacks those entries.
void Oracle::commit_through_snapshot(const Node& node, Term term) {
  std::vector<Position> missing;
  Position position = *node.storage().position_at(node.storage().base());
  for (; position.revision > truth_.size(); position = archive_[position.digest].previous) {
    missing.push_back(position);
  }
  for (auto it = missing.rbegin(); it != missing.rend(); ++it) commit(node, *it, term);
}

// The first to call a revision committed decides what it is; all others must agree.
void Oracle::commit(const Node& node, const Position& position, Term term) {
  const Revision revision = position.revision;
  if (revision <= truth_.size()) {
    if (position == truth_[revision - 1].position) return;
    throw Violation("revision " + std::to_string(revision) +
                    " is committed with two contents: " + node.id() + " has " + at(position) +
                    ", before it was " + at(truth_[revision - 1].position));
  }
  const Archived& entry = archive_[position.digest];
  const Position expected = truth_.empty() ? Position{} : truth_.back().position;
  if (!(entry.previous == expected)) {
    throw Violation(node.id() + " commits " + at(position) + " after " + at(entry.previous) +
                    ", but committed was " + at(expected));
  }
  for (const Row& row : entry.content.rows) {
    if (!committed_requests_.insert(row.request).second) {
      throw Violation("request " + row.request + " is written twice, again at " + at(position));
    }
  }
  ++coverage_.committed;
  if (entry.content.is_merge) {
    ++coverage_.merges;
    coverage_.merged_rows += entry.content.rows.size();
    coverage_.conflicts += entry.content.conflicts.size();
  }
  truth_.push_back({position, entry.content, term});
}

// Whatever committed revision a node's state has shown, it goes on showing.
void Oracle::check_shown(const Node& node, Seen& seen) {
  if (seen.install_ordered) return;
  const Position tail = node.storage().tail();
  if (tail.revision < seen.shown) {
    throw Violation(node.id() + " goes back to " + at(tail) + " after it has shown committed " +
                    std::to_string(seen.shown));
  }
  if (seen.shown > 0) {
    const auto shown = node.storage().position_at(seen.shown);
    if (shown && !(*shown == truth_[seen.shown - 1].position)) {
      throw Violation(node.id() + " no longer holds committed " + std::to_string(seen.shown) +
                      " that it has shown");
    }
  }
  const Revision candidate = std::min<Revision>(tail.revision, truth_.size());
  if (candidate <= seen.shown) return;
  const auto position = node.storage().position_at(candidate);
  if (position && *position == truth_[candidate - 1].position) seen.shown = candidate;
}

void Oracle::note_start(const Node& node, const StorageCommand& command) {
  if (!std::holds_alternative<replicator::Execute>(command.what)) return;
  before_.clear();
  for (Row& row : node.storage().rows()) before_[row.key] = std::move(row);
  tail_before_ = node.storage().tail();
}

void Oracle::note_run(const Node& node, const StorageCommand& command, const StorageDone& done) {
  if (done.outcome != replicator::StorageOutcome::durable) return;
  if (trace_.on()) trace_.line(0, "* " + node.id() + " has durable " + at(done.tail));
  if (std::holds_alternative<replicator::InstallSnapshot>(command.what)) {
    ++coverage_.snapshots;
    seen_[node.id()].install_ordered = false;
  }
  if (!std::holds_alternative<replicator::Execute>(command.what)) return;
  if (done.membership) ++coverage_.member_changes;
  const Revision tail = node.storage().tail().revision;
  const auto added = static_cast<std::size_t>(tail - tail_before_.revision);
  for (const Entry& entry : node.storage().entries(tail_before_.revision, tail, added, SIZE_MAX)) {
    EntryContent content = node.storage().content(entry);
    for (const Row& row : content.rows) {
      if (!content.is_merge) {
        const auto before = before_.find(row.key);
        predecessor_[instance_of(row)] =
            before == before_.end() ? std::string() : instance_of(before->second);
      }
      before_[row.key] = row;
    }
    archive_[entry.digest] = {tail_before_, std::move(content)};
    tail_before_ = replicator::position_of(entry);
  }
}

void Oracle::note_alarm(const Node& node, const replicator::Alarm& alarm) {
  if (alarm.kind == replicator::AlarmKind::storage_refused) return;
  throw Violation(node.id() + " raises " + to_string(alarm.kind) + ": " + alarm.detail);
}

void Oracle::note_quorum_ack(const std::string& request, Revision revision,
                             const std::string& detail) {
  if (revision > truth_.size()) {
    throw Violation("write " + request + " is acknowledged at " + std::to_string(revision) +
                    " though only " + std::to_string(truth_.size()) + " is committed");
  }
  // A write that found its value standing has no entry of its own.
  if (detail == kStandsDetail || committed_requests_.count(request) != 0) return;
  throw Violation("write " + request + " is acknowledged at " + std::to_string(revision) +
                  ", and no committed entry holds it");
}

bool Oracle::has_seen(const Row& row, const Row& earlier) const {
  const std::string wanted = instance_of(earlier);
  auto at = predecessor_.find(instance_of(row));
  while (at != predecessor_.end() && !at->second.empty()) {
    if (at->second == wanted) return true;
    at = predecessor_.find(at->second);
  }
  return false;
}

void Oracle::replay(const Committed& entry, std::map<std::string, Row>& state) const {
  const auto& conflicts = entry.content.conflicts;
  for (const Row& row : entry.content.rows) {
    const auto current = state.find(row.key);
    if (current != state.end() && entry.content.is_merge) {
      const Row& loser = current->second;
      if (std::tie(row.hlc, row.origin) <= std::tie(loser.hlc, loser.origin)) {
        throw Violation("merge at " + at(entry.position) + " applies an older write");
      }
      const bool recorded = std::any_of(conflicts.begin(), conflicts.end(),
                                        [&](const Conflict& c) { return c.row == loser; });
      if (!recorded && !has_seen(row, loser)) {
        throw Violation("merge at " + at(entry.position) + " overwrites " + loser.request + " by " +
                        row.request + " and does not record it");
      }
    }
    state[row.key] = row;
  }
}

void Oracle::check_settled(const Node& node) const {
  std::map<std::string, Row> state;
  for (const Committed& entry : truth_) replay(entry, state);
  const std::vector<Row> rows = node.storage().rows();
  for (const Row& row : rows) {
    const auto expected = state.find(row.key);
    if (expected == state.end() || !(expected->second == row)) {
      throw Violation(node.id() + " holds " + row.key + "=" + row.value +
                      ", which replaying the committed history does not give");
    }
  }
  if (rows.size() != state.size()) throw Violation(node.id() + " lacks rows of the history");
  // A removed node takes what only it holds with it.
  if (coverage_.member_changes == 0) check_nothing_vanished(node);
}

// Every write that was durable anywhere is in the history, recorded as a loser, or was overwritten
// by one that is and had seen it.
void Oracle::check_nothing_vanished(const Node& node) const {
  std::set<std::string> requests = committed_requests_;
  std::vector<std::string> instances;
  for (const Conflict& conflict : node.storage().conflicts()) {
    requests.insert(conflict.row.request);
    instances.push_back(instance_of(conflict.row));
  }
  for (const Committed& entry : truth_) {
    for (const Row& row : entry.content.rows) instances.push_back(instance_of(row));
  }
  std::set<std::string> overwritten;
  for (const std::string& instance : instances) {
    auto at = predecessor_.find(instance);
    while (at != predecessor_.end() && !at->second.empty()) {
      if (!overwritten.insert(at->second).second) break;
      at = predecessor_.find(at->second);
    }
  }
  for (const auto& [instance, before] : predecessor_) {
    const std::string request = instance.substr(0, instance.find('@'));
    if (overwritten.count(instance) != 0 || requests.count(request) != 0) continue;
    const bool acked = leader_acked_.count(request) != 0;
    throw Violation("write " + instance + (acked ? ", acknowledged by its leader," : "") +
                    " was durable and vanished: neither merged nor recorded");
  }
}

}  // namespace mlguard::sim
