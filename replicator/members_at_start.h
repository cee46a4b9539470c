// What a starting instance finds in its store, and whether it belongs to the cluster it was
// started for. Stateless.
#pragma once

#include <vector>

#include "base/result.h"
#include "db/sqlite_store.h"
#include "replicator/types.h"

namespace mlguard::replicator {

// The members as the store has them, in the core's words.
Membership membership_of(const db::Membership& found);

// The cluster's first members are kept at the first start. An instance that was alone until now may
// be started with others, and brings its history along, as long as all of it is still in its log.
// Errors: invalid_argument / "invalid_member"; conflict / "other_members", naming both and what to
// do.
base::Result<Recovered> recover(db::SqliteStore& store, const NodeId& self,
                                const std::vector<NodeId>& initial_members);

}  // namespace mlguard::replicator
