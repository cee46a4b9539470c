// Internal to the core: what it remembers in each role. See core.h.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replicator/messages.h"
#include "replicator/output.h"
#include "replicator/storage.h"
#include "replicator/types.h"

namespace mlguard::replicator {

// The one command under way that touches the log.
struct LogCommand {
  std::uint64_t id = 0;
  Term term = 0;     // The term we followed or led in when it was given out.
  Position writing;  // Append: the tail once it is durable.
  bool installs = false;
};

// A follower's conversation with its leader. Begins anew with each leader.
struct Following {
  FollowMode mode = FollowMode::fetching;
  std::uint64_t ask_id = 0;  // The question that waits for an answer; 0: none.
  std::int64_t asked_ms = 0;
  Revision asked_after = 0;
  std::int64_t retry_at_ms = 0;
  Revision leader_tail = 0;
  Revision leader_committed = 0;
  Revision agreed = 0;  // Up to here our log is the leader's.

  // Divergence: the histories agree at `common` and differ at `differs`.
  Revision common = 0;
  Revision differs = 0;
  std::vector<ProbePosition> probed;
  std::uint64_t snapshot_id = 0;  // The FetchSnapshot under way; 0: none.

  // Handing what was set aside to the leader.
  std::uint64_t merge_id = 0;
  std::int64_t merge_asked_ms = 0;
  std::size_t merge_count = 0;
};

struct HeldFetch {
  Fetch fetch;
  std::int64_t since_ms = 0;
};

struct PeerProgress {
  Revision match = 0;
  std::int64_t heard_ms = 0;
  std::uint64_t round = 0;
  std::optional<HeldFetch> held;
  // The merge under way for it: the latest question, and which entries. merge_id 0: none.
  std::uint64_t merge_id = 0;
  Revision merge_first = 0;
  Position merge_last;
};

// A proposal or read on its way to an answer.
struct Pending {
  std::uint64_t id = 0;
  ProposalKind kind = ProposalKind::write;
  Ack ack = Ack::quorum;
  NodeId merge_from;
  std::int64_t deadline_ms = 0;
  Revision revision = 0;
  std::uint64_t round = 0;
  AnswerKind answer = AnswerKind::done;
  std::string detail;
};

struct Transfer {
  std::uint64_t id = 0;
  NodeId target;
  std::int64_t deadline_ms = 0;
  bool sent = false;
};

struct QueuedProposal {
  Proposal proposal;
  std::int64_t deadline_ms = 0;
};

struct Leading {
  std::map<NodeId, PeerProgress> peers;
  Revision term_start = 0;           // Our first entry; 0 until it is durable.
  std::deque<QueuedProposal> queue;  // At most kProposalsQueuedMax.
  std::vector<Pending> executing;    // In the order of the command under way.
  std::deque<Pending> writes;        // Durable here, ascending; at most kAnswersWaitingMax.
  std::vector<Pending> reads;        // At most kAnswersWaitingMax.
  std::uint64_t round = 0;           // The latest confirmation round begun.
  std::uint64_t round_confirmed = 0;
  std::int64_t next_ping_ms = 0;
  bool members_change_queued = false;
  std::size_t merging_own = 0;  // Entries of our own set aside that are being merged.
  std::optional<Transfer> transfer;
};

}  // namespace mlguard::replicator
