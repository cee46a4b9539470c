// An instance that takes part in no votes and has no network path to the leader: it follows the
// folder that a leader ships to (segment_reader.h), polled every five seconds, and serves reads of
// its own state. Whatever needs the leader is refused as unavailable / "no_leader".
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "replicator/replicator.h"
#include "wire/credentials.h"

namespace mlguard::replicator {

// Opens or creates the state under `options.store.folder` and follows `folder` into it. Errors:
// those of Replicator::open(), but for members. The folder itself may come and go.
base::Result<std::unique_ptr<Replicator>> follow_folder(const ReplicaOptions& options,
                                                        const std::string& folder,
                                                        const wire::ClusterKey& cluster,
                                                        base::Clock& clock);

}  // namespace mlguard::replicator
