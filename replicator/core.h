// The replication protocol of one node, pure: inputs are messages, ticks with a given time, storage
// completions and clients' wishes; outputs are messages, storage commands and answers. No sockets,
// threads, clocks, files or logging inside, and no randomness but the Jitter passed in, so that the
// same code runs in the server and, exactly repeatable, under tests/sim. docs/replication.md has
// the states, the message sequences, and the argument why it is safe.
//
// Use: call one input, then take_output() and do what it says: storage commands in order, messages
// and answers in any order. Time given to the inputs must never go back.
//
// Threads: one thread at a time. The LogReader, Jitter and Rules must outlive the core.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replicator/core_state.h"
#include "replicator/messages.h"
#include "replicator/output.h"
#include "replicator/rules.h"
#include "replicator/settings.h"
#include "replicator/storage.h"
#include "replicator/types.h"

namespace mlguard::replicator {

// Where the core's randomness comes from.
class Jitter {
 public:
  virtual ~Jitter() = default;
  // From 0 to `bound_ms`, both included.
  virtual std::int64_t up_to_ms(std::int64_t bound_ms) = 0;
};

// A linearizable read: the shell noted role and term, saw that it led, read the state at `revision`
// and now asks whether the result may be handed out.
struct ReadRequest {
  std::uint64_t id = 0;
  Term term = 0;
  Revision revision = 0;
};

enum class MemberChange { add_learner, promote, remove };
struct MembersRequest {
  std::uint64_t id = 0;
  MemberChange change = MemberChange::add_learner;
  NodeId member;
  std::string author{};  // Who asked for it, for the audit trail.
};

struct TransferRequest {
  std::uint64_t id = 0;
  NodeId target;
};

class Core {
 public:
  struct Parts {
    const LogReader& log;
    Jitter& jitter;
    const Rules& rules;
  };
  // REQUIRES: validate(settings) and check_members(recovered.membership.members) are ok.
  Core(NodeId self, const Settings& settings, Recovered recovered, Parts parts,
       std::int64_t now_ms);

  // ---- Inputs ----
  void tick(std::int64_t now_ms);
  void receive(std::int64_t now_ms, const Message& message);
  void storage_done(std::int64_t now_ms, const StorageDone& done);
  // A connection to `peer` broke and a new one was refused.
  void peer_lost(std::int64_t now_ms, const NodeId& peer);
  // Each of these leads to exactly one Answer with its id, unless this node stops first.
  void propose(std::int64_t now_ms, Proposal proposal);
  void read(std::int64_t now_ms, const ReadRequest& request);
  void change_members(std::int64_t now_ms, const MembersRequest& request);
  void transfer(std::int64_t now_ms, const TransferRequest& request);

  // ---- Outputs ----
  Output take_output();
  // Tick no later than this.
  std::int64_t next_deadline_ms() const;
  CoreStatus status() const;
  // Parts of the status, without copies.
  Role role() const { return role_; }
  Term term() const { return hard_.term; }
  const NodeId& leader() const { return leader_; }
  Revision tail_revision() const { return tail_.revision; }
  Revision committed() const { return committed_; }
  const Membership& membership() const { return members_; }
  // It leads, and its first entry is durable.
  bool opened() const { return leading_ && leading_->term_start != 0; }
  // A snapshot asked for in `term` may be taken, and its last byte sent, only while this holds.
  bool may_offer_snapshot(Term term) const;
  // The log may be trimmed up to here without any member needing a snapshot for it (leader), or at
  // all (others). A log must never be trimmed beyond what is committed.
  Revision trimmable() const;

 private:
  // core.cpp: terms, dispatch, what leaves.
  void become_follower();
  void adopt_term(Term term);
  void dispatch(const Message& message);
  void answer_stale(const Message& message);
  void send(const NodeId& to, Body body);
  void send_in_term(const NodeId& to, Term term, Body body);
  void answer(std::uint64_t id, AnswerKind kind, Revision revision, std::string detail);
  void answer(const Pending& pending, AnswerKind kind);
  void alarm(AlarmKind kind, std::string detail);
  std::uint64_t give_out(decltype(StorageCommand::what) what);
  void finish();
  void vote_persisted(const StorageDone& done);
  void log_command_done(const StorageDone& done);
  void take_membership(const StorageDone& done);
  Role resting_role() const;

  // core_election.cpp
  bool leader_is_alive() const;
  bool may_stand() const;
  void reset_election_timer(std::int64_t timeout_ms);
  void tick_election();
  void start_pre_vote();
  void start_campaign(VoteKind kind);
  void ask_for_votes(VoteKind kind, Term term);
  void count_votes();
  void on_vote_request(const Message& message, const VoteRequest& request);
  void on_vote_reply(const Message& message, const VoteReply& reply);
  void on_transfer_now(const Message& message);

  // core_follower.cpp
  bool follows() const;
  void on_ping(const Message& message, const Ping& ping);
  void on_fetch_reply(const FetchReply& reply);
  void take_entries(const FetchReply& reply);
  void append_done(const LogCommand& command, const StorageDone& done);
  void install_done(const LogCommand& command, const StorageDone& done);
  void learn_commit(Revision leader_committed);
  void pump_follower();
  void send_fetch(const Position& acknowledged);
  bool ask_is_fresh() const;

  // core_divergence.cpp
  void start_probing();
  void send_probe();
  void on_probe_reply(const ProbeReply& reply);
  void take_over(Revision common);
  void fetch_snapshot();
  void snapshot_fetched(const StorageDone& done);
  void hand_set_aside();
  void merge_own_set_aside();
  void on_merge_reply(const MergeReply& reply);
  void forget_set_aside(std::size_t count);

  // core_leader.cpp
  void become_leader();
  void step_down();
  void tick_leader();
  void ping_all();
  void sync_peers();
  std::size_t voters_heard() const;
  void on_pong(const Message& message, const Pong& pong);
  void on_fetch(const Message& message, const Fetch& fetch);
  bool serve_fetch(const NodeId& peer, const Fetch& fetch, bool wait_is_over);
  void serve_held_fetches();
  void on_probe(const Message& message, const Probe& probe);
  void on_merge_tail(const Message& message, const MergeTail& tail);
  void advance_commit();
  Revision quorum_match() const;

  // core_clients.cpp
  void enqueue(Proposal proposal);
  void pump_leader();
  void execute_done(const StorageDone& done);
  void take_result(Pending pending, const ExecuteResult& result);
  void wait_for_confirmation(Pending pending);
  void confirm_rounds();
  void settle();
  void expire_waiting();
  void propose_members(const MembersRequest& request);
  base::Result<std::vector<Member>> changed_members(const MembersRequest& request) const;
  void tick_transfer();

  const NodeId self_;
  const Settings settings_;
  const LogReader& log_;
  Jitter& jitter_;
  const Rules& rules_;
  std::int64_t now_ms_;

  HardState hard_;          // What we go by,
  HardState hard_durable_;  // and what the disk knows of it. Messages wait until they are equal.
  std::optional<std::uint64_t> persisting_;
  HardState hard_persisting_;
  std::int64_t persist_retry_ms_ = 0;

  Position tail_;
  Revision committed_;
  Membership members_;
  std::optional<LogCommand> log_command_;
  bool has_set_aside_ = true;  // Until the store says that there is nothing.
  std::optional<std::uint64_t> forgetting_;

  Role role_ = Role::follower;
  NodeId leader_;
  std::int64_t leader_heard_ms_ = 0;
  bool leader_lost_ = false;
  std::int64_t election_deadline_ms_ = 0;
  std::set<NodeId> votes_;
  Following following_;
  std::optional<Leading> leading_;

  std::uint64_t next_command_id_ = 1;
  std::uint64_t next_ask_id_ = 1;
  std::vector<Message> held_;  // At most kHeldMessagesMax.
  Output out_;
};

}  // namespace mlguard::replicator
