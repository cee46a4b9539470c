// Opens the store as the one instance of a cluster, leading. For tests and benchmarks.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "db/store.h"
#include "replicator/replicator.h"
#include "wire/credentials.h"

namespace mlguard::support {

inline base::Result<std::unique_ptr<replicator::Replicator>> open_alone(
    const db::StoreOptions& store, base::Clock& clock) {
  constexpr std::int64_t kLeadWithinMs = 10'000;
  replicator::ReplicaOptions options;
  options.store = store;
  options.self = "localhost:2379";
  options.initial_members = {options.self};
  auto opened = replicator::Replicator::open(options, wire::ClusterKey::generate(), clock);
  if (!opened.ok()) return opened;
  if (!(*opened)->wait_for_leader(kLeadWithinMs)) {
    return base::Error{base::ErrorCode::timeout, "the instance does not lead"};
  }
  return opened;
}

}  // namespace mlguard::support
