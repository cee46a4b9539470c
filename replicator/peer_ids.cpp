#include "replicator/peer_ids.h"

namespace mlguard::replicator {

base::Status PeerIds::check(const NodeId& peer, const std::string& node_id, bool& is_new) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(peer);
  is_new = found == known_.end();
  if (is_new || found->second == node_id) return {};
  return base::Error{
      base::ErrorCode::conflict, "peer_replaced",
      peer + " came back with another state (its id was " + found->second + ", now " + node_id +
          "): it may have forgotten a vote. Let it in anew:  ml-guard member remove " + peer +
          "  then  ml-guard member add " + peer};
}

void PeerIds::keep(const NodeId& peer, const std::string& node_id) {
  const std::lock_guard lock(mutex_);
  known_[peer] = node_id;
}

std::vector<NodeId> PeerIds::drop_strangers(const Membership& members) {
  std::vector<NodeId> dropped;
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [&](const auto& each) {
    if (members.find(each.first) != nullptr) return false;
    dropped.push_back(each.first);
    return true;
  });
  return dropped;
}

}  // namespace mlguard::replicator
