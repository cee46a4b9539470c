// The nouns of the replication protocol: positions in the one ordered history, entries, members,
// and the named bounds of everything the core holds. Passive data. docs/replication.md explains.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::replicator {

// A node is called by its address, "host:port".
using NodeId = std::string;
using Revision = std::uint64_t;
using Term = std::uint64_t;

inline constexpr std::size_t kDigestBytes = 32;
inline constexpr std::size_t kVotersMax = 7;
inline constexpr std::size_t kLearnersMax = 16;
inline constexpr std::size_t kProposalsQueuedMax = 20'000;
inline constexpr std::size_t kProposalBatchCommandsMax = 512;
inline constexpr std::size_t kProposalBatchBytesMax = 8 * 1024 * 1024;
inline constexpr std::size_t kAnswersWaitingMax = 50'000;  // writes and reads not answered yet
inline constexpr std::size_t kFetchEntriesMax = 1'024;
inline constexpr std::size_t kFetchBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kMergeEntriesMax = 256;
inline constexpr std::size_t kMergeBytesMax = 1024 * 1024;
inline constexpr std::size_t kProbePositionsMax = 32;
inline constexpr std::size_t kHeldMessagesMax = 1'024;  // waiting for the term to be durable
inline constexpr Revision kPromoteLagRevisionsMax = 1'000;

// The chained digest of the whole history up to and including one revision.
using Digest = std::array<std::uint8_t, kDigestBytes>;

// A point of the history. Equal (revision, digest) means equal history up to there.
struct Position {
  Revision revision = 0;
  Term term = 0;  // Of the entry at `revision`; 0 before the first.
  Digest digest{};
};
bool operator==(const Position& a, const Position& b);

struct Entry {
  Revision revision = 0;
  Term term = 0;
  Digest digest{};
  std::string payload;  // Only the store looks inside.
};
Position position_of(const Entry& entry);

enum class MemberKind { voter, learner };
struct Member {
  NodeId id;
  MemberKind kind = MemberKind::voter;
};
bool operator==(const Member& a, const Member& b);

// Who takes part, and which revision decided so (0: the configuration the cluster started with).
struct Membership {
  std::vector<Member> members;
  Revision revision = 0;

  const Member* find(std::string_view id) const;
  bool is_voter(std::string_view id) const;
  std::size_t voter_count() const;
  // How many voters other than `id` and `absent` sort before `id` by (port, host).
  std::size_t rank_of(std::string_view id, std::string_view absent) const;
};

// True when a sorts before b by (port, host): the lower one is the preferred leader.
bool sorts_before(std::string_view a, std::string_view b);

// Errors: invalid_argument naming the member: not "host:port", twice in the list, or too many.
base::Status check_members(const std::vector<Member>& members);

enum class Role { follower, pre_candidate, candidate, leader, learner };
const char* to_string(Role role);

// What survives a crash beside the log.
struct HardState {
  Term term = 0;
  NodeId voted_for;  // In `term`; empty: nobody yet.
};
bool operator==(const HardState& a, const HardState& b);

// What the store found at start.
struct Recovered {
  HardState hard_state;    // term is never below the last entry's term.
  Position tail;           // The last entry.
  Revision committed = 0;  // A lower bound: as of the last append.
  Membership membership;
};

}  // namespace mlguard::replicator
