#include "mutations.h"

#include <algorithm>

namespace mlguard::sim {
namespace {

using replicator::Digest;
using replicator::NodeId;
using replicator::Position;
using replicator::Revision;
using replicator::Rules;
using replicator::Term;

struct VotesWithoutLogCheck : Rules {
  bool log_is_recent_enough(Term, Revision, const Position&) const override { return true; }
};
struct ComparesRevisionWithoutTerm : Rules {
  bool log_is_recent_enough(Term, Revision candidate_tail, const Position& own) const override {
    return candidate_tail >= own.revision;
  }
};
struct GrantsTwoVotesATerm : Rules {
  bool vote_is_free(const NodeId&, const NodeId&) const override { return true; }
};
struct CountsHalfAsMajority : Rules {
  std::size_t quorum(std::size_t voters) const override {
    return std::max<std::size_t>(1, voters / 2);
  }
};
struct SkipsPreVote : Rules {
  bool asks_before_campaign() const override { return false; }
};
struct DesertsItsLeader : Rules {
  bool stands_by_leader(std::int64_t, std::int64_t) const override { return false; }
};
struct LeadsWithoutMajority : Rules {
  bool leads_on(std::size_t, std::size_t) const override { return true; }
};
struct CountsEntriesOfOldTerms : Rules {
  bool commits_by_counting(Revision, Revision) const override { return true; }
};
struct OpensNoTerm : Rules {
  bool opens_term_with_entry() const override { return false; }
};
struct AcknowledgesBeforeDurable : Rules {
  Position acknowledged(const Position& durable, const Position& being_written) const override {
    return being_written.revision != 0 ? being_written : durable;
  }
};
struct CommitsOnTheLeadersWord : Rules {
  Revision follower_commit(Revision leader_committed, Revision, Revision own_tail) const override {
    return std::min(leader_committed, own_tail);
  }
};
struct IgnoresDigests : Rules {
  bool agrees(const Digest&, const Digest&) const override { return true; }
};
struct AnswersWritesBeforeMajority : Rules {
  bool write_is_done(Revision, Revision) const override { return true; }
};
struct ServesReadsUnconfirmed : Rules {
  bool read_is_confirmed(std::uint64_t, std::uint64_t) const override { return true; }
};
struct ServesReadsUncommitted : Rules {
  bool read_is_committed(Revision, Revision) const override { return true; }
};
struct TrustsUnchangedWrites : Rules {
  bool unchanged_write_is_a_read() const override { return false; }
};
struct ChangesMembersFreely : Rules {
  bool may_change_members(bool, bool) const override { return true; }
};
struct DropsItsOwnTail : Rules {
  Revision keeps_after(Revision, Revision own_tail) const override { return own_tail; }
};

template <class Wrong>
Mutation mutation(const char* name, std::uint64_t seeds_max) {
  return {name, std::make_shared<Wrong>(), false, seeds_max};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Mutation& mutation) {
  return out << mutation.name;
}

std::vector<Mutation> all_mutations() {
  return {
      mutation<VotesWithoutLogCheck>("votes without log check", 100),
      mutation<ComparesRevisionWithoutTerm>("compares revision without term", 500),
      mutation<GrantsTwoVotesATerm>("grants two votes a term", 100),
      {"forgets to persist the vote", std::make_shared<Rules>(), true, 100},
      mutation<CountsHalfAsMajority>("counts half as majority", 100),
      mutation<SkipsPreVote>("skips pre-vote", 100),
      mutation<DesertsItsLeader>("deserts a live leader", 100),
      mutation<LeadsWithoutMajority>("leads on without majority", 100),
      mutation<CountsEntriesOfOldTerms>("counts entries of old terms", 100),
      mutation<OpensNoTerm>("opens no term with an entry", 100),
      mutation<AcknowledgesBeforeDurable>("acknowledges before durable", 100),
      mutation<CommitsOnTheLeadersWord>("commits on the leader's word", 100),
      mutation<IgnoresDigests>("ignores digests", 100),
      mutation<AnswersWritesBeforeMajority>("answers writes before a majority", 100),
      mutation<ServesReadsUnconfirmed>("serves reads unconfirmed", 1500),
      mutation<ServesReadsUncommitted>("serves reads uncommitted", 100),
      mutation<TrustsUnchangedWrites>("trusts unchanged writes unconfirmed", 100),
      mutation<ChangesMembersFreely>("changes members freely", 1500),
      mutation<DropsItsOwnTail>("drops its own tail", 100),
  };
}

}  // namespace mlguard::sim
