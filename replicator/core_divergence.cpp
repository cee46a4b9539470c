// Divergence: where the histories part, handing over what only this node holds, then a snapshot.
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
    start_handing(tail_.revision);
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
    start_handing(following_.common);
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

void Core::start_handing(Revision common) {
  following_.common = common;
  following_.handed = common;
  if (!rules_.hands_tail_over() || common >= tail_.revision) {
    start_install();
    return;
  }
  following_.mode = FollowMode::handing_tail;
  send_tail();
}

void Core::send_tail() {
  std::vector<Entry> entries =
      log_.entries(following_.handed, tail_.revision, kMergeEntriesMax, kMergeBytesMax);
  if (entries.empty()) {
    following_.retry_at_ms = now_ms_ + settings_.storage_retry_ms;
    return;
  }
  following_.handing = entries.back().revision;
  following_.ask_id = next_ask_id_++;
  following_.asked_ms = now_ms_;
  send(leader_, MergeTail{following_.ask_id, following_.common, std::move(entries)});
}

void Core::on_merge_reply(const MergeReply& reply) {
  if (!follows() || reply.id != following_.ask_id) return;
  if (following_.mode != FollowMode::handing_tail) return;
  following_.ask_id = 0;
  following_.handed = following_.handing;
  if (following_.handed >= tail_.revision) {
    start_install();
  } else {
    send_tail();
  }
}

// The snapshot must hold what was merged for us, and never less than was committed here.
void Core::start_install() {
  following_.mode = FollowMode::installing;
  if (log_command_) return;
  LogCommand command;
  command.term = hard_.term;
  command.installs = true;
  command.id =
      give_out(InstallSnapshot{leader_, hard_.term, std::max(committed_, following_.leader_committed)});
  log_command_ = command;
}

}  // namespace mlguard::replicator
