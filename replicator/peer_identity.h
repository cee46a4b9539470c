// Who an instance is among its peers: the cluster's peer key and its own name. Stateless.
#pragma once

#include "replicator/peer_channel.h"
#include "replicator/types.h"
#include "wire/credentials.h"
#include "wire/messages.h"

namespace mlguard::replicator {

inline PeerIdentity peer_identity(const wire::ClusterKey& cluster, const NodeId& self) {
  PeerIdentity identity;
  identity.keys.cluster_public_key = cluster.server_keys().public_key;
  identity.keys.own = cluster.peer_keys();
  identity.hello = wire::encode(wire::HandshakeHello{"", "etcd-server", self});
  return identity;
}

}  // namespace mlguard::replicator
