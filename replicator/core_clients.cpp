// What clients want of the leader: writes, linearizable reads, membership, transfer. See
// docs/replication.md, "Answers".
#include <algorithm>
#include <functional>
#include <utility>

#include "replicator/core.h"

namespace mlguard::replicator {

void Core::propose(std::int64_t now_ms, Proposal proposal) {
  now_ms_ = std::max(now_ms_, now_ms);
  if (!leading_) {
    answer(proposal.id, AnswerKind::not_leader, 0, {});
  } else if (leading_->transfer || leading_->queue.size() >= kProposalsQueuedMax ||
             leading_->writes.size() >= kAnswersWaitingMax) {
    answer(proposal.id, AnswerKind::busy, 0, {});
  } else {
    proposal.kind = ProposalKind::write;
    enqueue(std::move(proposal));
  }
  finish();
}

void Core::enqueue(Proposal proposal) {
  leading_->queue.push_back({std::move(proposal), now_ms_ + settings_.write_timeout_ms});
}

// One transaction after the other; what arrives meanwhile goes into the next one together.
void Core::pump_leader() {
  merge_own_set_aside();
  if (log_command_ || leading_->queue.empty()) return;
  Execute execute{hard_.term, committed_, {}};
  std::size_t bytes = 0;
  auto& queue = leading_->queue;
  while (!queue.empty() && execute.batch.size() < kProposalBatchCommandsMax &&
         bytes < kProposalBatchBytesMax) {
    QueuedProposal queued = std::move(queue.front());
    queue.pop_front();
    bytes += queued.proposal.payload.size() + queued.proposal.bytes;
    for (const Entry& entry : queued.proposal.tail) bytes += entry.payload.size();
    Pending pending;
    pending.id = queued.proposal.id;
    pending.kind = queued.proposal.kind;
    pending.ack = queued.proposal.ack;
    pending.merge_from = queued.proposal.merge_from;
    pending.deadline_ms = queued.deadline_ms;
    leading_->executing.push_back(std::move(pending));
    execute.batch.push_back(std::move(queued.proposal));
  }
  LogCommand command;
  command.term = hard_.term;
  command.id = give_out(std::move(execute));
  log_command_ = command;
}

void Core::execute_done(const StorageDone& done) {
  std::vector<Pending> executed = std::exchange(leading_->executing, {});
  if (done.outcome != StorageOutcome::durable || done.results.size() != executed.size()) {
    for (Pending& pending : executed) {
      if (pending.kind == ProposalKind::membership) leading_->members_change_queued = false;
      pending.detail = done.problem;
      answer(pending, AnswerKind::failed);
    }
    // A leader that cannot write leaves the lead to one that can. Until its disk takes a vote
    // again it cannot stand either.
    const bool opening = leading_->term_start == 0 && rules_.opens_term_with_entry();
    if (opening || members_.voter_count() > 1) {
      become_follower();
      reset_election_timer(settings_.election_timeout_ms);
    }
    return;
  }
  for (std::size_t i = 0; i < executed.size(); ++i) {
    take_result(std::move(executed[i]), done.results[i]);
  }
  advance_commit();
  if (!leading_) return;
  settle();
  serve_held_fetches();
}

void Core::take_result(Pending pending, const ExecuteResult& result) {
  pending.revision = result.revision;
  pending.detail = result.detail;
  if (pending.kind == ProposalKind::empty) leading_->term_start = result.revision;
  if (pending.kind == ProposalKind::membership) leading_->members_change_queued = false;
  switch (result.outcome) {
    case ExecuteOutcome::failed: answer(pending, AnswerKind::failed); return;
    case ExecuteOutcome::appended:
      if (pending.ack == Ack::leader) {
        answer(pending, AnswerKind::done);
      } else {
        leading_->writes.push_back(std::move(pending));
      }
      return;
    case ExecuteOutcome::unchanged:
    case ExecuteOutcome::refused: break;
  }
  const bool refused = result.outcome == ExecuteOutcome::refused;
  pending.answer = refused ? AnswerKind::refused : AnswerKind::done;
  const bool is_read = pending.ack == Ack::quorum && rules_.unchanged_write_is_a_read();
  if (is_read || pending.kind != ProposalKind::write) {
    wait_for_confirmation(std::move(pending));
  } else {
    answer(pending, pending.answer);
  }
}

// ---- Reads ---------------------------------------------------------------------------------

// The read was made in a term in which we led, and we still lead it: so we led all along.
void Core::read(std::int64_t now_ms, const ReadRequest& request) {
  now_ms_ = std::max(now_ms_, now_ms);
  if (!leading_ || request.term != hard_.term) {
    answer(request.id, AnswerKind::not_leader, 0, {});
  } else if (leading_->reads.size() >= kAnswersWaitingMax) {
    answer(request.id, AnswerKind::busy, 0, {});
  } else {
    Pending pending;
    pending.id = request.id;
    pending.revision = request.revision;
    pending.deadline_ms = now_ms_ + settings_.write_timeout_ms;
    wait_for_confirmation(std::move(pending));
  }
  finish();
}

// A round under way began before this read, so it proves nothing for it: the next one does, for
// all that came meanwhile.
void Core::wait_for_confirmation(Pending pending) {
  const bool round_open = leading_->round > leading_->round_confirmed;
  pending.round = leading_->round + 1;
  leading_->reads.push_back(std::move(pending));
  if (!round_open) {
    ++leading_->round;
    ping_all();
  }
  confirm_rounds();
}

void Core::confirm_rounds() {
  std::vector<std::uint64_t> rounds;
  if (members_.is_voter(self_)) rounds.push_back(leading_->round);
  for (const auto& [id, peer] : leading_->peers) {
    if (members_.is_voter(id)) rounds.push_back(peer.round);
  }
  const std::size_t quorum = rules_.quorum(members_.voter_count());
  if (quorum == 0 || rounds.size() < quorum) return;
  std::sort(rounds.begin(), rounds.end(), std::greater<>());
  leading_->round_confirmed = std::max(leading_->round_confirmed, rounds[quorum - 1]);
  settle();
  const bool more =
      std::any_of(leading_->reads.begin(), leading_->reads.end(),
                  [this](const Pending& pending) { return pending.round > leading_->round; });
  if (!more || leading_->round > leading_->round_confirmed) return;
  ++leading_->round;
  ping_all();
  if (quorum == 1) confirm_rounds();
}

// ---- Answers -------------------------------------------------------------------------------

void Core::answer(const Pending& pending, AnswerKind kind) {
  switch (pending.kind) {
    case ProposalKind::empty: return;
    case ProposalKind::merge:
      if (leading_ && pending.merge_from == self_) {
        const std::size_t count = std::exchange(leading_->merging_own, 0);
        if (kind == AnswerKind::done) forget_set_aside(count);
      } else if (leading_) {
        const auto peer = leading_->peers.find(pending.merge_from);
        if (peer == leading_->peers.end()) return;
        const std::uint64_t asked = std::exchange(peer->second.merge_id, 0);
        if (kind == AnswerKind::done) send(pending.merge_from, MergeReply{asked});
      }
      return;
    case ProposalKind::write:
    case ProposalKind::membership:
      answer(pending.id, kind, pending.revision, pending.detail);
      return;
  }
}

// Answers all that the commit and the confirmed round allow.
void Core::settle() {
  auto& writes = leading_->writes;
  while (!writes.empty() && rules_.write_is_done(writes.front().revision, committed_)) {
    answer(writes.front(), AnswerKind::done);
    writes.pop_front();
  }
  std::vector<Pending> waiting;
  for (Pending& pending : leading_->reads) {
    if (rules_.read_is_confirmed(pending.round, leading_->round_confirmed) &&
        rules_.read_is_committed(pending.revision, committed_)) {
      answer(pending, pending.answer);
    } else {
      waiting.push_back(std::move(pending));
    }
  }
  leading_->reads = std::move(waiting);
}

void Core::expire_waiting() {
  auto& writes = leading_->writes;
  while (!writes.empty() && writes.front().deadline_ms <= now_ms_) {
    answer(writes.front(), AnswerKind::unknown);
    writes.pop_front();
  }
  const auto is_late = [this](const Pending& pending) {
    if (pending.deadline_ms > now_ms_) return false;
    answer(pending, AnswerKind::unknown);
    return true;
  };
  std::erase_if(leading_->reads, is_late);
  auto& queue = leading_->queue;
  while (!queue.empty() && queue.front().deadline_ms <= now_ms_ &&
         queue.front().proposal.kind == ProposalKind::write) {
    answer(queue.front().proposal.id, AnswerKind::busy, 0, {});
    queue.pop_front();
  }
}

// ---- Membership and transfer ---------------------------------------------------------------

void Core::change_members(std::int64_t now_ms, const MembersRequest& request) {
  now_ms_ = std::max(now_ms_, now_ms);
  if (!leading_) {
    answer(request.id, AnswerKind::not_leader, 0, {});
  } else {
    propose_members(request);
  }
  finish();
}

void Core::propose_members(const MembersRequest& request) {
  const bool pending = leading_->members_change_queued || members_.revision > committed_;
  const bool term_has_commit = leading_->term_start != 0 && committed_ >= leading_->term_start;
  if (!rules_.may_change_members(pending, term_has_commit) || leading_->transfer) {
    answer(request.id, AnswerKind::busy, 0, "another change is under way; try again");
    return;
  }
  base::Result<std::vector<Member>> changed = changed_members(request);
  if (!changed.ok()) {
    answer(request.id, AnswerKind::refused, committed_, changed.error().message);
    return;
  }
  Proposal proposal;
  proposal.id = request.id;
  proposal.kind = ProposalKind::membership;
  proposal.members = *std::move(changed);
  proposal.payload = request.author;
  leading_->members_change_queued = true;
  enqueue(std::move(proposal));
}

// A voter comes in as a learner first, so that the quorum never waits for an empty node.
base::Result<std::vector<Member>> Core::changed_members(const MembersRequest& request) const {
  using base::Error;
  using base::ErrorCode;
  std::vector<Member> members = members_.members;
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& m) { return m.id == request.member; });
  if (request.change == MemberChange::add_learner) {
    if (found != members.end()) {
      return Error(ErrorCode::conflict, "member_exists", request.member + " is a member already");
    }
    members.push_back({request.member, MemberKind::learner});
  } else if (found == members.end()) {
    return Error(ErrorCode::not_found, "no_member",
                 request.member + " is no member; `ml-guard members` lists them");
  } else if (request.change == MemberChange::promote) {
    const auto peer = leading_->peers.find(request.member);
    if (peer == leading_->peers.end() ||
        peer->second.match + kPromoteLagRevisionsMax < tail_.revision) {
      return Error(ErrorCode::unavailable, "member_behind",
                   request.member + " has not caught up yet; try again when its lag is small");
    }
    found->kind = MemberKind::voter;
  } else {
    if (found->kind == MemberKind::voter && members_.voter_count() == 1) {
      return Error(ErrorCode::invalid_argument, "last_voter",
                   request.member + " is the only voter; add another one first");
    }
    members.erase(found);
  }
  const base::Status checked = check_members(members);
  if (!checked.ok()) return checked.error();
  return members;
}

void Core::transfer(std::int64_t now_ms, const TransferRequest& request) {
  now_ms_ = std::max(now_ms_, now_ms);
  if (!leading_) {
    answer(request.id, AnswerKind::not_leader, 0, {});
  } else if (leading_->transfer) {
    answer(request.id, AnswerKind::busy, 0, "another transfer is under way; try again");
  } else if (request.target == self_) {
    answer(request.id, AnswerKind::done, tail_.revision, {});
  } else if (!members_.is_voter(request.target)) {
    answer(request.id, AnswerKind::refused, 0, request.target + " is not a voter");
  } else {
    leading_->transfer =
        Transfer{request.id, request.target, now_ms_ + settings_.transfer_timeout_ms, false};
    tick_transfer();
  }
  finish();
}

// New writes wait elsewhere until the target holds all that we hold; then it stands at once.
void Core::tick_transfer() {
  auto& transfer = leading_->transfer;
  if (!transfer) return;
  if (now_ms_ >= transfer->deadline_ms) {
    answer(transfer->id, AnswerKind::failed, tail_.revision,
           transfer->target + " did not take over in time; this node leads on");
    transfer.reset();
    return;
  }
  const auto peer = leading_->peers.find(transfer->target);
  const bool idle = !log_command_ && leading_->queue.empty();
  if (transfer->sent || !idle || peer == leading_->peers.end()) return;
  if (peer->second.match < tail_.revision) return;
  transfer->sent = true;
  send(transfer->target, TransferNow{});
}

}  // namespace mlguard::replicator
