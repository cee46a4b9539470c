// Leading: pings, check-quorum, serving fetches, the commit rule, merging for others. See
// docs/replication.md, "Leading" and "Commit".
#include <algorithm>
#include <functional>
#include <utility>

#include "replicator/core.h"

namespace mlguard::replicator {

void Core::become_leader() {
  role_ = Role::leader;
  leader_ = self_;
  votes_.clear();
  leading_.emplace();
  sync_peers();
  if (rules_.opens_term_with_entry()) {
    Proposal empty;
    empty.kind = ProposalKind::empty;
    empty.payload = "term " + std::to_string(hard_.term) + " begins, led by " + self_;
    enqueue(std::move(empty));
  } else {
    leading_->term_start = tail_.revision + 1;
  }
  ping_all();
}

// Everybody who waits is told the truth: what was not given to the store will not happen, the rest
// is unknown.
void Core::step_down() {
  const Leading leading = std::move(*leading_);
  leading_.reset();
  leader_.clear();
  role_ = resting_role();
  for (const QueuedProposal& queued : leading.queue) {
    Pending pending;
    pending.id = queued.proposal.id;
    pending.kind = queued.proposal.kind;
    answer(pending, AnswerKind::not_leader);
  }
  for (const Pending& pending : leading.executing) answer(pending, AnswerKind::unknown);
  for (const Pending& pending : leading.writes) answer(pending, AnswerKind::unknown);
  for (const Pending& pending : leading.reads) answer(pending, AnswerKind::not_leader);
  if (leading.transfer) {
    answer(leading.transfer->id,
           leading.transfer->sent ? AnswerKind::unknown : AnswerKind::not_leader, tail_.revision,
           {});
  }
}

void Core::sync_peers() {
  auto& peers = leading_->peers;
  for (const Member& member : members_.members) {
    if (member.id == self_ || peers.count(member.id) != 0) continue;
    peers[member.id].heard_ms = now_ms_;
  }
  for (auto it = peers.begin(); it != peers.end();) {
    it = members_.find(it->first) != nullptr ? std::next(it) : peers.erase(it);
  }
}

std::size_t Core::voters_heard() const {
  std::size_t heard = members_.is_voter(self_) ? 1 : 0;
  for (const auto& [id, peer] : leading_->peers) {
    if (members_.is_voter(id) && now_ms_ - peer.heard_ms < settings_.election_timeout_ms) ++heard;
  }
  return heard;
}

void Core::tick_leader() {
  if (!rules_.leads_on(voters_heard(), members_.voter_count())) {
    become_follower();
    reset_election_timer(settings_.election_timeout_ms);
    return;
  }
  if (now_ms_ >= leading_->next_ping_ms) ping_all();
  for (auto& [id, peer] : leading_->peers) {
    if (!peer.held || now_ms_ - peer.held->since_ms < settings_.fetch_wait_ms) continue;
    serve_fetch(id, std::exchange(peer.held, std::nullopt)->fetch, true);
    if (!leading_) return;
  }
  tick_transfer();
  expire_waiting();
}

void Core::ping_all() {
  leading_->next_ping_ms = now_ms_ + settings_.ping_interval_ms;
  for (const auto& [id, peer] : leading_->peers) {
    send(id, Ping{tail_.revision, committed_, leading_->round});
  }
}

void Core::on_pong(const Message& message, const Pong& pong) {
  if (!leading_) return;
  const auto found = leading_->peers.find(message.from);
  if (found == leading_->peers.end()) return;
  found->second.heard_ms = now_ms_;
  found->second.round = std::max(found->second.round, pong.round);
  confirm_rounds();
}

void Core::on_fetch(const Message& message, const Fetch& fetch) {
  if (!leading_) {
    send(message.from, FetchReply{fetch.id, FetchOutcome::not_leader, 0, 0, {}});
    return;
  }
  const auto found = leading_->peers.find(message.from);
  if (found == leading_->peers.end()) {
    send(message.from, FetchReply{fetch.id, FetchOutcome::not_member, 0, 0, {}});
    return;
  }
  found->second.heard_ms = now_ms_;
  found->second.held.reset();
  if (!serve_fetch(message.from, fetch, false)) found->second.held = HeldFetch{fetch, now_ms_};
}

// False: agreed, but nothing new, so the fetch is to be held.
bool Core::serve_fetch(const NodeId& peer, const Fetch& fetch, bool wait_is_over) {
  FetchReply reply{fetch.id, FetchOutcome::entries, tail_.revision, committed_, {}};
  const auto here = fetch.after == tail_.revision  ? std::optional<Position>(tail_)
                    : fetch.after > tail_.revision ? std::nullopt
                                                   : log_.position_at(fetch.after);
  if (fetch.after > tail_.revision || (here && !rules_.agrees(here->digest, fetch.digest))) {
    reply.outcome = FetchOutcome::diverged;
  } else if (!here) {
    reply.outcome = FetchOutcome::snapshot_needed;
  } else {
    auto& progress = leading_->peers[peer];
    progress.match = std::max(progress.match, fetch.after);
    advance_commit();
    if (!leading_) return true;  // That commit removed us from the voters.
    reply.committed = committed_;
    if (fetch.after < tail_.revision) {
      reply.entries = log_.entries(fetch.after, tail_.revision, kFetchEntriesMax, kFetchBytesMax);
      if (reply.entries.empty()) reply.outcome = FetchOutcome::snapshot_needed;
    } else if (fetch.committed >= committed_ && !wait_is_over) {
      return false;
    }
  }
  send(peer, std::move(reply));
  return true;
}

// The log or the commit moved.
void Core::serve_held_fetches() {
  if (!leading_) return;
  for (auto& [id, peer] : leading_->peers) {
    if (!peer.held) continue;
    const Fetch& fetch = peer.held->fetch;
    if (fetch.after >= tail_.revision && fetch.committed >= committed_) continue;
    serve_fetch(id, std::exchange(peer.held, std::nullopt)->fetch, true);
    if (!leading_) return;
  }
}

void Core::on_probe(const Message& message, const Probe& probe) {
  if (!leading_ || leading_->peers.count(message.from) == 0) return;
  // Where one position agrees, all before it do.
  std::size_t matching = std::min(probe.positions.size(), kProbePositionsMax);
  for (; matching > 0; --matching) {
    const ProbePosition& theirs = probe.positions[matching - 1];
    if (theirs.revision > tail_.revision) continue;
    const auto ours = log_.position_at(theirs.revision);
    if (ours && rules_.agrees(ours->digest, theirs.digest)) break;
  }
  send(message.from, ProbeReply{probe.id, matching});
}

// Answered when the merge is committed, so that its sender may forget what it handed over. Asked
// the very same again meanwhile, the answer goes to the latest question; asked something else, it
// has to ask again.
void Core::on_merge_tail(const Message& message, const MergeTail& tail) {
  if (!leading_) return;
  const auto found = leading_->peers.find(message.from);
  if (found == leading_->peers.end() || tail.entries.empty()) return;
  found->second.heard_ms = now_ms_;
  PeerProgress& peer = found->second;
  const Revision first = tail.entries.front().revision;
  const Position last = position_of(tail.entries.back());
  if (peer.merge_id != 0) {
    if (peer.merge_first == first && peer.merge_last == last) peer.merge_id = tail.id;
    return;
  }
  if (leading_->queue.size() >= kProposalsQueuedMax) return;
  peer.merge_id = tail.id;
  peer.merge_first = first;
  peer.merge_last = last;
  Proposal merge;
  merge.kind = ProposalKind::merge;
  merge.merge_from = message.from;
  merge.merge_common = tail.common;
  merge.tail = tail.entries;
  enqueue(std::move(merge));
}

// ---- Commit --------------------------------------------------------------------------------

// The highest revision that a quorum of voters has durably.
Revision Core::quorum_match() const {
  std::vector<Revision> durable;
  if (members_.is_voter(self_)) durable.push_back(tail_.revision);
  for (const auto& [id, peer] : leading_->peers) {
    if (members_.is_voter(id)) durable.push_back(peer.match);
  }
  const std::size_t quorum = rules_.quorum(members_.voter_count());
  if (quorum == 0 || durable.size() < quorum) return 0;
  std::sort(durable.begin(), durable.end(), std::greater<>());
  return durable[quorum - 1];
}

void Core::advance_commit() {
  const Revision candidate = quorum_match();
  if (candidate <= committed_) return;
  if (!rules_.commits_by_counting(candidate, leading_->term_start)) return;
  committed_ = candidate;
  settle();
  // A leader that was removed leads until its removal is committed (thesis §4.2.2).
  if (!members_.is_voter(self_) && committed_ >= members_.revision) {
    become_follower();
    return;
  }
  serve_held_fetches();
}

}  // namespace mlguard::replicator
