// What the core wants from the store, and what the store answers.
//
// The core hands out StorageCommands in Output::storage; whoever runs it executes them strictly in
// that order (FetchSnapshot beside them) and returns each StorageDone to Core::storage_done once
// its effect is durable. At most one command that touches the log is under way; PersistVote and
// ForgetSetAside may queue behind it. A command that is refused must have changed nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "replicator/types.h"

namespace mlguard::replicator {

// Entries that only this node held when it took over another history, kept until they are merged.
struct SetAside {
  Revision common = 0;  // Up to here the histories agreed.
  std::vector<Entry> entries;
};

// The log as it is now, durable entries only. Called synchronously by the core: keep it fast (the
// recent end is asked for most). Entries beyond what storage_done reported are ignored.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // The entry at `revision`, or the log's base (the last trimmed entry, or the snapshot it began
  // with). Nothing below the base or beyond the tail.
  virtual std::optional<Position> position_at(Revision revision) const = 0;
  // Entries after `after` up to `through`: at least one when there is one, else within both limits.
  // Empty when `after` is below the base or the log cannot be read.
  virtual std::vector<Entry> entries(Revision after, Revision through, std::size_t count_max,
                                     std::size_t bytes_max) const = 0;
  // The oldest entries set aside and not forgotten; those of one call parted at one point.
  virtual SetAside set_aside(std::size_t count_max, std::size_t bytes_max) const = 0;
};

// ---- What a leader has executed ------------------------------------------------------------

enum class ProposalKind {
  write,       // A client's; payload is the store's own encoding of the command, if any.
  empty,       // A new leader's first entry; payload says so to people.
  membership,  // `members` becomes the cluster's configuration; payload says who wished so.
  merge,       // `tail` is merged by row: last write wins, losers are kept, request ids dedupe.
};
enum class Ack {
  quorum,  // Answered once committed.
  leader,  // Answered once durable here: it may be lost, or merged later.
};
struct Proposal {
  std::uint64_t id = 0;  // The caller's; comes back in the answer.
  ProposalKind kind = ProposalKind::write;
  Ack ack = Ack::quorum;
  std::string payload;
  std::size_t bytes = 0;  // Of a command that whoever runs the store keeps outside `payload`.
  std::vector<Member> members;
  NodeId merge_from;
  // Merge: what stood here at `merge_common` was seen by the tail's writers, so that overwriting it
  // is no conflict.
  Revision merge_common = 0;
  std::vector<Entry> tail;
};

enum class ExecuteOutcome {
  appended,   // An entry at `revision` says so.
  unchanged,  // Nothing to change, or known by its request id. True of the state at `revision`.
  refused,    // The command does not fit the state at `revision` (compare-and-set, not found).
  failed,     // Not done, whatever the state: it cannot be read.
};
struct ExecuteResult {
  ExecuteOutcome outcome = ExecuteOutcome::failed;
  Revision revision = 0;
  std::string detail;  // The store's own encoding of the result or error, for the client.
};

// ---- Commands ------------------------------------------------------------------------------

struct PersistVote {
  HardState state;
};
// Leader: execute in order, one transaction, each change one entry of `term`.
struct Execute {
  Term term = 0;
  Revision committed = 0;  // Stored with it, as Recovered::committed.
  std::vector<Proposal> batch;
};
// Follower: append and apply, one transaction. `after` must be the tail and every digest must
// follow from the one before, else the answer is `mismatch`.
struct Append {
  Position after;
  Revision committed = 0;
  std::vector<Entry> entries;
};
// Bring a snapshot here that `from` takes while it leads `term`, holding at least `revision_min`.
// Touches neither log nor state; may take long, and runs beside everything else.
struct FetchSnapshot {
  NodeId from;
  Term term = 0;
  Revision revision_min = 0;
};
// Replace log and state by the snapshot of FetchSnapshot `fetch_id`; in the same transaction, set
// our own entries after `keep_after` aside. Hard state and what was set aside before stay.
struct InstallSnapshot {
  std::uint64_t fetch_id = 0;
  Revision keep_after = 0;
};
// The oldest `count` entries set aside are merged and committed.
struct ForgetSetAside {
  std::size_t count = 0;
};
struct StorageCommand {
  std::uint64_t id = 0;
  std::variant<PersistVote, Execute, Append, FetchSnapshot, InstallSnapshot, ForgetSetAside> what;
};

enum class StorageOutcome {
  durable,
  refused,   // Disk full, snapshot not to be had: nothing changed, it may be tried again.
  mismatch,  // The entries do not continue this log: a bug or damage. Nothing changed.
};
struct StorageDone {
  std::uint64_t id = 0;
  StorageOutcome outcome = StorageOutcome::durable;
  Position tail;                         // After Execute, Append and InstallSnapshot.
  std::optional<Membership> membership;  // When the command changed it.
  std::vector<ExecuteResult> results;    // Execute: one a proposal, in order.
  std::string problem;                   // For the operator, when not durable.
};

}  // namespace mlguard::replicator
