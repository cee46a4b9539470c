// The writer thread of LocalEngine: groups, and what is done after and between them.
#include <utility>

#include "base/logging.h"
#include "db/local_engine.h"
#include "db/row_mapping.h"
#include "db/sqlite_error.h"

namespace mlguard::db {

namespace {

using base::Result;

// How long the writer sleeps without writes before it looks at what else is due.
constexpr std::int64_t kIdleWaitMs = 100;
constexpr const char* kOwnAuthor = "server";

}  // namespace

base::Status LocalEngine::load_leases() {
  return guarded("reading", folder_.database_path(), [this]() -> base::Status {
    const auto everything = store_->all_effects();
    if (!everything.ok()) return everything.error();
    refresh_leases(*everything);
    static const std::string beats = select(kHeartbeatColumns, "FROM heartbeat WHERE deleted = 0");
    Query beat = store_->connection().query(beats.c_str());
    while (beat.step()) leases_.restore_heartbeat(heartbeat_of(beat));
    return {};
  });
}

void LocalEngine::run() {
  bool stopping = false;
  while (!stopping) {
    std::vector<PendingWrite> group = queue_.take(wait_ms());
    if (!group.empty()) run_group(group);
    stopping = queue_.drained();
    run_due_work(stopping);
  }
}

std::int64_t LocalEngine::wait_ms() const {
  return flush_again_ || maintain_again_ ? 0 : kIdleWaitMs;
}

void LocalEngine::run_group(std::vector<PendingWrite>& group) {
  std::vector<Result<WriteResult>> results;
  results.reserve(group.size());
  base::Status outcome = store_->begin_group();
  if (outcome.ok()) {
    for (const PendingWrite& pending : group) results.push_back(store_->execute(pending.write));
    outcome = store_->commit_group();
  }
  std::vector<base::Change> changes;
  if (!outcome.ok()) {
    results.assign(group.size(), Result<WriteResult>(outcome.error()));
    note_failure(outcome.error());
  } else {
    changes = store_->take_changes();
    after_commit();
  }

  for (std::size_t i = 0; i < group.size(); ++i) {
    if (!results[i].ok()) {
      ++writes_failed_;
    } else if (results[i]->replayed) {
      ++writes_replayed_;
    } else {
      ++writes_;
    }
    group[i].done(std::move(results[i]));
  }
  if (!changes.empty()) watches_.publish(changes);
}

Result<WriteResult> LocalEngine::run_own(Command command) {
  Result<WriteResult> kept = WriteResult{};
  std::vector<PendingWrite> group(1);
  group[0].write.command = std::move(command);
  group[0].write.author = kOwnAuthor;
  group[0].done = [&kept](Result<WriteResult> result) { kept = std::move(result); };
  run_group(group);
  return kept;
}

void LocalEngine::after_commit() {
  ++write_groups_;
  refresh_leases(store_->take_effects());
  publish_state(true, "");
}

void LocalEngine::refresh_leases(const GroupEffects& effects) {
  // Before the writers hear of it: who registers may renew at once.
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
  if (effects.rules_changed) leases_.set_rules_revision(store_->state().rules_revision);
}

void LocalEngine::note_failure(const base::Error& error) {
  if (healthy_) {
    base::log_error("the store cannot write", {{"reason", error.reason}, {"error", error.message}});
  }
  publish_state(false, error.message);
}

void LocalEngine::publish_state(bool healthy, const std::string& problem) {
  if (healthy && !healthy_) base::log_info("the store can write again");
  healthy_ = healthy;
  const StoreState& state = store_->state();
  const std::lock_guard lock(status_mutex_);
  status_.node_id = store_->node_id();
  status_.term = state.term;
  status_.revision = state.revision;
  status_.committed = state.revision;
  status_.oldest_revision = state.log_base_revision + 1;
  status_.digest = digest_hex(state.digest);
  status_.state_digest = digest_hex(state.state_digest);
  status_.healthy = healthy;
  status_.problem = problem;
}

void LocalEngine::run_due_work(bool stopping) {
  const std::int64_t now_ms = clock_.monotonic_ms();
  if (stopping || flush_again_ || now_ms - flushed_at_ms_ >= kLeaseFlushMs) {
    flushed_at_ms_ = now_ms;
    flush_leases();
    while (stopping && flush_again_) flush_leases();
  }
  if (!stopping && (maintain_again_ || now_ms - maintained_at_ms_ >= kMaintainEveryMs)) {
    maintained_at_ms_ = now_ms;
    maintain();
  }
}

void LocalEngine::flush_leases() {
  std::vector<base::Heartbeat> beats = leases_.take_renewed();
  flush_again_ = beats.size() == kFlushBatchMax;
  if (beats.empty()) return;
  const Result<WriteResult> flushed = run_own(FlushHeartbeats{beats});
  if (flushed.ok()) return;
  flush_again_ = false;
  leases_.put_back(beats);
}

void LocalEngine::maintain() {
  maintain_again_ = false;
  if (!healthy_) {
    // Nobody may be writing: find out whether there is room again.
    const base::Status probed = store_->probe();
    if (probed.ok()) publish_state(true, "");
    return;
  }
  const Result<WriteResult> done = run_own(Maintain{});
  if (!done.ok()) return;
  const Result<bool> trimmed = store_->trim_log(store_->state().revision);
  if (!trimmed.ok()) {
    note_failure(trimmed.error());
    return;
  }
  publish_state(true, "");
  maintain_again_ = done->changed || *trimmed;
}

}  // namespace mlguard::db
