// Following: pings, the outstanding fetch, appending, what is committed. See docs/replication.md,
// "Following".
#include <algorithm>
#include <utility>

#include "replicator/core.h"

namespace mlguard::replicator {

bool Core::follows() const {
  return (role_ == Role::follower || role_ == Role::learner) && !leader_.empty();
}

void Core::on_ping(const Message& message, const Ping& ping) {
  if (role_ == Role::leader) {
    alarm(AlarmKind::two_leaders, message.from + " also leads term " + std::to_string(hard_.term));
    return;
  }
  if (leader_ != message.from) {
    become_follower();
    leader_ = message.from;
  }
  leader_lost_ = false;
  leader_heard_ms_ = now_ms_;
  reset_election_timer(settings_.election_timeout_ms);
  // Messages overtake each other: an older ping must not take anything back.
  following_.leader_tail = std::max(following_.leader_tail, ping.tail);
  learn_commit(ping.committed);
  send(message.from, Pong{ping.round});
}

void Core::learn_commit(Revision leader_committed) {
  following_.leader_committed = std::max(following_.leader_committed, leader_committed);
  const Revision here =
      rules_.follower_commit(following_.leader_committed, following_.agreed, tail_.revision);
  committed_ = std::max(committed_, here);
}

// An answer is waited for as long as the leader may hold it; much shorter once its pings tell that
// there is something to be had, for then the question or the answer was lost.
bool Core::ask_is_fresh() const {
  if (following_.ask_id == 0) return false;
  const std::int64_t age_ms = now_ms_ - following_.asked_ms;
  const bool something_new =
      following_.leader_tail > tail_.revision || following_.leader_committed > committed_;
  const bool may_be_held = following_.mode == FollowMode::fetching && !something_new;
  const std::int64_t hold_ms = may_be_held ? settings_.fetch_wait_ms : 0;
  return age_ms < hold_ms + settings_.fetch_retry_ms;
}

void Core::pump_follower() {
  if (!follows()) return;
  hand_set_aside();
  if (now_ms_ < following_.retry_at_ms || ask_is_fresh()) return;
  if (log_command_) {
    // Being written is not durable, so there is nothing to acknowledge yet.
    const Position acknowledged = rules_.acknowledged(tail_, log_command_->writing);
    if (!(acknowledged == tail_) && !log_command_->installs) send_fetch(acknowledged);
    return;
  }
  switch (following_.mode) {
    case FollowMode::fetching: send_fetch(tail_); break;
    case FollowMode::probing: send_probe(); break;
    case FollowMode::installing: fetch_snapshot(); break;
  }
}

void Core::send_fetch(const Position& acknowledged) {
  following_.ask_id = next_ask_id_++;
  following_.asked_ms = now_ms_;
  following_.asked_after = acknowledged.revision;
  send(leader_, Fetch{following_.ask_id, acknowledged.revision, acknowledged.digest, committed_});
}

void Core::on_fetch_reply(const FetchReply& reply) {
  if (!follows() || reply.id != following_.ask_id) return;
  following_.ask_id = 0;
  switch (reply.outcome) {
    case FetchOutcome::entries:
      following_.agreed = std::max(following_.agreed, following_.asked_after);
      following_.leader_tail = std::max(following_.leader_tail, reply.tail);
      learn_commit(reply.committed);
      take_entries(reply);
      break;
    case FetchOutcome::diverged: start_probing(); break;
    case FetchOutcome::snapshot_needed: take_over(committed_); break;
    case FetchOutcome::not_leader:
    case FetchOutcome::not_member:
      following_.retry_at_ms = now_ms_ + settings_.fetch_retry_ms;
      break;
  }
}

void Core::take_entries(const FetchReply& reply) {
  if (reply.entries.empty() || log_command_) return;
  if (reply.entries.front().revision != tail_.revision + 1) return;  // Our log moved meanwhile.
  LogCommand command;
  command.term = hard_.term;
  command.writing = position_of(reply.entries.back());
  command.id = give_out(Append{tail_, committed_, reply.entries});
  log_command_ = command;
}

void Core::append_done(const LogCommand& command, const StorageDone& done) {
  // Entries of a former leader need not be the present one's.
  if (!follows() || command.term != hard_.term) return;
  switch (done.outcome) {
    case StorageOutcome::durable:
      following_.agreed = std::max(following_.agreed, tail_.revision);
      learn_commit(following_.leader_committed);
      following_.ask_id = 0;
      break;
    case StorageOutcome::refused:
      following_.retry_at_ms = now_ms_ + settings_.storage_retry_ms;
      break;
    case StorageOutcome::mismatch:
      // Applying what does not fit would hide a bug or damage: begin again from the leader's state.
      take_over(committed_);
      break;
  }
}

void Core::install_done(const LogCommand& command, const StorageDone& done) {
  if (!follows() || command.term != hard_.term) return;
  following_.mode = FollowMode::fetching;
  following_.ask_id = 0;
  if (done.outcome == StorageOutcome::durable) {
    following_.agreed = std::max(following_.agreed, tail_.revision);
    learn_commit(following_.leader_committed);
  } else {
    following_.retry_at_ms = now_ms_ + settings_.storage_retry_ms;
  }
}

}  // namespace mlguard::replicator
