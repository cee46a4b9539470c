// Who takes part in the cluster, as the store keeps it. Passive data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mlguard::db {

struct ClusterMember {
  std::string address;  // host:port, as peers call it.
  bool voter = true;    // false: a learner.
  friend bool operator==(const ClusterMember&, const ClusterMember&) = default;
};

struct Membership {
  std::vector<ClusterMember> members;  // By address.
  std::uint64_t revision = 0;          // That decided so; 0: what the cluster began with.
};

}  // namespace mlguard::db
