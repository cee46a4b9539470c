#include "replicator/rules.h"

#include <algorithm>
#include <tuple>

namespace mlguard::replicator {

bool Rules::log_is_recent_enough(Term candidate_term, Revision candidate_tail,
                                 const Position& own_tail) const {
  return std::tie(candidate_term, candidate_tail) >= std::tie(own_tail.term, own_tail.revision);
}

bool Rules::vote_is_free(const NodeId& voted_for, const NodeId& candidate) const {
  return voted_for.empty() || voted_for == candidate;
}

std::size_t Rules::quorum(std::size_t voters) const { return voters / 2 + 1; }

bool Rules::asks_before_campaign() const { return true; }

bool Rules::stands_by_leader(std::int64_t leader_silent_ms, std::int64_t loyalty_ms) const {
  return leader_silent_ms < loyalty_ms;
}

bool Rules::leads_on(std::size_t voters_heard, std::size_t voters) const {
  return voters_heard >= quorum(voters);
}

bool Rules::commits_by_counting(Revision candidate, Revision term_start) const {
  return term_start != 0 && candidate >= term_start;
}

bool Rules::opens_term_with_entry() const { return true; }

Position Rules::acknowledged(const Position& durable, const Position& /*being_written*/) const {
  return durable;
}

Revision Rules::follower_commit(Revision leader_committed, Revision agreed,
                                Revision /*own_tail*/) const {
  return std::min(leader_committed, agreed);
}

bool Rules::agrees(const Digest& leader, const Digest& follower) const {
  return leader == follower;
}

bool Rules::write_is_done(Revision write, Revision committed) const { return committed >= write; }

bool Rules::read_is_confirmed(std::uint64_t round_needed, std::uint64_t round_confirmed) const {
  return round_confirmed >= round_needed;
}

bool Rules::read_is_committed(Revision read, Revision committed) const { return committed >= read; }

bool Rules::unchanged_write_is_a_read() const { return true; }

bool Rules::may_change_members(bool change_pending, bool term_has_commit) const {
  return !change_pending && term_has_commit;
}

Revision Rules::keeps_after(Revision common, Revision /*own_tail*/) const { return common; }

}  // namespace mlguard::replicator
