#include "replicator/core.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mlguard::replicator {

const char* to_string(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::done: return "done";
    case AnswerKind::refused: return "refused";
    case AnswerKind::not_leader: return "not-leader";
    case AnswerKind::busy: return "busy";
    case AnswerKind::failed: return "failed";
    case AnswerKind::unknown: return "unknown";
  }
  return "unknown";
}

const char* to_string(AlarmKind kind) {
  switch (kind) {
    case AlarmKind::two_leaders: return "two-leaders";
    case AlarmKind::committed_differs: return "committed-differs";
    case AlarmKind::entries_mismatch: return "entries-mismatch";
    case AlarmKind::storage_refused: return "storage-refused";
  }
  return "unknown";
}

const char* to_string(FollowMode mode) {
  switch (mode) {
    case FollowMode::fetching: return "fetching";
    case FollowMode::probing: return "probing";
    case FollowMode::installing: return "installing";
  }
  return "unknown";
}

Core::Core(NodeId self, const Settings& settings, Recovered recovered, Parts parts,
           std::int64_t now_ms)
    : self_(std::move(self)),
      settings_(settings),
      log_(parts.log),
      jitter_(parts.jitter),
      rules_(parts.rules),
      now_ms_(now_ms),
      hard_(recovered.hard_state),
      hard_durable_(recovered.hard_state),
      tail_(recovered.tail),
      committed_(recovered.committed),
      members_(std::move(recovered.membership)),
      leader_heard_ms_(now_ms) {
  role_ = resting_role();
  following_.agreed = committed_;
  reset_election_timer(settings_.election_timeout_ms);
  // A single voter has nobody to wait for.
  if (members_.voter_count() == 1) election_deadline_ms_ = now_ms;
}

// ---- Inputs --------------------------------------------------------------------------------

void Core::tick(std::int64_t now_ms) {
  assert(now_ms >= now_ms_);
  now_ms_ = now_ms;
  if (role_ == Role::leader) {
    tick_leader();
  } else {
    tick_election();
  }
  finish();
}

void Core::receive(std::int64_t now_ms, const Message& message) {
  assert(now_ms >= now_ms_);
  now_ms_ = now_ms;
  if (message.to != self_ || message.from == self_) return;
  const auto* vote = std::get_if<VoteRequest>(&message.body);
  const bool is_pre_vote = vote != nullptr && vote->kind == VoteKind::pre;
  // A live leader is not deposed by whoever cannot hear it: the request is not even read.
  if (vote != nullptr && vote->kind == VoteKind::real && leader_is_alive()) return;
  const auto* reply = std::get_if<VoteReply>(&message.body);
  const bool grants_pre_vote = reply != nullptr && reply->kind == VoteKind::pre && reply->granted;
  if (message.term > hard_.term && !is_pre_vote && !grants_pre_vote) adopt_term(message.term);
  if (message.term < hard_.term) {
    answer_stale(message);
  } else {
    dispatch(message);
  }
  finish();
}

void Core::storage_done(std::int64_t now_ms, const StorageDone& done) {
  assert(now_ms >= now_ms_);
  now_ms_ = now_ms;
  if (done.outcome == StorageOutcome::refused) alarm(AlarmKind::storage_refused, done.problem);
  if (persisting_ == done.id) {
    vote_persisted(done);
  } else if (forgetting_ == done.id) {
    forgetting_.reset();
  } else if (following_.snapshot_id == done.id) {
    snapshot_fetched(done);
  } else if (log_command_ && log_command_->id == done.id) {
    log_command_done(done);
  }
  finish();
}

void Core::peer_lost(std::int64_t now_ms, const NodeId& peer) {
  assert(now_ms >= now_ms_);
  now_ms_ = now_ms;
  if (leading_) {
    const auto found = leading_->peers.find(peer);
    if (found != leading_->peers.end()) found->second.held.reset();
  } else if (peer == leader_ && !leader_lost_) {
    leader_lost_ = true;
    following_.ask_id = 0;
    if (follows()) reset_election_timer(settings_.lost_leader_timeout_ms);
  }
  finish();
}

// ---- Terms ---------------------------------------------------------------------------------

Role Core::resting_role() const {
  return members_.is_voter(self_) ? Role::follower : Role::learner;
}

// Also begins a fresh conversation: whoever leads next, nothing is assumed of their log but what
// is committed.
void Core::become_follower() {
  if (leading_) step_down();
  role_ = resting_role();
  votes_.clear();
  leader_.clear();
  leader_lost_ = false;
  following_ = Following{};
  following_.agreed = committed_;
}

void Core::adopt_term(Term term) {
  const bool led = role_ == Role::leader;
  if (led && leading_->transfer && leading_->transfer->sent) {
    // Handed over: somebody stands in a later term.
    answer(leading_->transfer->id, AnswerKind::done, tail_.revision, {});
    leading_->transfer.reset();
  }
  hard_ = HardState{term, {}};
  become_follower();
  if (led) reset_election_timer(settings_.election_timeout_ms);
}

// Whoever speaks in an older term learns of ours.
void Core::answer_stale(const Message& message) {
  if (std::holds_alternative<Ping>(message.body)) {
    send(message.from, Pong{});
  } else if (const auto* fetch = std::get_if<Fetch>(&message.body)) {
    send(message.from, FetchReply{fetch->id, FetchOutcome::not_leader, 0, 0, {}});
  } else if (const auto* vote = std::get_if<VoteRequest>(&message.body)) {
    send(message.from, VoteReply{vote->kind, false});
  }
}

void Core::dispatch(const Message& message) {
  struct Visitor {
    Core& core;
    const Message& message;
    void operator()(const Ping& body) const { core.on_ping(message, body); }
    void operator()(const Pong& body) const { core.on_pong(message, body); }
    void operator()(const VoteRequest& body) const { core.on_vote_request(message, body); }
    void operator()(const VoteReply& body) const { core.on_vote_reply(message, body); }
    void operator()(const Fetch& body) const { core.on_fetch(message, body); }
    void operator()(const Probe& body) const { core.on_probe(message, body); }
    void operator()(const MergeTail& body) const { core.on_merge_tail(message, body); }
    void operator()(const TransferNow&) const { core.on_transfer_now(message); }
    // Answers count only from the leader we asked.
    void operator()(const FetchReply& body) const {
      if (core.leader_ == message.from) core.on_fetch_reply(body);
    }
    void operator()(const ProbeReply& body) const {
      if (core.leader_ == message.from) core.on_probe_reply(body);
    }
    void operator()(const MergeReply& body) const {
      if (core.leader_ == message.from) core.on_merge_reply(body);
    }
  };
  std::visit(Visitor{*this, message}, message.body);
}

// ---- What leaves ---------------------------------------------------------------------------

void Core::send(const NodeId& to, Body body) { send_in_term(to, hard_.term, std::move(body)); }

// The network may lose messages anyway, so when too many are held the oldest go.
void Core::send_in_term(const NodeId& to, Term term, Body body) {
  if (held_.size() >= kHeldMessagesMax) held_.erase(held_.begin());
  held_.push_back(Message{self_, to, term, std::move(body)});
}

void Core::answer(std::uint64_t id, AnswerKind kind, Revision revision, std::string detail) {
  const NodeId& leader = role_ == Role::leader ? self_ : leader_;
  out_.answers.push_back(Answer{id, kind, revision, hard_.term, leader, std::move(detail)});
}

void Core::alarm(AlarmKind kind, std::string detail) {
  out_.alarms.push_back(Alarm{kind, std::move(detail)});
}

std::uint64_t Core::give_out(decltype(StorageCommand::what) what) {
  const std::uint64_t id = next_command_id_++;
  out_.storage.push_back(StorageCommand{id, std::move(what)});
  return id;
}

// Ends every input. Nothing is said in a term, or after a vote, that a crash could make us forget:
// messages leave only while the disk knows what we go by.
void Core::finish() {
  if (role_ == Role::leader) {
    pump_leader();
  } else {
    pump_follower();
  }
  if (hard_ == hard_durable_) {
    for (Message& message : held_) out_.messages.push_back(std::move(message));
    held_.clear();
    return;
  }
  if (persisting_ || now_ms_ < persist_retry_ms_) return;
  hard_persisting_ = hard_;
  persisting_ = give_out(PersistVote{hard_});
}

Output Core::take_output() { return std::exchange(out_, Output{}); }

std::int64_t Core::next_deadline_ms() const {
  const std::int64_t soon = now_ms_ + settings_.ping_interval_ms;
  if (leading_) return std::max(now_ms_, std::min(soon, leading_->next_ping_ms));
  if (role_ == Role::learner) return soon;
  return std::max(now_ms_, std::min(soon, election_deadline_ms_));
}

// ---- Storage completions -------------------------------------------------------------------

void Core::vote_persisted(const StorageDone& done) {
  persisting_.reset();
  if (done.outcome != StorageOutcome::durable) {
    // What was to be said is not; a node whose disk refuses does not stand for election.
    held_.clear();
    persist_retry_ms_ = now_ms_ + settings_.storage_retry_ms;
    if (role_ == Role::candidate) {
      become_follower();
      reset_election_timer(settings_.election_timeout_ms);
    }
    return;
  }
  hard_durable_ = hard_persisting_;
  if (role_ == Role::candidate && hard_durable_ == hard_) {
    votes_.insert(self_);
    count_votes();
  }
}

void Core::log_command_done(const StorageDone& done) {
  const LogCommand command = *log_command_;
  log_command_.reset();
  if (done.outcome == StorageOutcome::mismatch) {
    alarm(AlarmKind::entries_mismatch, done.problem);
  }
  if (done.outcome == StorageOutcome::durable) {
    tail_ = done.tail;
    has_set_aside_ = has_set_aside_ || command.installs;
    take_membership(done);
  }
  if (command.installs) {
    install_done(command, done);
  } else if (leading_ && command.term == hard_.term) {
    execute_done(done);
  } else {
    append_done(command, done);
  }
}

// A configuration counts from the moment it is in the log, committed or not (Raft §6).
void Core::take_membership(const StorageDone& done) {
  if (!done.membership) return;
  members_ = *done.membership;
  if (leading_) {
    sync_peers();
  } else if (role_ == Role::follower || role_ == Role::learner) {
    role_ = resting_role();
  }
}

// ---- Status --------------------------------------------------------------------------------

CoreStatus Core::status() const {
  CoreStatus status;
  status.self = self_;
  status.role = role_;
  status.term = hard_.term;
  status.leader = role_ == Role::leader ? self_ : leader_;
  status.tail = tail_;
  status.committed = committed_;
  status.opened = opened();
  status.mode = following_.mode;
  status.membership = members_;
  if (!leading_) {
    status.leader_silent_ms = now_ms_ - leader_heard_ms_;
    return status;
  }
  for (const auto& [id, peer] : leading_->peers) {
    const Member* member = members_.find(id);
    status.peers.push_back(PeerStatus{id, member ? member->kind : MemberKind::learner, peer.match,
                                      now_ms_ - peer.heard_ms});
  }
  return status;
}

bool Core::may_offer_snapshot(Term term) const { return leading_ && term == hard_.term; }

Revision Core::trimmable() const {
  if (!leading_) return committed_;
  Revision lowest = committed_;
  for (const auto& [id, peer] : leading_->peers) lowest = std::min(lowest, peer.match);
  return lowest;
}

}  // namespace mlguard::replicator
