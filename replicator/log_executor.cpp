#include "replicator/log_executor.h"

#include <utility>

#include "base/logging.h"
#include "db/digest.h"
#include "db/lease_load.h"
#include "replicator/log_entries.h"
#include "replicator/members_at_start.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr const char* kOwnAuthor = "server";
constexpr std::uint64_t kLogOversize = 2;

std::vector<db::ClusterMember> cluster_members(const std::vector<Member>& members) {
  std::vector<db::ClusterMember> out;
  out.reserve(members.size());
  for (const Member& member : members) {
    out.push_back({member.id, member.kind == MemberKind::voter});
  }
  return out;
}

ExecuteResult result_of(const Result<db::WriteResult>& result, Revision here) {
  if (!result) return {ExecuteOutcome::refused, here, result.error().message};
  const bool appended = result->changed && !result->replayed;
  return {appended ? ExecuteOutcome::appended : ExecuteOutcome::unchanged, result->revision, {}};
}

}  // namespace

LogExecutor::LogExecutor(db::SqliteStore& store, DurableLog& log, db::LeaseTable& leases,
                         Listeners listeners)
    : store_(store), log_(log), leases_(leases), listeners_(std::move(listeners)) {
  reload_leases();
  publish(true, "");
  thread_ = std::thread([this] { work(); });
}

LogExecutor::~LogExecutor() { stop(); }

void LogExecutor::run(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void LogExecutor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void LogExecutor::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    std::visit([this](auto& each) { perform(each); }, job);
    lock.lock();
  }
}

// ---- The core's commands ---------------------------------------------------------------------

void LogExecutor::perform(StoreJob& job) {
  StoreReport report;
  report.done.id = job.command.id;
  if (const auto* vote = std::get_if<PersistVote>(&job.command.what)) {
    persist(*vote, report);
  } else if (const auto* batch = std::get_if<Execute>(&job.command.what)) {
    execute(job, *batch, report);
  } else if (const auto* entries = std::get_if<Append>(&job.command.what)) {
    append(*entries, report);
  } else if (const auto* snapshot = std::get_if<InstallSnapshot>(&job.command.what)) {
    install(job, *snapshot, report);
  } else if (const auto* merged = std::get_if<ForgetSetAside>(&job.command.what)) {
    forget(*merged, report);
  }
  report.done.tail = tail();
  listeners_.report(std::move(report));
}

void LogExecutor::persist(const PersistVote& vote, StoreReport& report) {
  const Status kept = store_.set_hard_state(vote.state.term, vote.state.voted_for);
  if (!kept) return refuse(kept.error(), report);
  publish(true, "");
}

void LogExecutor::execute(StoreJob& job, const Execute& execute, StoreReport& report) {
  if (Status begun = store_.begin_group(execute.term); !begun) {
    fail_writes(job, begun.error());
    return refuse(begun.error(), report);
  }
  store_.note_committed(execute.committed);
  bool opens_term = false;
  for (std::size_t i = 0; i < execute.batch.size(); ++i) {
    opens_term = opens_term || execute.batch[i].kind == ProposalKind::empty;
    report.done.results.push_back(execute_one(execute.batch[i], job.writes[i].get(), report));
  }
  if (Status committed = store_.commit_group(); !committed) {
    report.done.results.clear();
    fail_writes(job, committed.error());
    return refuse(committed.error(), report);
  }
  // A new leader knows of heartbeats what its predecessor flushed, and keeps the leases from here.
  if (opens_term) reload_leases();
  commit(report);
}

ExecuteResult LogExecutor::execute_one(const Proposal& proposal, PendingWrite* write,
                                       StoreReport& report) {
  const Revision here = store_.state().revision;
  switch (proposal.kind) {
    case ProposalKind::write:
      write->result = store_.execute(write->write);
      if (!write->result) {
        ++failed_;
      } else if (write->result->replayed) {
        ++replayed_;
      } else {
        ++writes_;
      }
      return result_of(write->result, here);
    case ProposalKind::empty:
      return result_of(store_.append_marker("leader", proposal.payload, kOwnAuthor), here);
    case ProposalKind::membership: {
      const Result<db::WriteResult> set =
          store_.set_members(cluster_members(proposal.members), proposal.payload);
      if (set) report.done.membership = membership_of(store_.membership());
      return result_of(set, here);
    }
    case ProposalKind::merge: return merge(proposal);
  }
  return {ExecuteOutcome::failed, here, "unknown kind of proposal"};
}

ExecuteResult LogExecutor::merge(const Proposal& proposal) {
  db::MergeRequest request;
  request.common = proposal.merge_common;
  request.from = proposal.merge_from;
  for (const Entry& entry : proposal.tail) {
    Result<db::LogEntry> decoded = log_entry_of(entry);
    if (!decoded) {
      return {ExecuteOutcome::failed, store_.state().revision, decoded.error().message};
    }
    request.entries.push_back(std::move(*decoded));
  }
  const Result<db::MergeReport> merged = store_.merge(request);
  if (!merged) return {ExecuteOutcome::failed, store_.state().revision, merged.error().message};
  if (merged->entries_appended == 0) {
    return {ExecuteOutcome::unchanged, store_.state().revision, {}};
  }
  base::log_warn("entries of a history that was cut off are merged",
                 {{"from", proposal.merge_from},
                  {"entries", merged->entries_appended},
                  {"conflicts", merged->conflicts},
                  {"see", "ml-guard conflicts"}});
  return {ExecuteOutcome::appended, store_.state().revision, {}};
}

void LogExecutor::append(const Append& append, StoreReport& report) {
  if (!(append.after == tail())) {
    report.done.outcome = StorageOutcome::mismatch;
    report.done.problem = "entries after revision " + std::to_string(append.after.revision) +
                          " came, but the log here ends at " +
                          std::to_string(store_.state().revision);
    return;
  }
  if (Status begun = store_.begin_group(append.entries.back().term); !begun) {
    return refuse(begun.error(), report);
  }
  store_.note_committed(append.committed);
  Status applied;
  for (const Entry& entry : append.entries) {
    const Result<db::LogEntry> decoded = log_entry_of(entry);
    applied = decoded ? store_.apply_entry(*decoded) : Status(decoded.error());
    if (!applied) break;
  }
  if (!applied) {
    store_.roll_back_group();
    if (applied.error().code != ErrorCode::corrupt && applied.error().code != ErrorCode::internal) {
      return refuse(applied.error(), report);
    }
    report.done.outcome = StorageOutcome::mismatch;
    report.done.problem = applied.error().message;
    return;
  }
  if (Status committed = store_.commit_group(); !committed) {
    return refuse(committed.error(), report);
  }
  commit(report);
}

void LogExecutor::install(const StoreJob& job, const InstallSnapshot& install,
                          StoreReport& report) {
  const Status installed = store_.install_snapshot(job.snapshot_path, install.keep_after);
  if (!installed) return refuse(installed.error(), report);
  report.replaced = true;
  report.done.membership = membership_of(store_.membership());
  log_.replaced(tail());
  take_effects(report);
  reload_leases();
  publish(true, "");
  base::log_info("took over the leader's state", {{"revision", store_.state().revision}});
}

void LogExecutor::forget(const ForgetSetAside& forget, StoreReport& report) {
  const Status forgotten = store_.forget_set_aside(forget.count);
  if (!forgotten) refuse(forgotten.error(), report);
}

// ---- After a transaction ---------------------------------------------------------------------

void LogExecutor::commit(StoreReport& report) {
  ++groups_;
  std::vector<Entry> entries;
  for (const db::LogEntry& entry : store_.take_entries()) entries.push_back(entry_of(entry));
  log_.append(std::move(entries));
  report.changes = store_.take_changes();
  take_effects(report);
  publish(true, "");
}

// Before the writers hear of it: who registers may renew its lease at once.
void LogExecutor::take_effects(StoreReport& report) {
  const db::GroupEffects effects = store_.take_effects();
  if (effects.members_changed) report.done.membership = membership_of(store_.membership());
  if (!effects.revoked_keys.empty()) listeners_.revoked(effects.revoked_keys);
  for (const auto& [name, version] : effects.config_versions) {
    leases_.set_config_version(name, version);
  }
  for (const auto& [name, component] : effects.components) {
    if (component) {
      leases_.put(*component);
    } else {
      leases_.remove(name);
    }
  }
  if (effects.rules_changed) leases_.set_rules_revision(store_.state().rules_revision);
  if (effects.pipeline_keys_revision) {
    leases_.set_pipeline_keys_revision(*effects.pipeline_keys_revision);
  }
}

void LogExecutor::reload_leases() {
  if (Status loaded = db::load_leases(store_, leases_); !loaded) {
    base::log_error("the leases cannot be read", {{"error", loaded.error().message}});
  }
}

void LogExecutor::refuse(const Error& error, StoreReport& report) {
  report.done.outcome = StorageOutcome::refused;
  report.done.problem = error.message;
  if (healthy_) {
    base::log_error("the store cannot write", {{"reason", error.reason}, {"error", error.message}});
  }
  publish(false, error.message);
}

void LogExecutor::fail_writes(const StoreJob& job, const Error& error) {
  for (const PendingWritePtr& write : job.writes) {
    if (write == nullptr) continue;
    write->result = error;
    ++failed_;
  }
}

// ---- What is due between commands ------------------------------------------------------------

void LogExecutor::perform(const TrimLog& trim) {
  if (!healthy_) {
    // Nobody may be writing: find out whether there is room again.
    if (store_.probe().ok()) publish(true, "");
    return;
  }
  const bool too_large =
      store_.state().log_bytes > kLogOversize * store_.retention().change_log_bytes_max;
  bool more = true;
  while (more) {
    const Result<bool> trimmed = store_.trim_log(too_large ? trim.committed : trim.everybody_has);
    if (!trimmed) {
      StoreReport ignored;
      return refuse(trimmed.error(), ignored);
    }
    more = *trimmed;
  }
  publish(true, "");
}

void LogExecutor::perform(const KeepPeerId& peer) {
  const Status kept = peer.node_id.empty() ? store_.forget_peer(peer.address)
                                           : store_.set_peer_node_id(peer.address, peer.node_id);
  if (kept) return;
  base::log_error("a peer's id could not be kept",
                  {{"peer", peer.address}, {"error", kept.error().message}});
}

// ---- Facts -----------------------------------------------------------------------------------

Position LogExecutor::tail() const {
  const db::StoreState& state = store_.state();
  return {state.revision, state.last_term, state.digest};
}

void LogExecutor::publish(bool healthy, const std::string& problem) {
  if (healthy && !healthy_) base::log_info("the store can write again");
  healthy_ = healthy;
  const db::StoreState& state = store_.state();
  const std::lock_guard lock(facts_mutex_);
  facts_.oldest_revision = state.log_base_revision + 1;
  facts_.revision = state.revision;
  facts_.digest = db::digest_hex(state.digest);
  facts_.state_digest = db::digest_hex(state.state_digest);
  facts_.healthy = healthy;
  facts_.problem = problem;
}

StoreFacts LogExecutor::facts() const {
  const std::lock_guard lock(facts_mutex_);
  return facts_;
}

db::EngineCounters LogExecutor::counters() const {
  db::EngineCounters counters;
  counters.writes = writes_;
  counters.write_groups = groups_;
  counters.writes_failed = failed_;
  counters.writes_replayed = replayed_;
  return counters;
}

}  // namespace mlguard::replicator
