// The decisions on which safety and calm rest, each in one place and with its reason, so that the
// proof in docs/replication.md can point at them, and so that tests can replace one by a wrong one
// and see the simulator notice (tests/sim/mutations.h). The product uses this class as it is.
// Stateless: safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "replicator/types.h"

namespace mlguard::replicator {

class Rules {
 public:
  virtual ~Rules() = default;

  // ---- Elections ----
  // A voter grants only to a log at least as recent as its own, or a leader could lack a committed
  // entry: first the term of the last entry, then its revision.
  virtual bool log_is_recent_enough(Term candidate_term, Revision candidate_tail,
                                    const Position& own_tail) const;
  // One vote a term, or a term could have two leaders.
  virtual bool vote_is_free(const NodeId& voted_for, const NodeId& candidate) const;
  // More than half, so that any two quorums share a voter.
  virtual std::size_t quorum(std::size_t voters) const;
  // Asking first keeps a node that was cut off from raising the term and deposing a good leader.
  virtual bool asks_before_campaign() const;
  // A voter stands by a leader it hears, whoever asks.
  virtual bool stands_by_leader(std::int64_t leader_silent_ms, std::int64_t loyalty_ms) const;
  // A leader that hears no majority steps down, so that its clients look elsewhere.
  virtual bool leads_on(std::size_t voters_heard, std::size_t voters) const;

  // ---- Commit ----
  // Counting copies commits only from the leader's own first entry on (Raft §5.4.2, figure 8).
  virtual bool commits_by_counting(Revision candidate, Revision term_start) const;
  // A new leader's empty entry, without which entries of older terms could stay uncommitted.
  virtual bool opens_term_with_entry() const;
  // An acknowledgement is a promise: only what is durable.
  virtual Position acknowledged(const Position& durable, const Position& being_written) const;
  // The leader's commit holds here only as far as this log is known to agree with the leader's.
  virtual Revision follower_commit(Revision leader_committed, Revision agreed,
                                   Revision own_tail) const;
  // Same revision is not same history.
  virtual bool agrees(const Digest& leader, const Digest& follower) const;

  // ---- Answers ----
  virtual bool write_is_done(Revision write, Revision committed) const;
  // A read, and a write that changed nothing, is true only if we still led after it was made, and
  // if everything it saw is committed.
  virtual bool read_is_confirmed(std::uint64_t round_needed, std::uint64_t round_confirmed) const;
  virtual bool read_is_committed(Revision read, Revision committed) const;
  // Whether a write that changed nothing is a read in that sense: it tells of the state, too.
  virtual bool unchanged_write_is_a_read() const;

  // ---- Membership, divergence ----
  // One change at a time, and none before the term has a committed entry, or two majorities could
  // be disjoint.
  virtual bool may_change_members(bool change_pending, bool term_has_commit) const;
  // What a diverged node alone holds is kept when its state is replaced, until it is merged.
  virtual Revision keeps_after(Revision common, Revision own_tail) const;
};

}  // namespace mlguard::replicator
