// What must hold, checked after every step of every node against everything seen so far; throws
// Violation. It sees all nodes at once, which no node can. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "node.h"
#include "storage.h"
#include "world.h"

namespace mlguard::sim {

// What happened in a run: proof that the interesting things do happen.
struct Coverage {
  std::uint64_t elections = 0;
  std::uint64_t committed = 0;
  std::uint64_t merges = 0;
  std::uint64_t merged_rows = 0;
  std::uint64_t conflicts = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t member_changes = 0;
  std::uint64_t refused_by_disk = 0;
  std::uint64_t operations = 0;
  std::uint64_t unknown_operations = 0;
  std::uint64_t undecided_histories = 0;
};
void add(Coverage& sum, const Coverage& more);

class Oracle {
 public:
  explicit Oracle(const Trace& trace) : trace_(trace) {}

  // After every input of a node.
  void check(const Node& node);
  // Before and after every storage command that took place.
  void note_start(const Node& node, const StorageCommand& command);
  void note_run(const Node& node, const StorageCommand& command, const StorageDone& done);
  // From here to its end the node's state is about to be replaced: what others commit meanwhile it
  // cannot have known.
  void note_install_ordered(const Node& node) { seen_[node.id()].install_ordered = true; }
  void note_alarm(const Node& node, const replicator::Alarm& alarm);
  // A client was told that its write is done. `detail` is the storage's.
  void note_quorum_ack(const std::string& request, Revision revision, const std::string& detail);
  void note_leader_ack(const std::string& request) { leader_acked_.insert(request); }

  // Once everything has settled on `node`: nothing acknowledged is missing, every loser recorded.
  void check_settled(const Node& node) const;

  Revision committed() const { return truth_.size(); }
  const Coverage& coverage() const { return coverage_; }
  Coverage& coverage() { return coverage_; }

 private:
  struct Committed {
    Position position;
    EntryContent content;
    Term committed_in = 0;
  };
  // Every entry that ever became durable on a leader, and where it continued from.
  struct Archived {
    Position previous;
    EntryContent content;
  };
  struct Seen {
    Revision committed = 0;  // Reported by this incarnation.
    std::uint64_t incarnation = 0;
    Revision shown = 0;  // The highest committed revision that its state has shown.
    Term led = 0;
    bool install_ordered = false;
  };

  void check_leader(const Node& node, const replicator::CoreStatus& status, Seen& seen);
  void check_committed(const Node& node, const replicator::CoreStatus& status, Seen& seen);
  void check_shown(const Node& node, Seen& seen);
  void commit(const Node& node, const Position& position, Term term);
  void commit_through_snapshot(const Node& node, Term term);
  void replay(const Committed& entry, std::map<std::string, Row>& state) const;
  void check_nothing_vanished(const Node& node) const;
  bool has_seen(const Row& row, const Row& earlier) const;

  const Trace& trace_;
  std::map<Term, std::string> leaders_;
  std::vector<Committed> truth_;  // Revision 1 is at 0.
  std::map<std::string, Seen> seen_;
  std::set<std::string> committed_requests_;
  std::set<std::string> leader_acked_;
  // Of every write that became durable anywhere (a retried one may have, twice), the write that
  // stood before it where it was made.
  std::map<std::string, std::string> predecessor_;
  std::map<std::string, Row> before_;
  Position tail_before_;
  std::map<replicator::Digest, Archived> archive_;
  Coverage coverage_;
};

}  // namespace mlguard::sim
