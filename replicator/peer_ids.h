// PeerIds: which state each peer's address stands for. A peer that comes back with another id has
// lost its disk, and with it perhaps a vote: it is refused until it was removed and added again.
//
// Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "replicator/types.h"

namespace mlguard::replicator {

class PeerIds {
 public:
  explicit PeerIds(std::map<NodeId, std::string> known) : known_(std::move(known)) {}

  // conflict / "peer_replaced" when the address stood for another id. `is_new`: nothing was known.
  base::Status check(const NodeId& peer, const std::string& node_id, bool& is_new) const;
  void keep(const NodeId& peer, const std::string& node_id);
  // Forgets those that are no members, and says whom.
  std::vector<NodeId> drop_strangers(const Membership& members);

 private:
  mutable std::mutex mutex_;
  std::map<NodeId, std::string> known_;  // Guarded by mutex_.
};

}  // namespace mlguard::replicator
