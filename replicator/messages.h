// What nodes say to each other. docs/replication.md shows every sequence. Passive data; how they
// travel (HTTP, sealed) is the transport's business, and any of them may be lost, doubled,
// delayed or reordered.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "replicator/types.h"

namespace mlguard::replicator {

// Leader → every member, each ping_interval_ms, and at once when a read wants confirmation.
struct Ping {
  Revision tail = 0;
  Revision committed = 0;
  std::uint64_t round = 0;  // Echoed by Pong: proves leadership after the round began.
};
struct Pong {
  std::uint64_t round = 0;
};

enum class VoteKind {
  pre,       // "Would you vote for me?" Message::term is the term it would campaign in.
  real,      // Binding.
  transfer,  // Binding, and asked for by the leader itself: a live leader does not matter.
};
struct VoteRequest {
  VoteKind kind = VoteKind::pre;
  Revision tail_revision = 0;
  Term tail_term = 0;
};
struct VoteReply {
  VoteKind kind = VoteKind::pre;
  bool granted = false;
};

// Follower → leader. Acknowledges that everything up to `after` is durable here.
struct Fetch {
  std::uint64_t id = 0;
  Revision after = 0;
  Digest digest{};         // At `after`.
  Revision committed = 0;  // What the follower knows; a move past it answers the wait.
};
enum class FetchOutcome {
  entries,          // Perhaps none: the wait is over, or only the commit moved.
  diverged,         // Another digest at `after`, or `after` is beyond the leader's tail.
  snapshot_needed,  // `after` is before the leader's log.
  not_leader,       // Message::term tells whether to look elsewhere.
  not_member,       // The leader's membership does not hold this node.
};
struct FetchReply {
  std::uint64_t id = 0;
  FetchOutcome outcome = FetchOutcome::entries;
  Revision tail = 0;
  Revision committed = 0;
  std::vector<Entry> entries;
};

struct ProbePosition {
  Revision revision = 0;
  Digest digest{};
};
// Diverged follower → leader: where do we still agree? Ascending, at most kProbePositionsMax.
struct Probe {
  std::uint64_t id = 0;
  std::vector<ProbePosition> positions;
};
// `matching` is how many of them, from the first on, the leader's history holds.
struct ProbeReply {
  std::uint64_t id = 0;
  std::size_t matching = 0;
};

// Follower → leader: entries that I set aside when I took over your history, for merging.
struct MergeTail {
  std::uint64_t id = 0;
  Revision common = 0;  // Up to here the histories agree.
  std::vector<Entry> entries;
};
// Sent once the merged rows are committed.
struct MergeReply {
  std::uint64_t id = 0;
};

// Leader → the voter that shall take over: campaign now.
struct TransferNow {};

using Body = std::variant<Ping, Pong, VoteRequest, VoteReply, Fetch, FetchReply, Probe, ProbeReply,
                          MergeTail, MergeReply, TransferNow>;

struct Message {
  NodeId from;
  NodeId to;
  Term term = 0;
  Body body;
};

const char* name_of(const Body& body);

}  // namespace mlguard::replicator
