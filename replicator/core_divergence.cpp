// Divergence: where the histories part, taking the leader's over, merging what only this node held.
// See docs/replication.md, "Divergence".
#include <algorithm>
#include <string>

#include "replicator/core.h"

namespace mlguard::replicator {

// What is committed here is in the leader's history, so they part somewhere above.
void Core::start_probing() {
  if (tail_.revision <= committed_) {
    alarm(AlarmKind::committed_differs,
          "our history is committed up to " + std::to_string(committed_) +
              " and differs from the leader's; taking a snapshot of " + leader_);
    take_over(tail_.revision);
    return;
  }
  following_.mode = FollowMode::probing;
  following_.common = committed_;
  following_.differs = tail_.revision;
  send_probe();
}

// Asks about positions spread evenly between what agrees and what differs; each answer narrows the
// gap by kProbePositionsMax, until they are neighbours.
void Core::send_probe() {
  const Revision gap = following_.differs - following_.common - 1;
  const Revision count = std::min<Revision>(gap, kProbePositionsMax);
  following_.probed.clear();
  for (Revision i = 1; i <= count; ++i) {
    const Revision revision = following_.common + (gap * i + count - 1) / count;
    const auto position = log_.position_at(revision);
    if (position) following_.probed.push_back({position->revision, position->digest});
  }
  if (following_.probed.empty()) {
    take_over(following_.common);
    return;
  }
  following_.ask_id = next_ask_id_++;
  following_.asked_ms = now_ms_;
  send(leader_, Probe{following_.ask_id, following_.probed});
}

void Core::on_probe_reply(const ProbeReply& reply) {
  if (!follows() || reply.id != following_.ask_id) return;
  if (following_.mode != FollowMode::probing) return;
  following_.ask_id = 0;
  const auto& probed = following_.probed;
  const std::size_t matching = std::min(reply.matching, probed.size());
  if (matching > 0) following_.common = probed[matching - 1].revision;
  if (matching < probed.size()) following_.differs = probed[matching].revision;
  send_probe();
}

// ---- Taking the leader's history over ------------------------------------------------------

// Our state may hold what the leader's history does not, and a state cannot be wound back: it is
// replaced as a whole. What only we hold is set aside by the same transaction, and merged later: if
// that came first, a majority that diverged could neither merge nor follow, for a merge must be
// committed, and to commit takes followers.
void Core::take_over(Revision common) {
  following_.mode = FollowMode::installing;
  following_.common = common;
  fetch_snapshot();
}

void Core::fetch_snapshot() {
  if (following_.snapshot_id != 0) return;
  const Revision revision_min = std::max(committed_, following_.leader_committed);
  following_.snapshot_id = give_out(FetchSnapshot{leader_, hard_.term, revision_min});
}

// Asked of a leader that we no longer follow, a snapshot is dropped (become_follower forgot its
// id).
void Core::snapshot_fetched(const StorageDone& done) {
  following_.snapshot_id = 0;
  if (done.outcome != StorageOutcome::durable || log_command_) {
    following_.mode = FollowMode::fetching;
    following_.retry_at_ms = now_ms_ + settings_.storage_retry_ms;
    return;
  }
  LogCommand command;
  command.term = hard_.term;
  command.installs = true;
  command.id =
      give_out(InstallSnapshot{done.id, rules_.keeps_after(following_.common, tail_.revision)});
  log_command_ = command;
}

// ---- Merging what was set aside ------------------------------------------------------------

void Core::hand_set_aside() {
  if (!has_set_aside_ || forgetting_ || now_ms_ < following_.retry_at_ms) return;
  if (following_.merge_id != 0 && now_ms_ - following_.merge_asked_ms < settings_.fetch_retry_ms) {
    return;
  }
  SetAside ours = log_.set_aside(kMergeEntriesMax, kMergeBytesMax);
  has_set_aside_ = !ours.entries.empty();
  if (!has_set_aside_) return;
  following_.merge_id = next_ask_id_++;
  following_.merge_asked_ms = now_ms_;
  following_.merge_count = ours.entries.size();
  send(leader_, MergeTail{following_.merge_id, ours.common, std::move(ours.entries)});
}

void Core::on_merge_reply(const MergeReply& reply) {
  if (!follows() || reply.id != following_.merge_id) return;
  following_.merge_id = 0;
  forget_set_aside(following_.merge_count);
}

// A node that comes to lead has nobody to hand it to.
void Core::merge_own_set_aside() {
  if (!has_set_aside_ || forgetting_ || leading_->merging_own != 0) return;
  SetAside ours = log_.set_aside(kMergeEntriesMax, kMergeBytesMax);
  has_set_aside_ = !ours.entries.empty();
  if (!has_set_aside_) return;
  leading_->merging_own = ours.entries.size();
  Proposal merge;
  merge.kind = ProposalKind::merge;
  merge.merge_from = self_;
  merge.merge_common = ours.common;
  merge.tail = std::move(ours.entries);
  enqueue(std::move(merge));
}

void Core::forget_set_aside(std::size_t count) { forgetting_ = give_out(ForgetSetAside{count}); }

}  // namespace mlguard::replicator
