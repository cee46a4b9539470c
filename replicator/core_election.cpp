// Elections: timers, pre-votes, votes. See docs/replication.md, "Election".
#include <algorithm>

#include "replicator/core.h"

namespace mlguard::replicator {

bool Core::leader_is_alive() const {
  if (role_ == Role::leader) return true;
  if (leader_.empty() || leader_lost_) return false;
  return rules_.stands_by_leader(now_ms_ - leader_heard_ms_, settings_.loyalty_ms());
}

// The leader that is being missed does not stand, so it does not count for the rank.
void Core::reset_election_timer(std::int64_t timeout_ms) {
  const auto rank = static_cast<std::int64_t>(members_.rank_of(self_, leader_));
  election_deadline_ms_ = now_ms_ + timeout_ms + rank * settings_.rank_stagger_ms +
                          jitter_.up_to_ms(settings_.election_jitter_ms);
}

// A voter that an uncommitted change removes may be the only one whose log is long enough to be
// elected and commit that change: it stands as long (thesis §4.2.2).
bool Core::may_stand() const {
  if (members_.is_voter(self_)) return true;
  return members_.find(self_) == nullptr && members_.revision > committed_;
}

void Core::tick_election() {
  if (now_ms_ < election_deadline_ms_ || !may_stand()) return;
  // A node whose log is about to be replaced, or whose disk refuses votes, does not stand.
  if ((log_command_ && log_command_->installs) || now_ms_ < persist_retry_ms_) {
    reset_election_timer(settings_.election_timeout_ms);
    return;
  }
  if (rules_.asks_before_campaign()) {
    start_pre_vote();
  } else {
    start_campaign(VoteKind::real);
  }
}

void Core::start_pre_vote() {
  become_follower();
  // Asking costs nobody anything, and who was not there a moment ago may have come.
  reset_election_timer(settings_.pre_vote_retry_ms);
  role_ = Role::pre_candidate;
  votes_ = {self_};
  ask_for_votes(VoteKind::pre, hard_.term + 1);
  count_votes();
}

void Core::start_campaign(VoteKind kind) {
  reset_election_timer(settings_.election_timeout_ms);
  become_follower();
  role_ = Role::candidate;
  hard_ = HardState{hard_.term + 1, self_};
  // Our own vote counts once it is durable (vote_persisted).
  ask_for_votes(kind, hard_.term);
}

void Core::ask_for_votes(VoteKind kind, Term term) {
  for (const Member& member : members_.members) {
    if (member.kind != MemberKind::voter || member.id == self_) continue;
    send_in_term(member.id, term, VoteRequest{kind, tail_.revision, tail_.term});
  }
}

void Core::count_votes() {
  const auto granted = static_cast<std::size_t>(
      std::count_if(votes_.begin(), votes_.end(),
                    [this](const NodeId& voter) { return members_.is_voter(voter); }));
  if (granted < rules_.quorum(members_.voter_count())) return;
  if (role_ == Role::pre_candidate) {
    start_campaign(VoteKind::real);
  } else if (role_ == Role::candidate && votes_.count(self_) != 0) {
    become_leader();
  }
}

// A request is answered whether or not this node's membership holds the candidate: the newest
// membership may not have arrived here yet (Raft §6).
void Core::on_vote_request(const Message& message, const VoteRequest& request) {
  const bool recent = rules_.log_is_recent_enough(request.tail_term, request.tail_revision, tail_);
  if (request.kind == VoteKind::pre) {
    const bool granted = message.term > hard_.term && recent && !leader_is_alive();
    send_in_term(message.from, granted ? message.term : hard_.term,
                 VoteReply{VoteKind::pre, granted});
    return;
  }
  const bool stands = role_ == Role::leader || role_ == Role::candidate;
  const bool granted = !stands && recent && rules_.vote_is_free(hard_.voted_for, message.from);
  if (granted) {
    role_ = resting_role();
    hard_.voted_for = message.from;
    reset_election_timer(settings_.election_timeout_ms);
  }
  send(message.from, VoteReply{request.kind, granted});
}

void Core::on_vote_reply(const Message& message, const VoteReply& reply) {
  if (!reply.granted) return;
  const bool for_pre_vote =
      reply.kind == VoteKind::pre && role_ == Role::pre_candidate && message.term == hard_.term + 1;
  const bool for_vote =
      reply.kind != VoteKind::pre && role_ == Role::candidate && message.term == hard_.term;
  if (!for_pre_vote && !for_vote) return;
  votes_.insert(message.from);
  count_votes();
}

void Core::on_transfer_now(const Message& message) {
  const bool installs = log_command_ && log_command_->installs;
  if (message.from != leader_ || !follows() || !members_.is_voter(self_) || installs) return;
  start_campaign(VoteKind::transfer);
}

}  // namespace mlguard::replicator
